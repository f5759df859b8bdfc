//! `Sidecar` (networking.istio.io/v1): what the proxies of a namespace are told of.

use std::sync::Arc;

use serde::Deserialize;

use crate::host::matches;
use crate::selector::WorkloadSelector;

/// `spec` of a Sidecar.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sidecar {
    /// The workloads that it is for; none are all of its namespace.
    pub workload_selector: Option<WorkloadSelector>,
    /// What they are told of; none is everything.
    pub egress: Vec<Egress>,
}

/// A listener for what goes out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Egress {
    /// `namespace/pattern`; the namespace may be `*`, `.` (its own) or `~` (none).
    pub hosts: Vec<Arc<str>>,
}

impl Sidecar {
    /// Whether proxies in `own` namespace are told of `host`, whose entry is in `namespace`.
    pub fn shows(&self, host: &str, namespace: &str, own: &str) -> bool {
        let mut hosts = self.egress.iter().flat_map(|egress| &egress.hosts);
        self.egress.is_empty()
            || hosts.any(|entry| {
                let (from, pattern) = entry.split_once('/').unwrap_or(("*", entry));
                let is_from = match from {
                    "*" => true,
                    "." => namespace == own,
                    "~" => false,
                    other => namespace == other,
                };
                is_from && matches(pattern, host)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sidecar_shows_what_its_egress_lists() {
        for (hosts, want) in [
            (&[][..], false),
            (&["*/*"], true),
            (&["./*"], false),
            (&["~/*"], false),
            (&["./*", "mesh-sync/*"], true),
            (&["mesh-sync/*.global"], true),
            (&["mesh-sync/other.global"], false),
            (&["istio-system/*"], false),
            (&["*/stage.greeting.global"], true),
        ] {
            let hosts = hosts.iter().map(|host| Arc::from(*host)).collect();
            let sidecar = Sidecar { egress: vec![Egress { hosts }], ..Sidecar::default() };
            assert_eq!(sidecar.shows("stage.greeting.global", "mesh-sync", "shop"), want, "{sidecar:?}");
        }
        assert!(Sidecar::default().shows("stage.greeting.global", "mesh-sync", "shop"));
    }
}
