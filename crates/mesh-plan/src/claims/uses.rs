//! Which workloads serve which names: those that a webhook would let claim them.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_model::claim::record_name;
use mesh_model::facts::{ClusterFacts, Workload};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::host::base_host;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host};
use mesh_model::origin::Origin;
use mesh_model::participation::{Participation, participation};
use mesh_model::policy::MeshPolicy;

/// A workload that serves a name.
#[derive(Debug, Clone)]
pub struct Use<'a> {
    /// Its cluster.
    pub cluster: &'a ClusterName,
    /// Itself.
    pub workload: &'a Workload,
    /// The base host of its name.
    pub host: Host,
    /// The owner of its namespace; none where nobody can be told.
    pub owner: Option<Arc<str>>,
}

/// Uses by the name of the record of their host; the oldest first.
pub type Uses<'a> = BTreeMap<Arc<str>, Vec<Use<'a>>>;

impl Use<'_> {
    /// The workload as a reason.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            cluster: self.cluster.clone(),
            kind: self.workload.kind.kind(),
            name: format!("{}/{}", self.workload.namespace, self.workload.name).into(),
        }
    }
}

/// Every use in the clusters that were seen.
pub fn uses<'a>(fleet: &'a FleetSnapshot, policy: &MeshPolicy) -> Uses<'a> {
    let mut uses = Uses::new();
    for (cluster, facts) in fleet.seen() {
        for workload in &facts.workloads {
            let Some(host) = served(workload, facts, policy) else { continue };
            let owner = owner(workload, facts, policy);
            let name = record_name(&host.as_str().into());
            uses.entry(name).or_default().push(Use { cluster, workload, host, owner });
        }
    }
    for uses in uses.values_mut() {
        uses.sort_by_key(|one| {
            let (workload, created) = (one.workload, one.workload.created);
            (created.is_none(), created, one.cluster.clone(), workload.namespace.clone(), Arc::clone(&workload.name))
        });
    }
    uses
}

/// Whether it may be that workloads were not seen.
pub(super) fn may_miss_uses(facts: &ClusterFacts) -> bool {
    let kinds = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Rollout, Kind::Namespace];
    kinds.iter().any(|kind| facts.unseen.contains(kind))
}

/// The base host that a workload serves, if it takes part in the mesh.
pub(super) fn served(workload: &Workload, facts: &ClusterFacts, policy: &MeshPolicy) -> Option<Host> {
    let namespace = facts.namespaces.get(&workload.namespace);
    let are_seen = !facts.unseen.contains(&Kind::Namespace);
    let serves = workload.kind.serves()
        && !policy.excludes(&workload.identity)
        && participation(workload.wish, namespace, are_seen, policy) == Participation::Serves;
    serves.then(|| base_host(&workload.env, &workload.identity, &policy.suffix, workload.keep_case).ok())?
}

pub(super) fn owner(workload: &Workload, facts: &ClusterFacts, policy: &MeshPolicy) -> Option<Arc<str>> {
    let known = facts.namespaces.get(&workload.namespace).and_then(|namespace| namespace.owner.clone());
    known.or_else(|| policy.owner_of(&workload.namespace, |_| None).map(Into::into))
}
