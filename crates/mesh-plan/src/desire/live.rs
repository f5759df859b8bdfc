//! What the clusters hold of each name now, by base host.
//!
//! The only memory there is: held values, virtual addresses and ex-sources are read from here.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use mesh_istio::service_entry::Endpoint;
use mesh_istio::{DestinationRule, ServiceEntry};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Env, Identity};
use mesh_model::origin::Origin;
use mesh_model::owned::{ObjectKey, OwnedObject};
use mesh_model::policy::MeshPolicy;

use super::outline::{Outline, Text};
use super::site::Site;
use super::sources::Pair;

/// Everything of ours that active, seen members hold, by base host in lower case.
#[derive(Default)]
pub(super) struct Live<'a> {
    pub(super) names: BTreeMap<Arc<str>, LiveName<'a>>,
    /// What clusters hold that cannot be written: it may be old, so that it is no reason to write anything.
    pub(super) elsewhere: BTreeMap<Arc<str>, LiveName<'a>>,
}

/// What is held of one name: all of it, or what is one identity's.
pub(super) enum LiveView<'a> {
    Whole(&'a LiveName<'a>),
    Part(LiveName<'a>),
}

impl<'a> Deref for LiveView<'a> {
    type Target = LiveName<'a>;

    fn deref(&self) -> &LiveName<'a> {
        match self {
            Self::Whole(name) => name,
            Self::Part(name) => name,
        }
    }
}

/// What is held of one name, by host in lower case.
#[derive(Default)]
pub(super) struct LiveName<'a> {
    pub(super) hosts: BTreeMap<Arc<str>, LiveHost<'a>>,
}

/// What is held of one host. Where a cluster holds two objects for one host, the one of the usual name and place counts.
#[derive(Default)]
pub(super) struct LiveHost<'a> {
    pub(super) entries: BTreeMap<&'a ClusterName, LiveEntry<'a>>,
    pub(super) rules: BTreeMap<&'a ClusterName, LiveRule<'a>>,
}

/// A ServiceEntry that is held.
#[derive(Clone)]
pub(super) struct LiveEntry<'a> {
    pub(super) key: &'a ObjectKey,
    pub(super) object: &'a OwnedObject,
    /// The pair that its marks tell.
    pub(super) pair: Option<Pair>,
    spec: Rc<EntrySpec<'a>>,
}

/// The spec of a ServiceEntry that one or many clusters hold.
struct EntrySpec<'a> {
    /// The host that it is for, in lower case.
    host: Arc<str>,
    outline: Option<Outline<'a>>,
}

/// A DestinationRule that is held.
#[derive(Clone)]
pub(super) struct LiveRule<'a> {
    pub(super) key: &'a ObjectKey,
    pub(super) object: &'a OwnedObject,
    spec: Rc<RuleSpec<'a>>,
}

/// The spec of a DestinationRule that one or many clusters hold.
struct RuleSpec<'a> {
    text: &'a str,
    /// The host that it is for, in lower case.
    host: Arc<str>,
    parsed: OnceCell<Option<DestinationRule>>,
}

impl<'a> LiveEntry<'a> {
    /// What its spec says; none where it is not what a ServiceEntry looks like (then it is drift, and nothing is held
    /// from it).
    pub(super) fn spec(&self) -> Option<&Outline<'a>> {
        self.spec.outline.as_ref()
    }

    /// Its endpoints as they are, in the order of the outline's.
    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        serde_json::from_str::<ServiceEntry>(&self.object.spec).map(|entry| entry.endpoints).unwrap_or_default()
    }

    /// The host that it is for, in lower case.
    pub(super) fn host(&self) -> &str {
        &self.spec.host
    }

    /// Its virtual address: the first of IPv4.
    pub(super) fn address(&self) -> Option<&str> {
        let mut addresses = self.spec()?.addresses.iter().map(|address| &**address);
        addresses.find(|address| address.parse::<std::net::Ipv4Addr>().is_ok())
    }

    pub(super) fn identity(&self, policy: &MeshPolicy) -> Option<&'a Arc<str>> {
        self.object.annotations.get(policy.keys.identity.as_str())
    }
}

impl<'a> LiveHost<'a> {
    /// Every object of it, with its cluster.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&'a ClusterName, &'a ObjectKey)> {
        let entries = self.entries.iter().map(|(cluster, entry)| (*cluster, entry.key));
        entries.chain(self.rules.iter().map(|(cluster, rule)| (*cluster, rule.key)))
    }
}

impl LiveRule<'_> {
    /// Its spec; none where it is not what a DestinationRule looks like.
    pub(super) fn spec(&self) -> Option<&DestinationRule> {
        self.spec.parsed.get_or_init(|| serde_json::from_str(self.spec.text).ok()).as_ref()
    }
}

impl<'a> Live<'a> {
    /// Indexes what is held. `bases`, in lower case, are the base hosts that workloads have today.
    pub(super) fn read(
        fleet: &'a FleetSnapshot,
        policy: &MeshPolicy,
        sites: &BTreeMap<&ClusterName, Site<'_>>,
        bases: &BTreeSet<Arc<str>>,
    ) -> Self {
        let mut live = Self::default();
        let mut specs = Specs::default();
        let mut marks = Marks::default();
        // Base hosts that marks tell count beside those of workloads: what belongs together must not part when workloads are
        // not seen.
        let mut bases = bases.clone();
        for (_, _, object) in owned(fleet, Kind::ServiceEntry) {
            let Some(spec) = specs.read(&object.spec, EntrySpec::read) else { continue };
            let marked = marks.read(object, policy).filter(|marked| is_host_of(&spec.host, &marked.base));
            bases.extend(marked.map(|marked| Arc::clone(&marked.base)));
        }
        let mut base_of_host: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
        for (cluster, key, object) in owned(fleet, Kind::ServiceEntry) {
            let Some(spec) = specs.read(&object.spec, EntrySpec::read) else { continue };
            let host = Arc::clone(&spec.host);
            let marked = marks.read(object, policy);
            let base = marked
                .filter(|marked| is_host_of(&host, &marked.base))
                .map_or_else(|| known_base(&host, &bases), |marked| Arc::clone(&marked.base));
            base_of_host.entry(Arc::clone(&host)).or_insert_with(|| Arc::clone(&base));
            let entry = LiveEntry { key, object, pair: marked.and_then(|marked| marked.pair.clone()), spec };
            let held = &mut live.host(base, Arc::clone(&host), &sites[cluster]).entries;
            let usual = key.namespace == policy.sync_namespace && key.name.strip_suffix("-se") == Some(&*host);
            if usual || !held.contains_key(cluster) {
                held.insert(cluster, entry);
            }
        }
        let mut specs = Specs::default();
        for (cluster, key, object) in owned(fleet, Kind::DestinationRule) {
            let Some(spec) = specs.read(&object.spec, RuleSpec::read) else { continue };
            let host = Arc::clone(&spec.host);
            let base = base_of_host.get(&host).cloned().unwrap_or_else(|| known_base(&host, &bases));
            let held = &mut live.host(base, Arc::clone(&host), &sites[cluster]).rules;
            let named = key.name.strip_prefix(&*host).is_some_and(|rest| rest == "-dr" || rest == "-default-dr");
            let usual = named && key.namespace == policy.sync_namespace;
            if usual || !held.contains_key(cluster) {
                held.insert(cluster, LiveRule { key, object, spec });
            }
        }
        live
    }
}

impl<'a> Live<'a> {
    fn host(&mut self, base: Arc<str>, host: Arc<str>, site: &Site<'_>) -> &mut LiveHost<'a> {
        let names = if site.is_writable() { &mut self.names } else { &mut self.elsewhere };
        names.entry(base).or_default().hosts.entry(host).or_default()
    }

    /// Where ServiceEntries of excluded identities are, by host in lower case.
    pub(super) fn excluded(&self, policy: &MeshPolicy) -> BTreeSet<(Arc<str>, &'a ClusterName)> {
        let hosts = self.names.values().flat_map(|name| &name.hosts).filter(|_| !policy.exclude.is_empty());
        let entries =
            hosts.flat_map(|(host, held)| held.entries.iter().map(move |(cluster, entry)| (host, *cluster, entry)));
        let excluded = entries.filter(|(.., entry)| entry.identity(policy).is_some_and(|id| policy.excludes(id)));
        excluded.map(|(host, cluster, _)| (Arc::clone(host), cluster)).collect()
    }
}

impl<'a> LiveName<'a> {
    /// What may be `pair`'s: entries of its mark and of none, and all rules, which bear no mark.
    pub(super) fn of_pair(&self, pair: &Pair) -> Self {
        self.part(|_, entry| entry.pair.as_ref().is_none_or(|marked| marked == pair), |_| true)
    }

    /// What is the pair's whose clusters `is_mine` tells. Entries of its mark tell of it wherever they are.
    pub(super) fn in_clusters(&self, is_mine: impl Fn(&ClusterName) -> bool) -> Self {
        self.part(|cluster, entry| entry.pair.is_some() || is_mine(cluster), &is_mine)
    }

    fn part(
        &self,
        has_entry: impl Fn(&ClusterName, &LiveEntry<'a>) -> bool,
        has_rule: impl Fn(&ClusterName) -> bool,
    ) -> Self {
        let host = |host: &LiveHost<'a>| {
            let entries = host.entries.iter().filter(|(cluster, entry)| has_entry(cluster, entry));
            let rules = host.rules.iter().filter(|(cluster, _)| has_rule(cluster));
            LiveHost {
                entries: entries.map(|(cluster, entry)| (*cluster, entry.clone())).collect(),
                rules: rules.map(|(cluster, rule)| (*cluster, rule.clone())).collect(),
            }
        };
        let hosts = self.hosts.iter().map(|(name, held)| (Arc::clone(name), host(held)));
        Self { hosts: hosts.filter(|(_, held)| !held.entries.is_empty() || !held.rules.is_empty()).collect() }
    }

    /// Every ServiceEntry of the name, base host and prefix hosts, with its cluster.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a ClusterName, &LiveEntry<'a>)> {
        self.hosts.values().flat_map(|host| host.entries.iter().map(|(cluster, entry)| (*cluster, entry)))
    }

    /// Every DestinationRule of the name, with its cluster.
    pub(super) fn rules(&self) -> impl Iterator<Item = (&'a ClusterName, &LiveRule<'a>)> {
        self.hosts.values().flat_map(|host| host.rules.iter().map(|(cluster, rule)| (*cluster, rule)))
    }

    /// The objects of `kind` that some object of the name came from.
    pub(super) fn origins_of_kind(&self, kind: Kind) -> BTreeSet<Origin> {
        let objects = self.rules().map(|(_, rule)| rule.object).chain(self.entries().map(|(_, entry)| entry.object));
        let origins = objects.flat_map(|object| object.origins.iter()).map(|(origin, _)| origin);
        origins.filter(|origin| origin.kind == kind).cloned().collect()
    }
}

fn owned(fleet: &FleetSnapshot, kind: Kind) -> impl Iterator<Item = (&ClusterName, &ObjectKey, &OwnedObject)> {
    fleet.seen().flat_map(move |(cluster, facts)| {
        facts.owned.iter().filter(move |(key, _)| key.kind == kind).map(move |(key, object)| (cluster, key, object))
    })
}

/// Reads each spec once, however many clusters hold it: equal specs share one text, known by where it lies.
struct Specs<S>(BTreeMap<*const str, Option<Rc<S>>>);

impl<S> Default for Specs<S> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<S> Specs<S> {
    /// What `text` says; nothing where it names no host.
    fn read<'a>(&mut self, text: &'a Arc<str>, read: impl FnOnce(&'a str) -> Option<S>) -> Option<Rc<S>> {
        self.0.entry(Arc::as_ptr(text)).or_insert_with(|| read(text).map(Rc::new)).clone()
    }
}

/// What the marks of a ServiceEntry tell.
struct Marked {
    /// The base host of the identity and env as they are written.
    base: Arc<str>,
    /// Both, where they are legal.
    pair: Option<Pair>,
}

/// Reads each pair of marks once, by identity and env.
#[derive(Default)]
struct Marks<'a>(BTreeMap<(&'a str, &'a str), Marked>);

impl<'a> Marks<'a> {
    fn read(&mut self, object: &'a OwnedObject, policy: &MeshPolicy) -> Option<&Marked> {
        let identity = object.annotations.get(policy.keys.identity.as_str())?;
        let env = object.labels.get(policy.keys.env.as_str())?;
        let read = || Marked {
            base: format!("{env}.{identity}.{}", policy.suffix).to_lowercase().into(),
            pair: Identity::parse(identity).ok().zip(Env::parse(env).ok()),
        };
        Some(self.0.entry((identity, env)).or_insert_with(read))
    }
}

impl<'a> EntrySpec<'a> {
    /// None where it names no host. Of what is no ServiceEntry otherwise, the host counts.
    fn read(text: &'a str) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Hosts<'a> {
            #[serde(borrow)]
            hosts: Vec<Text<'a>>,
        }
        let outline: Option<Outline<'_>> = serde_json::from_str(text).ok();
        let host = match &outline {
            Some(outline) => outline.hosts.first()?.to_lowercase(),
            None => serde_json::from_str::<Hosts<'_>>(text).ok()?.hosts.first()?.to_lowercase(),
        };
        Some(Self { host: host.into(), outline })
    }
}

impl<'a> RuleSpec<'a> {
    /// None where it names no host.
    fn read(text: &'a str) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Host<'a> {
            #[serde(borrow)]
            host: Text<'a>,
        }
        let host: Host<'_> = serde_json::from_str(text).ok()?;
        Some(Self { text, host: host.host.to_lowercase().into(), parsed: OnceCell::new() })
    }
}

/// Whether `host` is `base` or has a prefix before it.
fn is_host_of(host: &str, base: &str) -> bool {
    host.strip_suffix(base).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('.'))
}

/// The longest base host that `host` ends in, else `host` itself.
fn known_base(host: &Arc<str>, bases: &BTreeSet<Arc<str>>) -> Arc<str> {
    let mut rest: &str = host;
    loop {
        if bases.contains(rest) {
            return rest.into();
        }
        match rest.split_once('.') {
            Some((_, tail)) => rest = tail,
            None => return Arc::clone(host),
        }
    }
}
