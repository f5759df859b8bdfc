//! A fleet, whichever it is: no verb needs to know.

use std::fmt;

use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::policy::MeshPolicy;
use mesh_plan::plan::Plan;

use crate::directory::DirectoryFleet;
use crate::live::LiveFleet;
use crate::report::ApplyReport;
use crate::run::Run;

/// How much of a fleet is read. A directory fleet is always read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Claims, and the namespaces that tell whose they are. Every other kind is unseen.
    Claims,
    /// What decides what is generated.
    Plan,
    /// Also what decides what becomes of traffic.
    Traffic,
}

impl Depth {
    /// Whether objects of the kind are read.
    pub(crate) fn has(self, kind: Kind) -> bool {
        match self {
            Self::Claims => matches!(kind, Kind::GlobalName | Kind::GlobalNameSet | Kind::Namespace),
            Self::Plan => !kind.is_for_traffic_only(),
            Self::Traffic => true,
        }
    }
}

/// A fleet that was opened.
pub enum Fleet {
    /// Folders of manifests.
    Directory(Box<DirectoryFleet>),
    /// Clusters.
    Live(Box<LiveFleet>),
}

impl Fleet {
    /// The policy that counts.
    pub fn policy(&self) -> &MeshPolicy {
        match self {
            Self::Directory(fleet) => fleet.policy(),
            Self::Live(fleet) => fleet.policy(),
        }
    }

    /// Reads every member. Problems are findings and unseen clusters or kinds, never an error.
    pub fn observe(&self, depth: Depth, run: Run<'_>) -> FleetSnapshot {
        match self {
            Self::Directory(fleet) => fleet.observe(),
            Self::Live(fleet) => fleet.observe(depth, run),
        }
    }

    /// Writes the steps of `plan`, ordered per name.
    pub fn apply(&self, plan: &Plan, run: Run<'_>) -> ApplyReport {
        match self {
            Self::Directory(fleet) => fleet.apply(plan, run.interrupted),
            Self::Live(fleet) => fleet.apply(plan, run),
        }
    }
}

/// As a person named it.
impl fmt::Display for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(fleet) => fleet.root().display().fmt(f),
            Self::Live(fleet) => fleet.source().fmt(f),
        }
    }
}
