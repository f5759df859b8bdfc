//! What this cluster holds, as far as reviews are answered by it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mesh_istio::host::matches;
use mesh_model::claim::{self, Claim, Phase};
use mesh_model::facts::NamespaceFacts;
use mesh_model::name::{Env, Identity, Namespace};

/// Who serves a base host in this cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The identity.
    pub identity: Identity,
    /// Its env.
    pub env: Env,
    /// Its partition.
    pub partition: Option<Arc<str>>,
    /// The namespace of the workload.
    pub namespace: Namespace,
}

/// What is known of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The claim that counts.
    pub claim: Option<Claim>,
    /// Who serves it here.
    pub uses: Vec<Use>,
    /// The base host of a name whose traffic policy gives it this host as a prefix host.
    pub prefix_of: Option<Arc<str>>,
    /// The identities that callers in this cluster accept of who serves it, by the entry that is generated of it; none
    /// where there is no entry.
    pub accepted: Option<Arc<[Arc<str>]>>,
}

impl Known {
    /// The claim, if the host is held by it: what was released is free.
    pub(crate) fn held(&self) -> Option<&Claim> {
        self.claim.as_ref().filter(|claim| claim.phase == Phase::Bound)
    }
}

/// What this cluster holds: its namespaces, workloads and traffic policies, its claims, and the sets of other clusters' claims. Hosts
/// are in lower case.
pub trait Index {
    /// A namespace that is known.
    fn namespace(&self, name: &str) -> Option<Arc<NamespaceFacts>>;

    /// What is known of a host.
    fn known(&self, host: &str) -> Known;

    /// A claim on a host that a pattern with a wildcard stands for, other than those that `passes` lets go.
    fn claim_under(&self, pattern: &str, passes: &dyn Fn(&Claim) -> bool) -> Option<Claim>;

    /// How long ago all of it was last known to be so.
    fn age(&self) -> Duration;
}

/// An index in plain maps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlainIndex {
    /// By name.
    pub namespaces: BTreeMap<Namespace, Arc<NamespaceFacts>>,
    /// The claims that count, by base host.
    pub claims: BTreeMap<Arc<str>, Claim>,
    /// By base host.
    pub uses: BTreeMap<Arc<str>, Vec<Use>>,
    /// Base hosts by prefix host.
    pub prefixes: BTreeMap<Arc<str>, Arc<str>>,
    /// The identities that are accepted, by host.
    pub accepted: BTreeMap<Arc<str>, Arc<[Arc<str>]>>,
    /// How old it is.
    pub age: Duration,
}

impl PlainIndex {
    /// Adds a claim: the stronger of two on one host counts.
    pub fn add_claim(&mut self, new: &Claim) {
        let host: Arc<str> = new.host.to_lowercase().into();
        let counts = self.claims.get(&host).map_or(new, |known| claim::merge(known, new)).clone();
        self.claims.insert(host, counts);
    }
}

impl Index for PlainIndex {
    fn namespace(&self, name: &str) -> Option<Arc<NamespaceFacts>> {
        self.namespaces.get(name).cloned()
    }

    fn known(&self, host: &str) -> Known {
        Known {
            claim: self.claims.get(host).cloned(),
            uses: self.uses.get(host).cloned().unwrap_or_default(),
            prefix_of: self.prefixes.get(host).cloned(),
            accepted: self.accepted.get(host).cloned(),
        }
    }

    fn claim_under(&self, pattern: &str, passes: &dyn Fn(&Claim) -> bool) -> Option<Claim> {
        let under = self.claims.iter().filter(|(host, _)| matches(pattern, host)).map(|(_, claim)| claim);
        under.into_iter().find(|claim| !passes(claim)).cloned()
    }

    fn age(&self) -> Duration {
        self.age
    }
}
