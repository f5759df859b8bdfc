//! L10: a client sees an endpoint only once the cluster behind it knows the host.

use std::collections::BTreeSet;

use mesh_istio::ServiceEntry;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::Part;
use mesh_model::owned::ObjectKey;

use super::{Law, Violation, name};
use crate::plan::{Action, Step};

/// L10: in the order of writing, no step adds an endpoint whose cluster neither holds the host's `ServiceEntry` already
/// nor was written before. Endpoints that any live object has are in use, and no news.
pub fn exposes_only_what_is_routed<'a>(
    fleet: &FleetSnapshot,
    in_order: impl IntoIterator<Item = &'a Step>,
) -> Result<(), Violation> {
    let mut routed: BTreeSet<(&ClusterName, &ObjectKey)> =
        fleet.reached().flat_map(|(cluster, facts)| facts.owned.keys().map(move |key| (cluster, key))).collect();
    let live = live_endpoints(fleet);
    for step in in_order {
        let (Action::Create { body } | Action::Update { body, .. }) = &step.action else { continue };
        routed.insert((&step.cluster, &step.key));
        if step.key.kind != Kind::ServiceEntry {
            continue;
        }
        let Ok(entry) = serde_json::from_str::<ServiceEntry>(&body.spec) else { continue };
        for endpoint in &entry.endpoints {
            let part = Part::Endpoint(endpoint.address.clone());
            let known = live.contains(&(&*step.key.name, endpoint.address.to_string()));
            let behind = body.origins.of(&part).find(|origin| origin.cluster != step.cluster);
            if let Some(origin) = behind.filter(|origin| !known && !routed.contains(&(&origin.cluster, &step.key))) {
                let what = format!("{}: {} is not routed in {} yet", name(step), endpoint.address, origin.cluster);
                return Err(Violation::new(Law::L10, what));
            }
        }
    }
    Ok(())
}

/// Object name and address of every endpoint that is live.
fn live_endpoints(fleet: &FleetSnapshot) -> BTreeSet<(&str, String)> {
    let objects = fleet.reached().flat_map(|(_, facts)| &facts.owned).filter(|(key, _)| key.kind == Kind::ServiceEntry);
    objects
        .filter_map(|(key, object)| Some((key, serde_json::from_str::<ServiceEntry>(&object.spec).ok()?)))
        .flat_map(|(key, entry)| entry.endpoints.into_iter().map(|e| (&*key.name, e.address.to_string())))
        .collect()
}
