//! Which client a person means.

use mesh_model::facts::Workload;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::name::ClusterName;
use thiserror::Error;

use crate::closest::closest;

/// No one client is meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoClient {
    /// Nobody has such a name.
    #[error("no workload that carries an identity is {key:?}")]
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

/// The workload that `key` means: `cluster/namespace/name`, or an end of that.
pub fn find_client<'a>(key: &str, fleet: &'a FleetSnapshot) -> Result<(&'a ClusterName, &'a Workload), NoClient> {
    let key = key.trim().trim_matches('/');
    let shown = || key.chars().take(300).collect::<String>();
    let named =
        |(cluster, workload): &(&ClusterName, &Workload)| format!("{cluster}/{}/{}", workload.namespace, workload.name);
    let all = || fleet.seen().flat_map(|(cluster, facts)| facts.workloads.iter().map(move |one| (cluster, one)));
    let is_meant = |one: &(&ClusterName, &Workload)| {
        let name = named(one);
        name == key || name.strip_suffix(key).is_some_and(|rest| !key.is_empty() && rest.ends_with('/'))
    };
    let meant: Vec<_> = all().filter(is_meant).collect();
    match meant[..] {
        [one] => Ok(one),
        [] => {
            let everybody: Vec<String> = all().map(|one| named(&one)).collect();
            Err(NoClient::Unknown { key: shown(), closest: closest(key, everybody.iter().map(String::as_str)) })
        }
        _ => Err(NoClient::Several { key: shown(), among: meant.iter().take(MAX_NAMED).map(named).collect() }),
    }
}
