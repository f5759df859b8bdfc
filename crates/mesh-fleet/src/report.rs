//! What came of writing a plan.

use mesh_model::name::ClusterName;
use mesh_model::owned::ObjectKey;
use serde::Serialize;

/// What came of each write, in the order it was tried. Partial failure is the normal case and lives in here.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ApplyReport {
    /// One row a step.
    pub results: Vec<StepResult>,
    /// Whether it stopped early because somebody asked.
    pub interrupted: bool,
    /// Whether servers were only asked what they would say, and nothing was stored.
    pub is_rehearsal: bool,
}

/// What came of one step.
#[derive(Debug, Clone, Serialize)]
pub struct StepResult {
    /// The cluster.
    pub cluster: ClusterName,
    /// The object.
    pub key: ObjectKey,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Written.
    Created,
    /// Written.
    Updated,
    /// Deleted.
    Deleted,
    /// Written, but for what leads to a source cluster that was not: run again.
    Incomplete(String),
    /// It was not as it had been read: run again.
    Moved(String),
    /// Could not be written: lower case, no final period.
    Failed(String),
    /// Not tried, since another step of its name failed or somebody interrupted.
    NotTried(String),
}

impl Outcome {
    /// Whether the step was written, to its end.
    pub fn is_written(&self) -> bool {
        matches!(self, Self::Created | Self::Updated | Self::Deleted)
    }
}

impl ApplyReport {
    /// How many steps were written.
    pub fn written(&self) -> usize {
        self.results.iter().filter(|result| result.outcome.is_written()).count()
    }

    /// How many were not.
    pub fn not_written(&self) -> usize {
        self.results.len() - self.written()
    }
}
