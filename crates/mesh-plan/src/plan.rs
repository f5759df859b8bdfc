//! What must change: steps, each with its reason and class.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_model::finding::Finding;
use mesh_model::name::{ClusterName, Host, Identity};
use mesh_model::owned::{ObjectKey, OwnedObject};
use serde::Serialize;

use crate::because::Because;
use crate::desired::{Body, Role};

/// Everything that must change in a fleet.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Sorted by host, then cluster, then kind; an object with an update and held values has two steps.
    pub steps: Vec<Step>,
    /// Problems, sorted.
    pub findings: Vec<Finding>,
    /// What was covered.
    pub coverage: Coverage,
}

/// What a plan covers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// Members, retired ones included.
    pub members: usize,
    /// Members that were seen.
    pub seen: usize,
    /// Members that were not, with the reason.
    pub unseen: BTreeMap<ClusterName, String>,
    /// Kinds that could not be read completely, by cluster.
    pub unseen_kinds: BTreeMap<ClusterName, Vec<String>>,
    /// Global names in scope.
    pub names: usize,
    /// Endpoints that are served: one per host and source cluster. The measure of removal budgets.
    pub served_endpoints: usize,
}

/// One step: what happens to one object of one cluster.
#[derive(Debug, Clone)]
pub struct Step {
    /// The cluster.
    pub cluster: ClusterName,
    /// The object.
    pub key: ObjectKey,
    /// The host it is for, if it can be told.
    pub host: Option<Host>,
    /// The base host of its name.
    pub base: Option<Host>,
    /// The identity of its name.
    pub identity: Option<Identity>,
    /// What the cluster is to the name.
    pub role: Option<Role>,
    /// What happens.
    pub action: Action,
    /// What it does to traffic.
    pub class: Class,
    /// Why, at least one.
    pub because: Vec<Because>,
    /// What changes, for a person: empty for holds.
    pub changes: Vec<Change>,
}

/// What happens to an object.
#[derive(Debug, Clone)]
pub enum Action {
    /// It does not exist.
    Create {
        /// What is written.
        body: Arc<Body>,
    },
    /// It exists and differs.
    Update {
        /// As it was read; foreign labels and annotations stay.
        base: Arc<OwnedObject>,
        /// What is written.
        body: Arc<Body>,
    },
    /// It exists and is not wanted.
    Delete {
        /// As it was read.
        base: Arc<OwnedObject>,
    },
    /// It would change if everything could be seen, or if somebody else's object did not stand in the way.
    Hold {
        /// What would happen otherwise: `change endpoints/c2-gw.example.`, `delete`, `create`.
        instead_of: String,
    },
}

/// What a step does to traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Only adds.
    Additive,
    /// Neither adds nor removes.
    Neutral,
    /// Deletes a host or DestinationRule, takes away an endpoint, exported namespace or accepted SAN, sets a region's
    /// weight to 0, changes a port, protocol or non-HTTP VIP.
    RemovesTraffic,
}

/// One change inside an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The field: `endpoints/c1-gw.example.`, `trafficPolicy/loadBalancer`, `metadata/labels/…`.
    pub field: String,
    /// Compact JSON before; none when it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Compact JSON after; none when it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Step {
    /// Whether the step writes; holds do not.
    pub fn is_write(&self) -> bool {
        !matches!(self.action, Action::Hold { .. })
    }
}

impl Plan {
    /// Whether nothing would be written.
    pub fn is_empty(&self) -> bool {
        !self.steps.iter().any(Step::is_write)
    }

    /// Counts for the last line: to add, to change, to delete, held, and clusters touched.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let mut clusters = std::collections::BTreeSet::new();
        for step in &self.steps {
            match step.action {
                Action::Create { .. } => counts.add += 1,
                Action::Update { .. } => counts.change += 1,
                Action::Delete { .. } => counts.delete += 1,
                Action::Hold { .. } => counts.hold += 1,
            }
            clusters.insert(&step.cluster);
        }
        counts.clusters = clusters.len();
        counts
    }
}

/// Counts of steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Objects to create.
    pub add: usize,
    /// Objects to change.
    pub change: usize,
    /// Objects to delete.
    pub delete: usize,
    /// Holds.
    pub hold: usize,
    /// Clusters with any step.
    pub clusters: usize,
}

/// Compares what is desired with what is held. Deletes only with proof; the rest is held.
pub fn plan(
    desired: &crate::desired::Desired,
    fleet: &mesh_model::fleet::FleetSnapshot,
    policy: &mesh_model::policy::MeshPolicy,
    scope: &crate::scope::Scope,
) -> Plan {
    let _ = (desired, fleet, policy, scope);
    Plan::default()
}
