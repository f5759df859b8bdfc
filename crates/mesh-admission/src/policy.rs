//! How names are admitted: the fleet's policy, and what is set where the webhook is installed.

use std::sync::Arc;
use std::time::Duration;

use mesh_model::policy::MeshPolicy;

/// How names are admitted.
#[derive(Debug, Clone)]
pub struct NamePolicy {
    /// The fleet's policy.
    pub mesh: Arc<MeshPolicy>,
    /// Whether a name must be claimed before it is deployed.
    pub mode: Mode,
    /// How old the view of this cluster may be before that is said.
    pub max_view_age: Duration,
    /// What becomes of a name that a view which is too old does not know.
    pub on_stale: OnStale,
    /// How much a refusal tells of who holds a name.
    pub disclosure: Disclosure,
}

/// Whether a name must be claimed before it is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The first to deploy a name claims it.
    #[default]
    Optimistic,
    /// Only a name that is claimed is deployed.
    Strict,
}

/// What becomes of a name that a view which is too old does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnStale {
    /// It is admitted, with a warning.
    #[default]
    Warn,
    /// It is refused.
    Refuse,
}

/// How much a refusal tells of who holds a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Disclosure {
    /// Who, and where.
    #[default]
    Owner,
    /// The cluster that it was claimed in.
    Cluster,
    /// Only that somebody does.
    None,
}

impl NamePolicy {
    /// The defaults, over a fleet's policy.
    pub fn new(mesh: Arc<MeshPolicy>) -> Self {
        Self {
            mesh,
            mode: Mode::default(),
            max_view_age: Duration::from_mins(5),
            on_stale: OnStale::default(),
            disclosure: Disclosure::default(),
        }
    }
}
