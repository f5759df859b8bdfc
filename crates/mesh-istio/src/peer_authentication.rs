//! `PeerAuthentication` (security.istio.io/v1): whether a server takes mutual TLS.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::selector::WorkloadSelector;

/// `spec` of a PeerAuthentication.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PeerAuthentication {
    /// The workloads that it is for; none are all of its namespace.
    pub selector: Option<WorkloadSelector>,
    /// For every port.
    pub mtls: Option<Mtls>,
    /// By number of a port of the workload.
    pub port_level_mtls: BTreeMap<Arc<str>, Mtls>,
}

/// Whether mutual TLS is taken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Mtls {
    /// As written; see [`Mode`].
    pub mode: Arc<str>,
}

/// Whether a server takes mutual TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Plaintext only.
    Disable,
    /// Both. What counts where nothing is said.
    Permissive,
    /// Mutual TLS only.
    Strict,
}

impl Mtls {
    /// What it says, if it says anything of its own.
    pub fn mode(&self) -> Option<Mode> {
        match &*self.mode {
            "DISABLE" => Some(Mode::Disable),
            "PERMISSIVE" => Some(Mode::Permissive),
            "STRICT" => Some(Mode::Strict),
            _ => None,
        }
    }
}
