//! Warnings: what is admitted, and yet worth knowing.

use std::fmt;

use crate::refusal::{plain, shorten};

/// Longest text of a warning: API servers cut longer ones where there are many.
pub(crate) const MAX_TEXT: usize = 120;

/// What is worth knowing (product: claims and admission).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WarningCode {
    /// First deploy of a name: the claim is pending.
    Pending = 201,
    /// The view is older than the bound.
    StaleView = 202,
    /// The name was defaulted: the mutating webhook did not write it.
    Defaulted = 203,
    /// The service account is not yet among those that callers accept.
    AccountNotAccepted = 205,
    /// One owner serves the name from two namespaces of this cluster.
    SeveralNamespaces = 206,
}

impl WarningCode {
    /// Every code, in order.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::StaleView, Self::Defaulted, Self::AccountNotAccepted, Self::SeveralNamespaces];
}

/// `MESH-W201`.
impl fmt::Display for WarningCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MESH-W{}", *self as u16)
    }
}

/// A warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Of what.
    pub code: WarningCode,
    /// In words.
    pub what: String,
}

impl Warning {
    pub(crate) fn new(code: WarningCode, what: impl Into<String>) -> Self {
        Self { code, what: what.into() }
    }
}

/// `[MESH-W201] what`, in plain ASCII, at most 120 bytes.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.to_string();
        write!(f, "[{code}] {}", shorten(&plain(&self.what), MAX_TEXT - code.len() - "[] ".len()))
    }
}
