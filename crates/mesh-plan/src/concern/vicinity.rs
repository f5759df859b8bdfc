//! The part of a fleet that decides some names, so that planning them costs what they cost and not what the fleet costs.
//!
//! Names meet where the host of one ends in that of another (a prefix host, identities with dots), where objects share a
//! virtual address, and where one is called by workloads of another. What is beyond that cannot matter to them, but for the
//! addresses that are taken there.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_istio::ServiceEntry;
use mesh_model::claim::MemberClaims;
use mesh_model::facts::{ClusterFacts, Workload};
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::host::{named_host, tails};
use mesh_model::kind::Kind;
use mesh_model::mesh::MeshFacts;
use mesh_model::name::{ClusterName, Namespace};
use mesh_model::owned::{ObjectKey, OwnedObject};
use mesh_model::policy::MeshPolicy;

use super::{host_of_entry, host_of_rule};

mod beyond;

pub use beyond::beyond;

/// A fleet without what is beyond.
pub(super) struct Vicinity {
    pub(super) fleet: FleetSnapshot,
    /// Virtual addresses that names beyond it have.
    pub(super) taken: BTreeSet<Arc<str>>,
}

/// What decides the names of `identities` and those that `objects` are of.
pub(super) fn around(
    fleet: &FleetSnapshot,
    policy: &MeshPolicy,
    identities: &BTreeSet<Arc<str>>,
    objects: &BTreeSet<(ClusterName, ObjectKey)>,
) -> Vicinity {
    let all = All::read(fleet.reached().map(|(_, facts)| facts), policy);
    let mut near = all.near(policy, identities);
    for (_, key) in objects {
        near.add(named_host(key).unwrap_or(&key.name));
    }
    all.close(&mut near);
    let calls = Calls::of(&near, &all, fleet.reached().map(|(_, facts)| facts), policy, identities);
    Filter { all, near, calls }.apply(fleet)
}

/// Everything of a fleet that has a host, in the order of its clusters.
struct All<'a> {
    /// With the base host that each gives, in lower case.
    workloads: Vec<(&'a Workload, String)>,
    entries: Vec<Entry<'a>>,
    rules: Vec<Cow<'a, str>>,
}

/// A ServiceEntry.
struct Entry<'a> {
    /// Its host, in lower case.
    host: Cow<'a, str>,
    /// The identity that it is marked with.
    identity: Option<&'a Arc<str>>,
    addresses: Vec<Cow<'a, str>>,
}

impl<'a> All<'a> {
    fn read(clusters: impl Iterator<Item = &'a ClusterFacts>, policy: &MeshPolicy) -> Self {
        let mut all = Self { workloads: Vec::new(), entries: Vec::new(), rules: Vec::new() };
        for facts in clusters {
            let base = |workload: &Workload| lower(format!("{}.{}.{}", workload.env, workload.identity, policy.suffix));
            all.workloads.extend(facts.workloads.iter().map(|workload| (workload, base(workload))));
            for (key, object) in &facts.owned {
                let host = host_of(key, object);
                if key.kind == Kind::ServiceEntry {
                    let identity = object.annotations.get(policy.keys.identity.as_str());
                    all.entries.push(Entry { host, identity, addresses: addresses_of(&object.spec) });
                } else {
                    all.rules.push(host);
                }
            }
        }
        all
    }

    /// The hosts that are `identities`', by their workloads, by marks, or by what they end in.
    fn near(&self, policy: &MeshPolicy, identities: &BTreeSet<Arc<str>>) -> Near {
        let endings: BTreeSet<String> = identities.iter().map(|identity| ending(identity, policy)).collect();
        let mut near = Near::default();
        for (workload, base) in &self.workloads {
            if identities.contains(workload.identity.as_str()) || is_ending(base, &endings) {
                near.add(base);
            }
        }
        for entry in &self.entries {
            if entry.identity.is_some_and(|mark| identities.contains(mark)) || is_ending(&entry.host, &endings) {
                near.add(&entry.host);
            }
        }
        near.extend(self.rules.iter().filter(|host| is_ending(host, &endings)).map(|host| &**host));
        near
    }

    /// Adds whatever meets what is near, until nothing is left that does.
    fn close(&self, near: &mut Near) {
        loop {
            let before = near.hosts.len();
            let bases = self.workloads.iter().map(|(_, base)| base.as_str());
            let hosts =
                bases.chain(self.entries.iter().map(|entry| &*entry.host)).chain(self.rules.iter().map(|h| &**h));
            for host in hosts {
                if near.has(host) {
                    near.add(host);
                }
            }
            let here = self.entries.iter().filter(|entry| near.has(&entry.host));
            let addresses: BTreeSet<&str> = here.flat_map(|entry| &entry.addresses).map(|address| &**address).collect();
            let sharing = |entry: &&Entry<'_>| entry.addresses.iter().any(|address| addresses.contains(&**address));
            near.extend(self.entries.iter().filter(sharing).map(|entry| &*entry.host));
            if near.hosts.len() == before {
                return;
            }
        }
    }
}

/// Hosts, in lower case, and what meets them.
#[derive(Default)]
struct Near {
    hosts: BTreeSet<String>,
    /// What they end in, themselves included.
    endings: BTreeSet<String>,
}

impl Near {
    fn add(&mut self, host: &str) {
        if !self.hosts.contains(host) {
            self.hosts.insert(host.to_owned());
            self.endings.extend(endings(host).map(str::to_owned));
        }
    }

    fn extend<'h>(&mut self, hosts: impl Iterator<Item = &'h str>) {
        hosts.for_each(|host| self.add(host));
    }

    /// Whether `host` ends in one of them, or one of them in it.
    fn has(&self, host: &str) -> bool {
        self.endings.contains(host) || is_ending(host, &self.hosts)
    }
}

/// Who calls what is near.
struct Calls<'a> {
    /// The identities that are near.
    called: BTreeSet<&'a str>,
    /// The identities as Dependencies may spell them, in lower case.
    spelled: BTreeSet<String>,
    /// The identities that call one of them.
    callers: BTreeSet<&'a str>,
    /// The hosts that these have themselves.
    hosts: BTreeSet<String>,
}

impl<'a> Calls<'a> {
    fn of(
        near: &Near,
        all: &All<'a>,
        clusters: impl Iterator<Item = &'a ClusterFacts>,
        policy: &MeshPolicy,
        identities: &'a BTreeSet<Arc<str>>,
    ) -> Self {
        let run =
            all.workloads.iter().filter(|(_, base)| near.has(base)).map(|(workload, _)| workload.identity.as_str());
        let marks = all.entries.iter().filter(|entry| near.has(&entry.host)).filter_map(|entry| entry.identity);
        let called =
            run.chain(marks.map(|mark| &**mark)).chain(identities.iter().map(|identity| &**identity)).collect();
        let suffix = lower(format!(".{}", policy.suffix));
        let names = near.hosts.iter().filter_map(|host| host.strip_suffix(&suffix));
        let spelled = names.flat_map(endings).map(str::to_owned).collect();
        let mut found = Self { called, spelled, callers: BTreeSet::new(), hosts: BTreeSet::new() };
        for dependency in clusters.flat_map(|facts| &facts.dependencies) {
            if found.has(&dependency.destinations) {
                found.callers.insert(&dependency.source);
            }
        }
        for (workload, base) in &all.workloads {
            if found.callers.contains(workload.identity.as_str()) {
                found.hosts.insert(base.clone());
            }
        }
        found
    }

    /// Whether one of `destinations` is near.
    fn has(&self, destinations: &[Arc<str>]) -> bool {
        let is_called = |identity: &Arc<str>| {
            self.called.contains(&**identity) || self.spelled.contains(&lower(identity.to_string()))
        };
        destinations.iter().any(is_called)
    }
}

/// What is kept of a fleet.
struct Filter<'a> {
    all: All<'a>,
    near: Near,
    calls: Calls<'a>,
}

impl Filter<'_> {
    fn apply(&self, fleet: &FleetSnapshot) -> Vicinity {
        let mut taken: BTreeSet<Arc<str>> = BTreeSet::new();
        for entry in self.all.entries.iter().filter(|entry| !self.keeps(&entry.host)) {
            taken.extend(entry.addresses.iter().map(|address| Arc::from(&**address)));
        }
        let (mut workloads, mut entries, mut rules) =
            (self.all.workloads.iter(), self.all.entries.iter().map(|entry| &entry.host), self.all.rules.iter());
        let mut part = FleetSnapshot { strangers: fleet.strangers.clone(), ..FleetSnapshot::default() };
        for (cluster, view) in &fleet.members {
            let mut facts_of = |facts: &ClusterFacts| {
                let kept = workloads.by_ref().take(facts.workloads.len()).filter(|(workload, base)| {
                    self.near.has(base) || self.calls.callers.contains(workload.identity.as_str())
                });
                let kept: Vec<Workload> = kept.map(|(workload, _)| (*workload).clone()).collect();
                let owned = facts.owned.iter().filter(|(key, _)| {
                    let host = if key.kind == Kind::ServiceEntry { entries.next() } else { rules.next() };
                    host.is_some_and(|host| self.keeps(host))
                });
                let owned = owned.map(|(key, object)| (key.clone(), object.clone())).collect();
                Arc::new(self.facts(facts, kept, owned, &mut taken))
            };
            let view = match view {
                ClusterView::Seen(facts) => ClusterView::Seen(facts_of(facts)),
                ClusterView::Retired(Some(facts)) => ClusterView::Retired(Some(facts_of(facts))),
                other => other.clone(),
            };
            part.members.insert(cluster.clone(), view);
        }
        Vicinity { fleet: part, taken }
    }

    fn facts(
        &self,
        facts: &ClusterFacts,
        workloads: Vec<Workload>,
        owned: BTreeMap<ObjectKey, OwnedObject>,
        taken: &mut BTreeSet<Arc<str>>,
    ) -> ClusterFacts {
        let namespaces: BTreeSet<&Namespace> = workloads.iter().map(|workload| &workload.namespace).collect();
        let services = namespaces.iter().filter_map(|namespace| facts.services.get_key_value(*namespace));
        let services = services.map(|(namespace, services)| (namespace.clone(), services.clone())).collect();
        let governs = |identity: &str| self.calls.called.contains(identity);
        let mut vip_store = BTreeMap::new();
        for (name, address) in &facts.vip_store {
            if name.strip_suffix("-se").is_some_and(|host| self.keeps(host)) {
                vip_store.insert(Arc::clone(name), Arc::clone(address));
            } else {
                taken.insert(Arc::clone(address));
            }
        }
        let is_claimed_here = |host: &str| self.near.has(&lower(host.to_owned()));
        ClusterFacts {
            uid: facts.uid.clone(),
            unseen: facts.unseen.clone(),
            namespaces: facts.namespaces.clone(),
            services,
            gateways: facts.gateways.clone(),
            node_regions: facts.node_regions.clone(),
            dependencies: kept(&facts.dependencies, |dependency| self.calls.has(&dependency.destinations)),
            traffic_policies: kept(&facts.traffic_policies, |policy| governs(&policy.meta.identity)),
            outlier_detections: kept(&facts.outlier_detections, |policy| governs(&policy.meta.identity)),
            connection_configs: kept(&facts.connection_configs, |policy| governs(&policy.meta.identity)),
            vip_store,
            foreign: facts.foreign.clone(),
            // Nothing that is generated depends on it.
            mesh: MeshFacts::default(),
            admiral: facts.admiral.clone(),
            // What is done about claims is planned for whole fleets only.
            keeps_claims: facts.keeps_claims,
            records: MemberClaims::default(),
            webhook: facts.webhook.clone(),
            claims: facts
                .claims
                .iter()
                .filter(|(host, _)| is_claimed_here(host))
                .map(|(h, c)| (h.clone(), c.clone()))
                .collect(),
            workloads,
            owned,
        }
    }

    /// Whether objects on `host` are kept: those of callers are, so that these keep their addresses.
    fn keeps(&self, host: &str) -> bool {
        self.near.has(host) || is_ending(host, &self.calls.hosts)
    }
}

fn kept<T: Clone>(all: &[T], is_kept: impl Fn(&T) -> bool) -> Vec<T> {
    all.iter().filter(|one| is_kept(one)).cloned().collect()
}

/// `host` and what it ends in, label by label.
fn endings(host: &str) -> impl Iterator<Item = &str> {
    std::iter::once(host).chain(tails(host))
}

/// What every host of an identity ends in, in lower case.
fn ending(identity: &str, policy: &MeshPolicy) -> String {
    lower(format!("{identity}.{}", policy.suffix))
}

fn is_ending(host: &str, among: &BTreeSet<String>) -> bool {
    endings(host).any(|ending| among.contains(ending))
}

fn lower(mut text: String) -> String {
    if text.is_ascii() {
        text.make_ascii_lowercase();
        text
    } else {
        text.to_lowercase()
    }
}

/// The host that a generated object is for, in lower case: mostly the one that it is named for, which the text of its spec
/// is only compared with.
fn host_of<'a>(key: &'a ObjectKey, object: &'a OwnedObject) -> Cow<'a, str> {
    let begins = |rest: &str, host: &str| {
        let (start, rest) = rest.split_at_checked(host.len()).unwrap_or_default();
        !start.is_empty() && start.eq_ignore_ascii_case(host) && rest.starts_with('"')
    };
    let said = match key.kind {
        Kind::ServiceEntry => object.spec.rsplit_once(r#""hosts":[""#),
        _ => object.spec.split_once(r#""host":""#),
    };
    match (named_host(key), said) {
        (Some(host), Some((_, rest))) if begins(rest, host) && host.bytes().all(|b| !b.is_ascii_uppercase()) => {
            Cow::Borrowed(host)
        }
        (named, _) => {
            let host = match key.kind {
                Kind::ServiceEntry => host_of_entry(&object.spec),
                _ => host_of_rule(&object.spec),
            };
            host.map_or(Cow::Borrowed(named.unwrap_or(&key.name)), Cow::Owned)
        }
    }
}

/// The virtual addresses of a ServiceEntry. They are the first field of canonical JSON.
fn addresses_of(spec: &str) -> Vec<Cow<'_, str>> {
    const FIRST: &str = r#"{"addresses":["#;
    if let Some((list, _)) = spec.strip_prefix(FIRST).and_then(|rest| rest.split_once(']')) {
        return list.split(',').map(|address| Cow::Borrowed(address.trim_matches('"'))).collect();
    }
    if !spec.contains(r#""addresses""#) {
        return Vec::new();
    }
    let entry: ServiceEntry = serde_json::from_str(spec).unwrap_or_default();
    entry.addresses.into_iter().map(|address| Cow::Owned(address.to_string())).collect()
}
