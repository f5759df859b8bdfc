//! Whose workloads need not be read for the sake of some names.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_model::facts::ClusterFacts;
use mesh_model::policy::MeshPolicy;

use super::{All, Calls, Near, ending, lower};

/// Of `identities`, those whose workloads cannot matter to `names`, which are identities or hosts and no globs: in no env do
/// they meet them, by what was `read` of the clusters so far, and they call none of them. Everything but workloads and
/// Services must have been read.
pub fn beyond<'i>(
    read: &[&ClusterFacts],
    policy: &MeshPolicy,
    names: &[String],
    identities: &'i BTreeSet<String>,
) -> BTreeSet<&'i str> {
    let clusters = || read.iter().copied();
    let all = All::read(clusters(), policy);
    let wanted: BTreeSet<Arc<str>> = names.iter().map(|name| Arc::from(name.as_str())).collect();
    let mut near = all.near(policy, &wanted);
    for name in names {
        // Whether it is an identity or a host, only workloads tell.
        near.add(&ending(name, policy));
        near.add(&lower(name.clone()));
    }
    let mut rest: BTreeSet<&str> = identities.iter().map(String::as_str).collect();
    while meet(&mut near, &mut rest, &all, policy) {}
    let calls = Calls::of(&near, &all, clusters(), policy, &wanted);
    rest.retain(|identity| !calls.callers.contains(identity));
    rest
}

/// Takes out of `rest` whoever may have a host that meets what is near; false where there is nobody left who may.
fn meet(near: &mut Near, rest: &mut BTreeSet<&str>, all: &All<'_>, policy: &MeshPolicy) -> bool {
    all.close(near);
    let before = rest.len();
    let mut met = BTreeSet::new();
    rest.retain(|identity| {
        // In some env they have a host that ends in this.
        let ending = ending(identity, policy);
        let is_met = near.has(&ending);
        if is_met {
            met.insert(ending);
        }
        !is_met
    });
    near.extend(met.iter().map(String::as_str));
    rest.len() < before
}
