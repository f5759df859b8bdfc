//! What the proxies of one cluster follow: generated objects, everybody else's, and who lets whom in.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use mesh_istio::host::matches;
use mesh_istio::selector::WorkloadSelector;
use mesh_istio::{
    AuthorizationPolicy, DestinationRule, Gateway, PeerAuthentication, ServiceEntry, Sidecar, VirtualService,
};
use mesh_model::facts::{ClusterFacts, LabelSet};
use mesh_model::finding::{Code, Severity};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Namespace};
use mesh_model::owned::ObjectKey;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// An object with what it says.
pub(crate) struct Held<'a, T> {
    pub(crate) key: &'a ObjectKey,
    pub(crate) is_ours: bool,
    pub(crate) created: Option<Timestamp>,
    pub(crate) spec: Arc<T>,
}

/// What the proxies of one cluster follow.
pub(crate) struct Mesh<'a> {
    pub(crate) cluster: &'a ClusterName,
    pub(crate) facts: &'a ClusterFacts,
    /// The namespace whose objects count everywhere.
    pub(crate) root: &'a Namespace,
    /// By host in lower case, the oldest first.
    entries: BTreeMap<String, Vec<Held<'a, ServiceEntry>>>,
    rules: ByHost<'a, DestinationRule>,
    routes: ByHost<'a, VirtualService>,
    /// By namespace, the oldest first.
    sidecars: BTreeMap<&'a Namespace, Vec<Held<'a, Sidecar>>>,
    peers: BTreeMap<&'a Namespace, Vec<Held<'a, PeerAuthentication>>>,
    authorizations: BTreeMap<&'a Namespace, Vec<Held<'a, AuthorizationPolicy>>>,
    pub(crate) gateways: Vec<Held<'a, Gateway>>,
    /// Objects of others by virtual address.
    taken: BTreeMap<&'a str, Vec<&'a ObjectKey>>,
    /// Objects that do not read, whatever they do.
    pub(crate) unreadable: Vec<(&'a ObjectKey, Problem)>,
}

/// Objects by the patterns of their hosts.
struct ByHost<'a, T> {
    held: Vec<Held<'a, T>>,
    exact: BTreeMap<String, Vec<usize>>,
    wild: Vec<(String, usize)>,
}

/// Specs that were read, each once: clusters share what is generated.
#[derive(Default)]
pub(crate) struct Specs {
    entries: Read<ServiceEntry>,
    rules: Read<DestinationRule>,
}

/// By the address of a text that outlives this.
type Read<T> = BTreeMap<usize, Result<Arc<T>, String>>;

/// Generated objects of a cluster: with the texts of their specs, and since when they are there.
pub(crate) type Generated<'a> = Vec<(&'a ObjectKey, &'a Arc<str>, Option<Timestamp>)>;

impl<'a> Mesh<'a> {
    /// What proxies follow in a cluster that holds `generated`.
    pub(crate) fn of(
        cluster: &'a ClusterName,
        facts: &'a ClusterFacts,
        root: &'a Namespace,
        generated: Generated<'a>,
        specs: &mut Specs,
    ) -> Self {
        let mut mesh = Self {
            cluster,
            facts,
            root,
            entries: BTreeMap::new(),
            rules: ByHost::default(),
            routes: ByHost::default(),
            sidecars: BTreeMap::new(),
            peers: BTreeMap::new(),
            authorizations: BTreeMap::new(),
            gateways: Vec::new(),
            taken: BTreeMap::new(),
            unreadable: Vec::new(),
        };
        for (key, text, created) in generated {
            let read = match key.kind {
                Kind::ServiceEntry => specs.entry(text).map(|spec| mesh.entry(key, true, created, &spec)),
                _ => specs.rule(text).map(|spec| mesh.rule(key, true, created, spec)),
            };
            mesh.note(key, read);
        }
        for (key, spec) in &facts.mesh.specs {
            let (text, created) = (&spec.text, spec.created);
            let read = match key.kind {
                Kind::ServiceEntry => read(text).map(|spec| mesh.entry(key, false, created, &spec)),
                Kind::DestinationRule => read(text).map(|spec| mesh.rule(key, false, created, spec)),
                Kind::VirtualService => read(text).map(|spec: Arc<VirtualService>| {
                    let hosts = spec.hosts.clone();
                    mesh.routes.add(&hosts, Held { key, is_ours: false, created, spec });
                }),
                Kind::Sidecar => read(text).map(|spec| add(&mut mesh.sidecars, key, created, spec)),
                Kind::PeerAuthentication => read(text).map(|spec| add(&mut mesh.peers, key, created, spec)),
                Kind::AuthorizationPolicy => read(text).map(|spec| add(&mut mesh.authorizations, key, created, spec)),
                _ => read(text).map(|spec| mesh.gateways.push(Held { key, is_ours: false, created, spec })),
            };
            mesh.note(key, read);
        }
        for object in &facts.foreign {
            for address in &object.addresses {
                mesh.taken.entry(address).or_default().push(&object.key);
            }
        }
        mesh.entries.values_mut().for_each(|held| sort(held));
        mesh.sidecars.values_mut().for_each(|held| sort(held));
        mesh.peers.values_mut().for_each(|held| sort(held));
        mesh
    }

    fn entry(&mut self, key: &'a ObjectKey, is_ours: bool, created: Option<Timestamp>, spec: &Arc<ServiceEntry>) {
        for host in &spec.hosts {
            let held = Held { key, is_ours, created, spec: Arc::clone(spec) };
            self.entries.entry(host.to_lowercase()).or_default().push(held);
        }
    }

    fn rule(&mut self, key: &'a ObjectKey, is_ours: bool, created: Option<Timestamp>, spec: Arc<DestinationRule>) {
        let host = [Arc::clone(&spec.host)];
        self.rules.add(&host, Held { key, is_ours, created, spec });
    }

    fn note(&mut self, key: &'a ObjectKey, read: Result<(), String>) {
        if let Err(why) = read {
            let what = format!("cannot be read: {why}; what it does to traffic is unknown");
            self.unreadable.push((key, Problem::of_object(Code::UnreadableSpec, self.cluster, key, what)));
        }
    }

    /// Whether everything of a kind is known here.
    pub(crate) fn knows(&self, kind: Kind) -> bool {
        let facts = self.facts;
        !facts.unseen.contains(&kind)
            && !facts.mesh.unseen.contains(&kind)
            && self.unreadable.iter().all(|(key, _)| key.kind != kind)
    }

    /// Every entry on a host, the oldest first.
    pub(crate) fn entries_on(&self, host: &str) -> &[Held<'a, ServiceEntry>] {
        self.entries.get(&host.to_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// The entry that proxies of a namespace follow: the one of their own namespace, else the oldest that they may see.
    pub(crate) fn entry_for(&self, namespace: &str, host: &str) -> Option<&Held<'a, ServiceEntry>> {
        let visible = || self.entries_on(host).iter().filter(|held| held.is_visible_from(namespace));
        visible().find(|held| &*held.key.namespace == namespace).or_else(|| visible().next())
    }

    /// What is wrong with the virtual addresses of an entry: somebody else's has them, too.
    pub(crate) fn shared_addresses(&self, entry: &Held<'a, ServiceEntry>) -> Vec<Problem> {
        let others = entry.spec.addresses.iter().filter_map(|address| Some((address, self.taken.get(&**address)?)));
        let others = others.flat_map(|(address, keys)| keys.iter().map(move |key| (address, *key)));
        let others = others.filter(|(_, key)| *key != entry.key);
        others.filter_map(|(address, key)| self.shares_address(entry, address, key)).collect()
    }

    /// That somebody else's entry has a virtual address of ours on the same port, and what becomes of it: HTTP tells hosts apart by
    /// their names, and of others the older entry gets what is sent there.
    fn shares_address(&self, entry: &Held<'a, ServiceEntry>, address: &str, other: &'a ObjectKey) -> Option<Problem> {
        let ours = entry.spec.ports.first()?;
        let known = self.entries.values().flatten().find(|held| held.key == other);
        let (severity, consequence) = match known {
            None => (Severity::Warning, "what becomes of it depends on its ports"),
            Some(known) => {
                let theirs = known.spec.ports.iter().find(|port| port.number == ours.number)?;
                match (is_http(&ours.protocol), is_http(&theirs.protocol)) {
                    (true, true) => (Severity::Warning, "HTTP tells hosts apart by their names"),
                    (false, false) if entry.by_age(known).is_lt() => {
                        (Severity::Warning, "ours is older and gets what is sent there, until it is written anew")
                    }
                    (false, false) => (Severity::Error, "it is older, and gets what is sent there"),
                    _ => (Severity::Error, "HTTP and other traffic on one address and port: no answer"),
                }
            }
        };
        let what = format!("it has address {address} and port {} as well: {consequence}", ours.number);
        Some(Problem::of_object(Code::AddressTaken, self.cluster, other, what).with_severity(severity))
    }

    /// Every VirtualService on a host that sidecars of a namespace follow, the oldest first.
    pub(crate) fn routes_for(&self, namespace: &str, host: &str) -> Vec<&Held<'a, VirtualService>> {
        let mut routes: Vec<_> = self
            .routes
            .on(host)
            .map(|(_, held)| held)
            .filter(|held| held.spec.is_for_sidecars() && held.is_visible_from(namespace))
            .collect();
        routes.sort_by(|a, b| a.by_age(b));
        routes
    }

    /// The DestinationRule that a workload follows for a host whose entry is in namespace `of_entry`: of its own namespace,
    /// else of the entry's, else of the root; of several, the one with the closest host, then the oldest.
    pub(crate) fn rule_for(
        &self,
        (namespace, labels): (&str, &LabelSet),
        host: &str,
        of_entry: &str,
    ) -> Option<&Held<'a, DestinationRule>> {
        let root = self.root.as_str();
        let candidates: Vec<_> = self
            .rules
            .on(host)
            .filter(|(_, held)| {
                held.is_visible_from(namespace)
                    && held.spec.workload_selector.as_ref().is_none_or(|selector| selects(selector, labels))
            })
            .collect();
        // What is of the root namespace counts for its own proxies, gateways among them, no more than for others.
        let own = (namespace != root).then_some(namespace);
        own.into_iter().chain([of_entry, root]).find_map(|wanted| {
            let here = candidates.iter().filter(|(_, held)| &*held.key.namespace == wanted);
            let best = here.min_by(|(a_length, a), (b_length, b)| b_length.cmp(a_length).then_with(|| a.by_age(b)));
            best.map(|(_, held)| *held)
        })
    }

    /// The Sidecar that a workload follows.
    pub(crate) fn sidecar_for(&self, namespace: &Namespace, labels: &LabelSet) -> Option<&Held<'a, Sidecar>> {
        let of = |namespace: &Namespace| self.sidecars.get(namespace).into_iter().flatten();
        let is_general =
            |held: &&Held<'a, Sidecar>| held.spec.workload_selector.as_ref().is_none_or(WorkloadSelector::is_empty);
        let mut own = of(namespace).filter(|held| !is_general(held));
        own.find(|held| held.spec.workload_selector.as_ref().is_some_and(|selector| selects(selector, labels)))
            .or_else(|| of(namespace).find(is_general))
            .or_else(|| of(self.root).find(is_general))
    }

    /// The PeerAuthentications that count for a workload, the one that counts first before the others.
    pub(crate) fn peers_of(&self, namespace: &Namespace, labels: &LabelSet) -> Vec<&Held<'a, PeerAuthentication>> {
        let of = |namespace: &Namespace| self.peers.get(namespace).into_iter().flatten();
        let selector = |held: &Held<'a, PeerAuthentication>| held.spec.selector.clone().unwrap_or_default();
        let own = of(namespace).find(|held| !selector(held).is_empty() && selects(&selector(held), labels));
        let general = |namespace: &Namespace| of(namespace).find(|held| selector(held).is_empty());
        own.into_iter()
            .chain(general(namespace))
            .chain((namespace != self.root).then(|| general(self.root)).flatten())
            .collect()
    }

    /// The AuthorizationPolicies that count for a workload.
    pub(crate) fn authorizations_of(
        &self,
        namespace: &'a Namespace,
        labels: &'a LabelSet,
    ) -> impl Iterator<Item = &Held<'a, AuthorizationPolicy>> {
        let of = |namespace: &Namespace| self.authorizations.get(namespace).into_iter().flatten();
        let root = (namespace != self.root).then(|| of(self.root)).into_iter().flatten();
        of(namespace).chain(root).filter(move |held| {
            held.spec.is_for_sidecars() && held.spec.selector.as_ref().is_none_or(|selector| selects(selector, labels))
        })
    }

    /// Whether anybody's AuthorizationPolicy is in a namespace, or in the root.
    pub(crate) fn has_authorizations(&self, namespace: &Namespace) -> bool {
        self.authorizations.contains_key(namespace) || self.authorizations.contains_key(self.root)
    }

    /// Every AuthorizationPolicy.
    pub(crate) fn authorizations(&self) -> impl Iterator<Item = &Held<'a, AuthorizationPolicy>> {
        self.authorizations.values().flatten()
    }

    /// Every entry of others that may be on a global name.
    pub(crate) fn foreign_entries(&self) -> impl Iterator<Item = (&str, &Held<'a, ServiceEntry>)> {
        self.entries
            .iter()
            .flat_map(|(host, held)| held.iter().map(move |held| (host.as_str(), held)))
            .filter(|(_, held)| !held.is_ours)
    }
}

/// Something with `exportTo`.
pub(crate) trait Exported {
    /// Namespaces that see it; none are all.
    fn export_to(&self) -> &[Arc<str>];
}

impl Exported for ServiceEntry {
    fn export_to(&self) -> &[Arc<str>] {
        &self.export_to
    }
}

impl Exported for DestinationRule {
    fn export_to(&self) -> &[Arc<str>] {
        &self.export_to
    }
}

impl Exported for VirtualService {
    fn export_to(&self) -> &[Arc<str>] {
        &self.export_to
    }
}

impl<T> Held<'_, T> {
    /// The older first; without a time is newest.
    pub(crate) fn by_age(&self, other: &Self) -> std::cmp::Ordering {
        let age = |held: &Self| (held.created.is_none(), held.created, !held.is_ours);
        age(self).cmp(&age(other)).then_with(|| self.key.cmp(other.key))
    }
}

impl<T: Exported> Held<'_, T> {
    /// Whether proxies of a namespace may see it.
    pub(crate) fn is_visible_from(&self, namespace: &str) -> bool {
        let export_to = self.spec.export_to();
        export_to.is_empty()
            || export_to.iter().any(|to| match &**to {
                "*" => true,
                "." => &*self.key.namespace == namespace,
                to => to == namespace,
            })
    }
}

impl<T> Default for ByHost<'_, T> {
    fn default() -> Self {
        Self { held: Vec::new(), exact: BTreeMap::new(), wild: Vec::new() }
    }
}

impl<'a, T> ByHost<'a, T> {
    fn add(&mut self, hosts: &[Arc<str>], held: Held<'a, T>) {
        let at = self.held.len();
        for host in hosts {
            if host.starts_with('*') {
                self.wild.push((host.to_string(), at));
            } else {
                self.exact.entry(host.to_lowercase()).or_default().push(at);
            }
        }
        self.held.push(held);
    }

    /// Those on a host, with how much of it their pattern says.
    fn on(&self, host: &str) -> impl Iterator<Item = (usize, &Held<'a, T>)> {
        let exact = self.exact.get(&host.to_lowercase()).into_iter().flatten().map(|at| (usize::MAX, *at));
        let wild: Vec<_> = self.wild.iter().filter(|(pattern, _)| matches(pattern, host)).collect();
        exact.chain(wild.into_iter().map(|(pattern, at)| (pattern.len(), *at))).map(|(says, at)| (says, &self.held[at]))
    }
}

impl Specs {
    fn entry(&mut self, text: &Arc<str>) -> Result<Arc<ServiceEntry>, String> {
        self.entries.entry(address(text)).or_insert_with(|| read(text)).clone()
    }

    fn rule(&mut self, text: &Arc<str>) -> Result<Arc<DestinationRule>, String> {
        self.rules.entry(address(text)).or_insert_with(|| read(text)).clone()
    }
}

fn address(text: &Arc<str>) -> usize {
    Arc::as_ptr(text).cast::<u8>() as usize
}

fn read<T: DeserializeOwned>(text: &str) -> Result<Arc<T>, String> {
    // The text is ours: what is wrong is told by the field, not by where it is.
    serde_json::from_str(text).map(Arc::new).map_err(|error| {
        let why = error.to_string();
        why.rsplit_once(" at line ").map_or(why.clone(), |(why, _)| why.to_owned())
    })
}

fn add<'a, T>(
    map: &mut BTreeMap<&'a Namespace, Vec<Held<'a, T>>>,
    key: &'a ObjectKey,
    created: Option<Timestamp>,
    spec: Arc<T>,
) {
    map.entry(&key.namespace).or_default().push(Held { key, is_ours: false, created, spec });
}

fn sort<T>(held: &mut [Held<'_, T>]) {
    held.sort_by(Held::by_age);
}

/// Whether pods with these labels are meant.
pub(crate) fn selects(selector: &WorkloadSelector, labels: &LabelSet) -> bool {
    selector.wanted().all(|(key, value)| labels.iter().any(|(k, v)| &**k == key && &**v == value))
}

fn is_http(protocol: &str) -> bool {
    let protocol = protocol.to_ascii_lowercase();
    protocol.starts_with("http") || protocol.starts_with("grpc")
}

/// Whether an address is a number, not a name.
pub(crate) fn is_ip(address: &str) -> bool {
    address.parse::<IpAddr>().is_ok()
}
