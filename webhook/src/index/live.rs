//! The index: one map of hosts, and one of namespaces.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ahash::RandomState;
use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use mesh_admission::{Index, Known, Use};
use mesh_istio::host::matches;
use mesh_model::claim::{self, Claim, Held};
use mesh_model::facts::NamespaceFacts;
use mesh_model::kind::Kind;
use mesh_model::name::{Env, Identity, Namespace};
use mesh_model::participation::{Participation, participation};
use mesh_model::policy::MeshPolicy;
use mesh_model::webhook::LabelReport;
use papaya::HashMap;
use tokio::time::Instant;

use super::contribution::{Fact, Facts};
use super::entry::{HostKey, Kept, Told};
use super::labels::{Label, Labels};
use super::packed::{Grants, Packed};
use super::shared::Shared;
use super::sight::Sight;
use super::source::{Source, Uid};

/// What this cluster holds. Reviews read it; one writer for each watch changes it.
#[derive(Default)]
pub(crate) struct LiveIndex {
    namespaces: HashMap<Arc<str>, Arc<NamespaceFacts>, RandomState>,
    hosts: HashMap<HostKey, Kept, RandomState>,
    /// Which hosts each object tells of.
    sources: Mutex<BTreeMap<Source, Hosts>>,
    /// Hosts that a workload has come to serve: whether they are claimed is looked at.
    served: Mutex<BTreeSet<Arc<str>>>,
    /// The policy that counts.
    policy: ArcSwap<MeshPolicy>,
    /// When the API server was last reached.
    reached: ArcSwapOption<Instant>,
    sight: Sight,
    labels: Labels,
    grants: Grants,
    texts: Shared<str>,
}

/// The hosts that an object tells of: mostly one.
enum Hosts {
    One(HostKey),
    Many(Box<[HostKey]>),
}

impl Hosts {
    fn as_slice(&self) -> &[HostKey] {
        match self {
            Self::One(host) => slice::from_ref(host),
            Self::Many(hosts) => hosts,
        }
    }

    fn of(mut hosts: Vec<HostKey>) -> Self {
        match hosts.len() {
            1 => Self::One(hosts.remove(0)),
            _ => Self::Many(hosts.into()),
        }
    }
}

impl LiveIndex {
    pub(crate) fn set_namespace(&self, name: &str, facts: NamespaceFacts) {
        self.namespaces.pin().insert(name.into(), Arc::new(facts));
    }

    pub(crate) fn remove_namespace(&self, name: &str) {
        self.namespaces.pin().remove(name);
    }

    /// Takes away namespaces that are not there any more.
    pub(crate) fn keep_only_namespaces(&self, there: &BTreeSet<Arc<str>>) {
        self.namespaces.pin().retain(|name, _| there.contains(name));
    }

    /// What an object tells from now on, in place of what it told before.
    pub(crate) fn set(&self, source: &Source, facts: Facts) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let before = sources.remove(source);
        let hosts = self.hosts.pin();
        let still: BTreeSet<&[u8]> = facts.iter().map(|(host, _)| host.as_bytes()).collect();
        for host in before.iter().flat_map(Hosts::as_slice).filter(|host| !still.contains(host.as_bytes())) {
            let known = hosts.get(host).map_or(&[][..], |known| known);
            match Kept::of(known.iter().filter(|(of, _)| of != source).cloned().collect()) {
                Some(rest) => drop(hosts.insert(host.clone(), rest)),
                None => drop(hosts.remove(host)),
            }
        }
        let mut told = Vec::with_capacity(facts.len());
        for (host, fact) in facts {
            let fact = self.slim(&host, fact);
            let key = HostKey::from(&*host);
            if matches!(fact, Fact::Used { .. }) {
                self.served.lock().unwrap_or_else(PoisonError::into_inner).insert(host);
            }
            let known = hosts.get(&key).map_or(&[][..], |known| known);
            // An object tells of a host once: the last word counts.
            let kept = known.iter().filter(|(of, _)| of != source).cloned();
            let all = Kept::of(kept.chain(std::iter::once((source.clone(), fact))).collect());
            hosts.insert(key.clone(), all.expect("one fact at least"));
            told.push(key);
        }
        if !told.is_empty() {
            sources.insert(source.clone(), Hosts::of(told));
        }
    }

    /// How a workload bears its label from now on.
    pub(crate) fn set_label(&self, source: &Source, label: Label) {
        let label = match label {
            Label::Right(identity) => Label::Right(self.held(identity)),
            other => other,
        };
        self.labels.set(source, Some(label));
    }

    /// An object is gone.
    pub(crate) fn remove(&self, source: &Source) {
        self.set(source, Facts::new());
        self.labels.set(source, None);
    }

    /// How workloads bear their labels; none where not all of them are known.
    pub(crate) fn labels(&self) -> Option<LabelReport> {
        self.labels.report()
    }

    /// The same identity, held once.
    fn held(&self, identity: Identity) -> Identity {
        Identity::try_from(self.texts.held(&*identity)).unwrap_or(identity)
    }

    /// The same fact, in little room.
    fn slim(&self, host: &str, fact: Fact) -> Fact<Packed> {
        match fact {
            Fact::Claimed(claim) => {
                let claim = Claim {
                    owner: self.texts.held(&*claim.owner),
                    env: self.texts.held(&*claim.env),
                    claimed_in: self.texts.held(&*claim.claimed_in),
                    ..claim
                };
                Fact::Claimed(Packed::of(claim, host, &self.grants))
            }
            Fact::Used { used, wish, created } => {
                let Use { identity, env, namespace, partition } = used;
                let used = Use {
                    identity: self.held(identity),
                    env: Env::try_from(self.texts.held(&*env)).unwrap_or(env),
                    namespace: Namespace::try_from(self.texts.held(&*namespace)).unwrap_or(namespace),
                    partition: partition.map(|partition| self.texts.held(&*partition)),
                };
                Fact::Used { used, wish, created }
            }
            Fact::PrefixOf(base) => Fact::PrefixOf(self.texts.held(&*base)),
            // Few names have any, and those are their own.
            Fact::Accepted(sans) => Fact::Accepted(sans),
        }
    }

    /// Takes away what objects of a kind told that are not there any more.
    pub(crate) fn keep_only(&self, kind: Kind, there: &BTreeSet<Uid>) {
        let gone: Vec<Source> = {
            let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
            sources.keys().filter(|(of, uid)| *of == kind && !there.contains(uid)).cloned().collect()
        };
        for source in gone {
            self.set(&source, Facts::new());
        }
        self.labels.keep_only(kind, there);
    }

    /// The policy by which objects are read from now on.
    pub(crate) fn set_policy(&self, policy: Arc<MeshPolicy>) {
        self.labels.begin(&policy.keys.identity);
        self.policy.store(policy);
    }

    /// The API server was reached.
    pub(crate) fn reached(&self) {
        self.reached.store(Some(Arc::new(Instant::now())));
    }

    /// A kind could be watched, or could not.
    pub(crate) fn is_seen(&self, kind: &'static str, is_seen: bool) {
        if is_seen { self.sight.is_well(kind) } else { self.sight.failed(kind, Instant::now()) }
    }

    pub(crate) fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// The claim that counts on a host, released or not.
    pub(crate) fn claim(&self, host: &str) -> Option<Claim> {
        let hosts = self.hosts.pin();
        Some(counts(host, hosts.get(host.as_bytes())?)?.unpacked(host))
    }

    /// Who serves a host and has done so for longest.
    pub(crate) fn oldest_use(&self, host: &str) -> Option<Use> {
        let hosts = self.hosts.pin();
        let oldest = self
            .serving(hosts.get(host.as_bytes())?)
            .min_by_key(|(used, created)| (created.is_none(), *created, *used));
        oldest.map(|(used, _)| used.clone())
    }

    /// Hosts that are served since this was asked last.
    pub(crate) fn take_served(&self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut *self.served.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// To be asked about these hosts once more.
    pub(crate) fn put_served(&self, hosts: BTreeSet<Arc<str>>) {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).extend(hosts);
    }

    /// Those who serve, of facts about a host, with when their workloads were made.
    fn serving<'f>(&'f self, facts: &'f [Told]) -> impl Iterator<Item = (&'f Use, Option<Timestamp>)> {
        let (policy, namespaces) = (self.policy.load(), self.namespaces.pin());
        facts.iter().filter_map(move |(_, fact)| {
            let Fact::Used { used, wish, created } = fact else { return None };
            let namespace = namespaces.get(&*used.namespace).map(|namespace| &**namespace);
            let serves = participation(*wish, namespace, true, &policy) == Participation::Serves;
            serves.then_some((used, *created))
        })
    }
}

/// The claim that counts of several on a host.
fn counts<'f>(host: &str, facts: &'f [Told]) -> Option<&'f Packed> {
    let claims = facts.iter().filter_map(|(_, fact)| if let Fact::Claimed(claim) = fact { Some(claim) } else { None });
    claims.reduce(|one, other| {
        let [unpacked, against] = [one, other].map(|claim| claim.unpacked(host));
        if *claim::merge(&unpacked, &against) == unpacked { one } else { other }
    })
}

impl Index for LiveIndex {
    fn namespace(&self, name: &str) -> Option<Arc<NamespaceFacts>> {
        self.namespaces.pin().get(name).cloned()
    }

    fn show(&self, host: &str, to: &mut dyn FnMut(Known<'_>)) {
        let hosts = self.hosts.pin();
        let facts = hosts.get(host.as_bytes()).map_or(&[][..], |known| known);
        let (mut prefix_of, mut accepted) = (None, None);
        for (_, fact) in facts {
            match fact {
                Fact::PrefixOf(base) if prefix_of.is_none() => prefix_of = Some(&**base),
                Fact::Accepted(sans) if accepted.is_none() => accepted = Some(&**sans),
                _ => {}
            }
        }
        let held = counts(host, facts).and_then(|claim| claim.held(host));
        to(Known { held, uses: self.serving(facts).map(|(used, _)| used).collect(), prefix_of, accepted });
    }

    fn held_under(&self, pattern: &str, passes: &dyn Fn(&Held<'_>) -> bool) -> Option<Arc<str>> {
        let hosts = self.hosts.pin();
        let under = hosts.iter().filter(|(host, _)| matches(pattern, host));
        let mut held = under.filter_map(|(host, facts)| counts(host, facts)?.held(host));
        held.find(|held| !passes(held)).map(|held| held.host.into())
    }

    fn age(&self) -> Duration {
        let now = Instant::now();
        let unreached = self.reached.load().as_ref().map_or(Duration::MAX, |reached| now.duration_since(**reached));
        unreached.max(self.sight.age(now))
    }
}
