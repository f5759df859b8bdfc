//! L6: one host, one object; one address, one host.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_istio::{DestinationRule, ServiceEntry};
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::owned::{ObjectKey, OwnedObject};

use super::{Given, Law, Planner, Violation};
use crate::apply_model::apply;

/// L6: once the plan is applied, no two generated objects of a kind in a cluster claim one host, and no two
/// `ServiceEntry`s one virtual address.
pub fn hosts_and_addresses_are_unique(planner: Planner, given: Given<'_>) -> Result<(), Violation> {
    let plan = planner.all(given.fleet, given.policy, given.now);
    let after = apply(given.fleet, &plan);
    for (cluster, facts) in after.reached() {
        let mut seen = BTreeMap::new();
        for (key, object) in &facts.owned {
            for claimed in claims(key, object) {
                if let Some(other) = seen.insert((key.kind, claimed.clone()), key) {
                    return Err(collision(cluster, &claimed, other, key));
                }
            }
        }
    }
    Ok(())
}

/// The hosts and addresses that an object claims.
fn claims(key: &ObjectKey, object: &OwnedObject) -> Vec<Arc<str>> {
    match key.kind {
        Kind::ServiceEntry => serde_json::from_str::<ServiceEntry>(&object.spec)
            .map(|entry| entry.hosts.into_iter().chain(entry.addresses).collect())
            .unwrap_or_default(),
        Kind::DestinationRule => {
            serde_json::from_str::<DestinationRule>(&object.spec).map(|rule| vec![rule.host]).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn collision(cluster: &ClusterName, claimed: &str, one: &ObjectKey, other: &ObjectKey) -> Violation {
    Violation::new(Law::L6, format!("{cluster}: {one} and {other} both claim {claimed}"))
}
