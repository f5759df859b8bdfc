//! What is answered.

use json_patch::PatchOperation;

use crate::refusal::Refusal;
use crate::warning::Warning;

/// What is answered to a review.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It may go on, with a patch (RFC 6902) if there is something to write: only a mutating review has one.
    Allowed {
        /// Empty where nothing is to be written.
        patch: Vec<PatchOperation>,
        /// What is worth knowing.
        warnings: Vec<Warning>,
    },
    /// It may not.
    Refused(Refusal),
}

impl Verdict {
    /// It may go on as it is.
    pub const ALLOWED: Self = Self::Allowed { patch: Vec::new(), warnings: Vec::new() };
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
