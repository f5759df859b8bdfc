//! Whose endpoints cannot be known now, and what live objects say of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_istio::service_entry::{Endpoint, is_cluster_local};
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::{Origin, Part};
use mesh_model::owned::OwnedObject;

use super::live::{LiveEntry, LiveHost};
use super::outline::EndpointOutline;
use super::site::{Gateway, Site};
use super::sources::Source;

/// A cluster that live objects say serves a name, and that cannot be seen to serve it or not.
pub(super) struct HeldSite {
    /// Why it cannot be seen.
    pub(super) why: String,
    /// The namespaces that it serves from, as far as live objects tell.
    pub(super) namespaces: BTreeSet<Arc<str>>,
    /// The objects that its endpoints came from.
    pub(super) origins: BTreeSet<Origin>,
}

/// What can be known of whether a cluster serves.
pub(super) enum Knowledge {
    /// It was read completely.
    Known,
    /// It is retired: what came from it may go.
    Gone,
    /// It was not, for this reason.
    Unknown(String),
}

/// An endpoint of a live entry.
pub(super) struct Owned<'e> {
    /// Which of the entry's it is. Clusters that share one have one each.
    pub(super) at: usize,
    pub(super) address: &'e str,
    /// The cluster that it came from; none where it is nobody's.
    pub(super) owner: Option<&'e ClusterName>,
}

/// Whose endpoint is whose.
pub(super) struct Owners<'a> {
    pub(super) sites: &'a BTreeMap<&'a ClusterName, Site<'a>>,
    /// By gateway address without trailing dot.
    by_gateway: BTreeMap<Arc<str>, Vec<&'a ClusterName>>,
    /// Whether some member's gateway is unknown, so that an address that is nobody's may be its.
    some_gateway_unseen: bool,
    /// The first member that may serve what was not seen.
    unseen_source: Option<&'a ClusterName>,
}

/// The namespace in `service.namespace.svc.cluster.local`.
fn namespace_of_local(address: &str) -> Option<&str> {
    address.split('.').nth(1)
}

impl<'a> Owners<'a> {
    pub(super) fn new(sites: &'a BTreeMap<&'a ClusterName, Site<'a>>) -> Self {
        let mut by_gateway: BTreeMap<Arc<str>, Vec<&ClusterName>> = BTreeMap::new();
        for site in sites.values() {
            if let Gateway::At { address, .. } = &site.gateway {
                by_gateway.entry(address.trim_end_matches('.').into()).or_default().push(site.name);
            }
        }
        let some_gateway_unseen = sites.values().any(|site| site.may_have(Kind::Service));
        let unseen_source = sites.values().find(|site| !site.retired && !site.sees_sources()).map(|site| site.name);
        Self { sites, by_gateway, some_gateway_unseen, unseen_source }
    }

    /// Addresses that are the gateway of several members.
    pub(super) fn shared_gateways(&self) -> impl Iterator<Item = (&Arc<str>, &Vec<&'a ClusterName>)> {
        self.by_gateway.iter().filter(|(_, clusters)| clusters.len() > 1)
    }

    /// The first member that may serve what was not seen.
    pub(super) fn unseen_source(&self) -> Option<&'a ClusterName> {
        self.unseen_source
    }

    /// What can be known of whether `cluster` serves; `source` is what was found there.
    pub(super) fn knowledge(&self, cluster: &ClusterName, source: Option<&Source<'_>>) -> Knowledge {
        let Some(site) = self.sites.get(cluster) else {
            return Knowledge::Unknown(format!("{cluster} is no member"));
        };
        match site.facts {
            _ if site.retired => Knowledge::Gone,
            None => Knowledge::Unknown(format!("{cluster} is unseen")),
            Some(_) if !site.sees_sources() => Knowledge::Unknown(format!("{cluster} was read in part")),
            Some(_) if source.is_some_and(|source| source.unknown) => {
                Knowledge::Unknown(format!("{cluster} serves it with a Rollout"))
            }
            Some(_) => Knowledge::Known,
        }
    }

    /// The endpoints of a live entry in `holder`, each with the cluster that it came from; none where it is nobody's.
    pub(super) fn endpoints<'e>(&'e self, holder: &'e ClusterName, entry: &'e LiveEntry<'_>) -> Vec<Owned<'e>> {
        let Some(spec) = entry.spec() else { return Vec::new() };
        // Which clusters each address came from; several may share a gateway.
        let mut clusters_of: BTreeMap<&str, Vec<&ClusterName>> = BTreeMap::new();
        for (origin, parts) in entry.object.origins.iter() {
            for part in parts {
                if let Part::Endpoint(address) = part {
                    let clusters = clusters_of.entry(address).or_default();
                    if !clusters.contains(&&origin.cluster) {
                        clusters.push(&origin.cluster);
                    }
                }
            }
        }
        // The network tells clusters behind one address apart; what is left goes in sorted order.
        let mut owners: Vec<Option<&ClusterName>> = vec![None; spec.endpoints.len()];
        let mut placed: BTreeSet<(&str, &ClusterName)> = BTreeSet::new();
        for by_network in [true, false] {
            for (endpoint, owner) in spec.endpoints.iter().zip(&mut owners).filter(|(_, owner)| owner.is_none()) {
                let address = &*endpoint.address;
                let Some(clusters) = clusters_of.get(address) else { continue };
                let is_behind = |cluster: &ClusterName| {
                    let network = self.sites.get(cluster).map_or(cluster.as_str(), |site| &site.network);
                    !by_network || endpoint.network.as_deref() == Some(network)
                };
                let mut free = clusters.iter().filter(|cluster| !placed.contains(&(address, **cluster)));
                *owner = free.find(|cluster| is_behind(cluster)).copied();
                if owner.is_none() && !by_network {
                    *owner = clusters.last().copied();
                }
                placed.extend(owner.map(|owner| (address, owner)));
            }
        }
        let mut all: Vec<Owned<'_>> = Vec::with_capacity(spec.endpoints.len());
        for (at, (endpoint, owner)) in spec.endpoints.iter().zip(owners).enumerate() {
            let address = &*endpoint.address;
            let owner = owner.or_else(|| self.owner_without_origin(holder, endpoint));
            all.push(Owned { at, address, owner });
            // Clusters of one network behind one gateway share one endpoint: it is each one's.
            let sharing = clusters_of.remove(&*endpoint.address).unwrap_or_default();
            let sharing = sharing.into_iter().filter(|cluster| !placed.contains(&(&*endpoint.address, *cluster)));
            all.extend(sharing.map(|cluster| Owned { at, address, owner: Some(cluster) }));
        }
        all
    }

    /// The owner of an endpoint without origin: the holder of a local one, else the member whose gateway it is.
    fn owner_without_origin(&self, holder: &'a ClusterName, endpoint: &EndpointOutline<'_>) -> Option<&'a ClusterName> {
        if is_cluster_local(&endpoint.address) {
            return Some(holder);
        }
        let clusters = self.by_gateway.get(endpoint.address.trim_end_matches('.'))?;
        let by_network = clusters.iter().find(|c| Some(&*self.sites[**c].network) == endpoint.network.as_deref());
        by_network.or_else(|| clusters.first()).copied()
    }

    /// Whether an endpoint that is nobody's must stay (product contract §6).
    pub(super) fn keeps_nobodys(&self) -> bool {
        self.some_gateway_unseen
    }

    /// Why it is not proven that nothing serves the host of a live object in `holder` any more.
    pub(super) fn unproven(
        &self,
        holder: &ClusterName,
        entry: Option<&LiveEntry<'_>>,
        object: &OwnedObject,
    ) -> Option<String> {
        if entry.is_none() && object.origins.is_empty() {
            // A rule alone says nothing of whose it is.
            let blind = self.sites.values().find(|site| site.may_have(Kind::ServiceEntry))?;
            return Some(format!("{}, which could not be read, may tell whose it is", blind.name));
        }
        let mut clusters: BTreeSet<&ClusterName> = object.origins.iter().map(|(origin, _)| &origin.cluster).collect();
        for Owned { address, owner, .. } in entry.into_iter().flat_map(|entry| self.endpoints(holder, entry)) {
            match owner {
                Some(owner) => {
                    clusters.insert(owner);
                }
                None if self.keeps_nobodys() => {
                    return Some(format!("{address} may be the gateway of a member that was not read completely"));
                }
                None => {}
            }
        }
        clusters.into_iter().find_map(|cluster| match self.knowledge(cluster, None) {
            Knowledge::Unknown(why) => Some(why),
            Knowledge::Known | Knowledge::Gone => None,
        })
    }

    /// The clusters that `entries` say serve, and that cannot be seen to.
    pub(super) fn held_sites(
        &self,
        entries: &[(&ClusterName, &LiveEntry<'_>)],
        sources: &BTreeMap<&ClusterName, &Source<'_>>,
    ) -> BTreeMap<ClusterName, HeldSite> {
        let mut held: BTreeMap<ClusterName, HeldSite> = BTreeMap::new();
        for (holder, entry) in entries.iter().copied() {
            for (origin, parts) in entry.object.origins.iter() {
                if !parts.iter().any(|part| matches!(part, Part::Endpoint(_))) {
                    continue;
                }
                let source = sources.get(&origin.cluster).copied();
                let has = |part: &Part| match (part, entry.spec()) {
                    (Part::Endpoint(address), Some(spec)) => spec.endpoints.iter().any(|e| *e.address == **address),
                    _ => false,
                };
                // An origin of an endpoint that somebody took out says nothing about what is held.
                if let Knowledge::Unknown(why) = self.knowledge(&origin.cluster, source)
                    && parts.iter().any(has)
                {
                    let site = held.entry(origin.cluster.clone()).or_insert_with(|| HeldSite::new(why));
                    if let Some((namespace, _)) = origin.name.split_once('/') {
                        site.namespaces.insert(namespace.into());
                    }
                    site.origins.insert(origin.clone());
                }
            }
            // Adopted endpoints have no origins.
            let mut known: Vec<&str> = entry.object.origins.iter().flat_map(|(_, parts)| addresses(parts)).collect();
            known.sort_unstable();
            let is_known = |address: &str| known.binary_search(&address).is_ok();
            if entry.spec().is_some_and(|spec| !spec.endpoints.iter().all(|endpoint| is_known(&endpoint.address))) {
                for Owned { address, owner, .. } in self.endpoints(holder, entry) {
                    // A cluster's own gateway in its own entry leads nowhere else, and proves nothing.
                    let hairpin = owner == Some(holder) && !is_cluster_local(address);
                    if hairpin || is_known(address) {
                        continue;
                    }
                    let Some(owner) = owner else { continue };
                    if let Knowledge::Unknown(why) = self.knowledge(owner, sources.get(owner).copied()) {
                        let site = held.entry(owner.clone()).or_insert_with(|| HeldSite::new(why));
                        if is_cluster_local(address) {
                            site.namespaces.extend(namespace_of_local(address).map(Arc::from));
                        }
                    }
                }
            }
        }
        held
    }

    /// The origins that a live entry's port came from although it leads to none of them: of sources that only their own
    /// cluster reaches.
    pub(super) fn port_only_origins<'e>(entry: &'e LiveEntry<'_>) -> impl Iterator<Item = &'e Origin> {
        let only_port = |parts: &[Part]| parts.contains(&Part::Ports) && addresses(parts).next().is_none();
        entry.object.origins.iter().filter(move |(_, parts)| only_port(parts)).map(|(origin, _)| origin)
    }

    /// Whether the port of one of `entries` came from a source that none of them leads to, and that cannot be seen now.
    pub(super) fn holds_port(
        &self,
        entries: &[(&ClusterName, &LiveEntry<'_>)],
        sources: &BTreeMap<&ClusterName, &Source<'_>>,
    ) -> bool {
        let mut origins = entries.iter().flat_map(|(_, entry)| Self::port_only_origins(entry));
        origins.any(|o| matches!(self.knowledge(&o.cluster, sources.get(&o.cluster).copied()), Knowledge::Unknown(_)))
    }

    /// The live endpoints of `host` that came from `cluster`, as `holder` holds them, else as most others do. Only
    /// those that lead through a gateway, or only those that do not.
    pub(super) fn live_endpoints(
        &self,
        host: Option<&LiveHost<'_>>,
        holder: &ClusterName,
        cluster: &ClusterName,
        local: bool,
    ) -> Vec<Endpoint> {
        let Some(host) = host else { return Vec::new() };
        let of = |holder: &ClusterName, entry: &LiveEntry<'_>| -> Vec<Endpoint> {
            let is_mine = |one: &Owned<'_>| one.owner == Some(cluster) && is_cluster_local(one.address) == local;
            let mine: Vec<_> = self.endpoints(holder, entry).into_iter().filter(is_mine).collect();
            if mine.is_empty() {
                return Vec::new();
            }
            let all = entry.endpoints();
            mine.iter().filter_map(|one| all.get(one.at).cloned()).collect()
        };
        if let Some(entry) = host.entries.get(holder) {
            let own = of(holder, entry);
            if !own.is_empty() || local {
                return own;
            }
        }
        if local {
            return Vec::new();
        }
        let mut forms: BTreeMap<Vec<Endpoint>, usize> = BTreeMap::new();
        for (other, entry) in host.entries.iter().filter(|(other, _)| **other != cluster) {
            let form = of(other, entry);
            if !form.is_empty() {
                *forms.entry(form).or_default() += 1;
            }
        }
        forms.into_iter().rev().max_by_key(|(_, holders)| *holders).map(|(form, _)| form).unwrap_or_default()
    }
}

impl HeldSite {
    fn new(why: String) -> Self {
        Self { why, namespaces: BTreeSet::new(), origins: BTreeSet::new() }
    }
}

fn addresses(parts: &[Part]) -> impl Iterator<Item = &str> {
    parts.iter().filter_map(|part| match part {
        Part::Endpoint(address) => Some(&**address),
        _ => None,
    })
}
