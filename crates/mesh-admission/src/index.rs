//! What this cluster holds, as far as reviews are answered by it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mesh_istio::host::matches;
use mesh_model::claim::{self, Claim, Held};
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

/// What is known of a host, looked at where it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known<'i> {
    /// Who holds it.
    pub held: Option<Held<'i>>,
    /// Who serves it here.
    pub uses: Vec<&'i Use>,
    /// The base host of a name whose traffic policy gives it this host as a prefix host.
    pub prefix_of: Option<&'i str>,
    /// The identities that callers in this cluster accept of who serves it, by the entry that is generated of it; none
    /// where there is no entry.
    pub accepted: Option<&'i [Arc<str>]>,
}

/// What this cluster holds: its namespaces, workloads and traffic policies, its claims, and the sets of other clusters' claims. Hosts
/// are in lower case.
pub trait Index {
    /// A namespace that is known.
    fn namespace(&self, name: &str) -> Option<Arc<NamespaceFacts>>;

    /// Shows what is known of a host, once.
    fn show(&self, host: &str, to: &mut dyn FnMut(Known<'_>));

    /// A host that a pattern with a wildcard stands for and that is held, other than those that `passes` lets go.
    fn held_under(&self, pattern: &str, passes: &dyn Fn(&Held<'_>) -> bool) -> Option<Arc<str>>;

    /// How long ago all of it was last known to be so.
    fn age(&self) -> Duration;
}

impl dyn Index + '_ {
    /// What `look` makes of what is known of a host.
    pub(crate) fn known<R>(&self, host: &str, look: impl FnOnce(Known<'_>) -> R) -> R {
        let (mut look, mut seen) = (Some(look), None);
        self.show(host, &mut |known| seen = look.take().map(|look| look(known)));
        seen.expect("an index shows what it knows")
    }
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

    fn show(&self, host: &str, to: &mut dyn FnMut(Known<'_>)) {
        to(Known {
            held: self.claims.get(host).and_then(Claim::held),
            uses: self.uses.get(host).into_iter().flatten().collect(),
            prefix_of: self.prefixes.get(host).map(|base| &**base),
            accepted: self.accepted.get(host).map(|accepted| &**accepted),
        });
    }

    fn held_under(&self, pattern: &str, passes: &dyn Fn(&Held<'_>) -> bool) -> Option<Arc<str>> {
        let under = self.claims.iter().filter(|(host, _)| matches(pattern, host));
        under.filter_map(|(_, claim)| claim.held()).find(|held| !passes(held)).map(|held| held.host.into())
    }

    fn age(&self) -> Duration {
        self.age
    }
}
