//! What completion offers of a fleet: names, clusters, and nothing else.

use std::collections::BTreeSet;

use mesh_model::fleet::FleetSnapshot;
use mesh_model::host::base_host;
use mesh_model::policy::MeshPolicy;
use mesh_plan::desired::Desired;

pub(crate) mod cache;

/// The words of a fleet that a person may be typing. A shell takes each as it stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Identities and hosts.
    pub(crate) names: BTreeSet<String>,
    /// Its members.
    pub(crate) clusters: BTreeSet<String>,
}

impl Known {
    /// What was read of a fleet, and worked out.
    pub(crate) fn of(snapshot: &FleetSnapshot, policy: &MeshPolicy, desired: &Desired) -> Self {
        let mut known = Self {
            names: BTreeSet::new(),
            clusters: snapshot.members.keys().map(ToString::to_string).filter(|name| is_plain(name)).collect(),
        };
        for (_, facts) in snapshot.seen() {
            for workload in &facts.workloads {
                known.name(&workload.identity);
                let host = base_host(&workload.env, &workload.identity, &policy.suffix, workload.keep_case);
                if let Ok(host) = host {
                    known.name(&host);
                }
            }
        }
        for name in desired.names.values() {
            known.name(&name.identity);
            for host in name.hosts.keys() {
                known.name(host);
            }
        }
        known
    }

    fn name(&mut self, name: &str) {
        if is_plain(name) && !self.names.contains(name) {
            self.names.insert(name.to_owned());
        }
    }
}

/// Whether a shell takes `text` as it stands: a name from a cluster is never to be run.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/:@".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_shell_would_act_on_are_no_candidates() {
        for bad in ["a b", "$(reboot)", "a;b", "`x`", "-rf", "a\u{1b}", "a'b", "a\nb", ""] {
            assert!(!is_plain(bad), "{bad}");
        }
        assert!(is_plain("arn:aws:eks:us-west-2:1:cluster/a"));
    }
}
