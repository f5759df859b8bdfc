//! Which client a person means.

use mesh_model::fleet::FleetSnapshot;
use mesh_model::mesh::Caller;
use mesh_model::name::{ClusterName, Identity};
use thiserror::Error;

use crate::closest::closest;

/// A client that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundClient<'a> {
    /// Its cluster.
    pub cluster: &'a ClusterName,
    /// The workload.
    pub caller: Caller,
    /// Its identity, if it carries one.
    pub identity: Option<&'a Identity>,
}

/// No one client is meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoClient {
    /// Nobody has such a name.
    #[error("no workload is {key:?}")]
    Unknown {
        /// The key as given, cut to a sane length.
        key: String,
        /// The closest, closest first.
        closest: Vec<String>,
    },
    /// Several have.
    #[error("{key:?} may mean {}", among.join(", "))]
    Several {
        /// The key as given.
        key: String,
        /// Some of them.
        among: Vec<String>,
    },
}

/// Most clients that an error names.
const MAX_NAMED: usize = 5;

/// The workload that `key` means: `cluster/namespace/name`, or an end of that; a kind may stand before the name
/// (`cluster/namespace/deployment/name`).
pub fn find_client<'a>(key: &str, fleet: &'a FleetSnapshot) -> Result<FoundClient<'a>, NoClient> {
    let key = key.trim().trim_matches('/');
    let shown = || key.chars().take(300).collect::<String>();
    let mut meant: Vec<FoundClient<'a>> = everybody(fleet).filter(|one| one.is_called(key)).take(MAX_NAMED).collect();
    match meant.len() {
        1 => Ok(meant.remove(0)),
        0 => {
            let names: Vec<String> = everybody(fleet).map(|one| one.name()).collect();
            Err(NoClient::Unknown { key: shown(), closest: closest(key, names.iter().map(String::as_str)) })
        }
        // Two kinds of workload may have one name.
        _ => Err(NoClient::Several { key: shown(), among: meant.iter().map(FoundClient::name_with_kind).collect() }),
    }
}

/// Every workload: those with an identity, then the others.
fn everybody(fleet: &FleetSnapshot) -> impl Iterator<Item = FoundClient<'_>> {
    fleet.seen().flat_map(|(cluster, facts)| {
        let identified = facts.workloads.iter().map(move |one| FoundClient {
            cluster,
            caller: one.into(),
            identity: Some(&one.identity),
        });
        let others =
            facts.mesh.others.iter().map(move |one| FoundClient { cluster, caller: one.clone(), identity: None });
        identified.chain(others)
    })
}

impl FoundClient<'_> {
    fn name(&self) -> String {
        format!("{}/{}/{}", self.cluster, self.caller.namespace, self.caller.name)
    }

    fn name_with_kind(&self) -> String {
        let Caller { kind, namespace, name, .. } = &self.caller;
        format!("{}/{namespace}/{}/{name}", self.cluster, kind.kind().to_string().to_ascii_lowercase())
    }

    fn is_called(&self, key: &str) -> bool {
        let is_end = |name: &str| {
            name == key || name.strip_suffix(key).is_some_and(|rest| !key.is_empty() && rest.ends_with('/'))
        };
        is_end(&self.name()) || is_end(&self.name_with_kind())
    }
}
