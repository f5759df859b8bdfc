//! L10: a client sees an endpoint only once the cluster behind it knows the host.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_istio::ServiceEntry;
use mesh_istio::service_entry::is_cluster_local;
use mesh_model::facts::ClusterFacts;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::Part;
use mesh_model::owned::ObjectKey;

use super::{Law, Violation, name};
use crate::desired::Role;
use crate::plan::{Action, Step};

/// L10: in the order of writing, no step adds an endpoint whose cluster does not route the host yet: its own
/// `ServiceEntry` leads to a Service of its own, by an earlier run or an earlier step, or somebody else's does. Endpoints that any live object has
/// are in use, and no news. What one source hears of another is not judged here: live fleets write new sources in turns.
pub fn exposes_only_what_is_routed<'a>(
    fleet: &FleetSnapshot,
    in_order: impl IntoIterator<Item = &'a Step>,
) -> Result<(), Violation> {
    let mut routed: BTreeSet<(&ClusterName, &ObjectKey)> = BTreeSet::new();
    for (cluster, facts) in fleet.reached() {
        let leading_home = facts.owned.iter().filter(|(_, object)| entry(&object.spec).is_some_and(|e| leads_home(&e)));
        routed.extend(leading_home.map(|(key, _)| (cluster, key)));
    }
    let live = live_endpoints(fleet);
    for step in in_order {
        let (Action::Create { body } | Action::Update { body, .. }) = &step.action else { continue };
        if step.key.kind != Kind::ServiceEntry {
            continue;
        }
        let Some(entry) = entry(&body.spec) else { continue };
        if leads_home(&entry) {
            routed.insert((&step.cluster, &step.key));
        }
        if step.role == Some(Role::Source) {
            continue;
        }
        for endpoint in &entry.endpoints {
            let part = Part::Endpoint(endpoint.address.clone());
            let known = live.contains(&(&*step.key.name, endpoint.address.to_string()));
            let behind = body.origins.of(&part).find(|origin| origin.cluster != step.cluster);
            let is_routed = |cluster: &ClusterName| {
                routed.contains(&(cluster, &step.key))
                    || fleet.facts(cluster).is_some_and(|facts| by_others(facts, &entry))
            };
            if let Some(origin) = behind.filter(|origin| !known && !is_routed(&origin.cluster)) {
                let what = format!("{}: {} is not routed in {} yet", name(step), endpoint.address, origin.cluster);
                return Err(Violation::new(Law::L10, what));
            }
        }
    }
    Ok(())
}

fn entry(spec: &str) -> Option<ServiceEntry> {
    serde_json::from_str(spec).ok()
}

/// Whether an entry leads to a Service of the cluster that holds it.
fn leads_home(entry: &ServiceEntry) -> bool {
    entry.endpoints.iter().any(|endpoint| is_cluster_local(&endpoint.address))
}

/// Whether somebody else's ServiceEntry leads `entry`'s host to workloads of its cluster.
fn by_others(facts: &ClusterFacts, entry: &ServiceEntry) -> bool {
    let on_host = |host: &Arc<str>| entry.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host));
    let under_port = |number: &u16| entry.ports.iter().any(|port| port.number == *number);
    facts.foreign.iter().any(|object| object.hosts.iter().any(on_host) && object.home_ports.iter().any(under_port))
}

/// Object name and address of every endpoint that is live.
fn live_endpoints(fleet: &FleetSnapshot) -> BTreeSet<(&str, String)> {
    let objects = fleet.reached().flat_map(|(_, facts)| &facts.owned).filter(|(key, _)| key.kind == Kind::ServiceEntry);
    objects
        .filter_map(|(key, object)| Some((key, entry(&object.spec)?)))
        .flat_map(|(key, entry)| entry.endpoints.into_iter().map(|e| (&*key.name, e.address.to_string())))
        .collect()
}
