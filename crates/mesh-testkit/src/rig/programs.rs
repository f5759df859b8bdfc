//! What the rig starts, as `cargo xtask servers` built it.

use std::path::PathBuf;

use crate::programs;

/// The programs and files.
pub(super) struct Programs {
    /// pilot-discovery, which is istiod.
    pub(super) istiod: PathBuf,
    /// pilot-agent.
    pub(super) agent: PathBuf,
    /// Envoy.
    pub(super) envoy: PathBuf,
    /// Istio's template of Envoy's first configuration.
    pub(super) bootstrap: PathBuf,
    /// Our client of istiod.
    pub(super) probe: PathBuf,
    /// Our writer of nftables rules.
    pub(super) rules: PathBuf,
}

impl Programs {
    /// None where they were not built, which is said.
    pub(super) fn find() -> Option<Self> {
        let found = || {
            Some(Self {
                istiod: programs::find_program("pilot-discovery")?,
                agent: programs::find_program("pilot-agent")?,
                envoy: programs::find_program("envoy")?,
                bootstrap: programs::find("envoy-bootstrap.json")?,
                probe: programs::find_program("mesh-probe")?,
                rules: programs::find_program("mesh-rules")?,
            })
        };
        let found = found();
        if found.is_none() {
            programs::skip("istiod, pilot-agent and Envoy are");
        }
        found
    }
}
