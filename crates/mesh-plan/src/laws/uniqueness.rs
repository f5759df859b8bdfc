//! L6: one host, one object; one address, one host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_istio::{DestinationRule, ServiceEntry};
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::owned::{ObjectKey, OwnedObject};
use mesh_model::policy::MeshPolicy;

use super::{Given, Law, Planner, Violation};
use crate::apply_model::apply;

/// L6: once the plan is applied, no two generated objects of a kind in a cluster claim one host, and no two
/// `ServiceEntry`s one virtual address. Two that a plan may not touch, held or of excluded identities, are not its doing.
pub fn hosts_and_addresses_are_unique(planner: Planner, given: Given<'_>) -> Result<(), Violation> {
    let plan = planner.all(given.fleet, given.policy, given.now);
    let after = apply(given.fleet, &plan);
    // Nothing is planned for what is held as a whole.
    let holds = plan.steps.iter().filter(|step| !step.is_write() && step.role.is_none());
    let held: BTreeSet<(&ClusterName, &ObjectKey)> = holds.map(|step| (&step.cluster, &step.key)).collect();
    for (cluster, facts) in after.reached() {
        let mut seen = BTreeMap::new();
        for (key, object) in &facts.owned {
            let is_fixed = held.contains(&(cluster, key)) || is_excluded(object, given.policy);
            for claimed in claims(key, object) {
                match seen.insert((key.kind, claimed.clone()), (key, is_fixed)) {
                    Some((other, others_is_fixed)) if !(is_fixed && others_is_fixed) => {
                        return Err(collision(cluster, &claimed, other, key));
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

fn is_excluded(object: &OwnedObject, policy: &MeshPolicy) -> bool {
    object.annotations.get(policy.keys.identity.as_str()).is_some_and(|identity| policy.excludes(identity))
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
