//! Directory fleets: `PATH/<cluster>/**/*.yaml`, plain manifests, one folder a cluster (product contract §3).

use std::path::{Path, PathBuf};

use mesh_model::fleet::FleetSnapshot;
use mesh_model::policy::MeshPolicy;
use mesh_plan::plan::Plan;

use crate::report::ApplyReport;

mod apply;
mod error;
mod members;
mod observe;
mod open;
mod policy_file;
mod read;
mod rewrite;
mod walk;

pub use error::DirectoryError;
pub use policy_file::PolicyFile;

/// The policy's file, in the fleet's folder.
pub const POLICY_FILE: &str = "mesh.yaml";
/// The file that makes a cluster, or kinds of it, unseen.
pub const UNSEEN_FILE: &str = ".unseen";

/// A directory fleet that was opened: its folder is there and its policy is good.
#[derive(Debug, Clone)]
pub struct DirectoryFleet {
    /// As it was given, for messages.
    root: PathBuf,
    /// Without links, for telling what leaves it.
    real_root: PathBuf,
    policy: MeshPolicy,
}

impl DirectoryFleet {
    /// Opens the fleet in `root`. `policy` replaces its `mesh.yaml`, where given.
    pub fn open(root: &Path, policy: Option<MeshPolicy>) -> Result<Self, DirectoryError> {
        open::open(root, policy)
    }

    /// The policy that lies in the fleet of folder `root`; none when it has no `mesh.yaml`.
    pub fn stored_policy(root: &Path) -> Result<Option<MeshPolicy>, DirectoryError> {
        open::stored_policy(root)
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
        observe::observe(self)
    }

    /// Writes the steps of `plan`, ordered per name; `interrupted` is asked before each file.
    pub fn apply(&self, plan: &Plan, interrupted: &dyn Fn() -> bool) -> ApplyReport {
        apply::apply(self, plan, interrupted)
    }
}
