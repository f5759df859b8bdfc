//! The endpoints of a ServiceEntry: of each source as each cluster sees it, and what is kept of those that are not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_istio::service_entry::{Endpoint, TLS_MODE, TYPE, is_cluster_local};
use mesh_model::finding::{Code, Finding};
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::{Origin, Origins, Part};

use super::EntryBuilder;
use crate::because::Because;
use crate::desire::held::{Knowledge, Owned};
use crate::desire::live::LiveEntry;
use crate::desire::name::service_origin;
use crate::desire::routed::why_unrouted;
use crate::desire::site::{Gateway, Site};
use crate::desire::sources::{Local, Source, preferred_type};

/// Endpoints with where they came from, while they are gathered.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) origins: Origins,
    pub(super) because: Vec<Because>,
    pub(super) held: Vec<Because>,
}

/// An endpoint as it follows from what was read.
struct Fresh {
    endpoint: Endpoint,
    origins: Vec<Origin>,
    rule: Arc<str>,
}

impl<'a> EntryBuilder<'_, 'a> {
    /// Adds the endpoints of `source` as `cluster` holds them.
    pub(super) fn gather(
        &self,
        source: &ClusterName,
        cluster: &ClusterName,
        gathered: &mut Gathered,
        findings: &mut Vec<Finding>,
    ) {
        let local = source == cluster;
        let site = self.context.sites.get(source);
        if !local && site.is_some_and(|site| site.gateway == Gateway::None) {
            return;
        }
        let found = self.plan.sources.get(source).filter(|found| !found.endpoints.is_empty());
        let (fresh, unrouted) = match (site, found) {
            (Some(site), Some(found)) if local => (self.local_endpoints(site, found), None),
            (Some(site), Some(found)) => match self.remote_endpoint(site, found, cluster, gathered) {
                Ok(fresh) => (fresh, None),
                Err(why) => (Vec::new(), Some(why)),
            },
            _ => (Vec::new(), None),
        };
        let (held, why) = match self.plan.knowledge(source, self.context) {
            Knowledge::Gone => return,
            // What was read all the same counts only where nothing is held: it may be what is held, seen wrongly.
            Knowledge::Unknown(why) => (self.hold(source, cluster, local, &why, &fresh, gathered), why),
            Knowledge::Known if !local && found.is_some() && site.is_some_and(|s| s.gateway == Gateway::Missing) => {
                let why = format!("{source} has no gateway address any more");
                let held = self.hold(source, cluster, false, &why, &fresh, gathered);
                if !held.is_empty() {
                    findings.push(Finding::new(Code::GatewayGone, Some(source), self.host.host.as_str(), why.clone()));
                }
                (held, why)
            }
            Knowledge::Known => match unrouted {
                // Whom it leads to stays until the new way is open.
                Some(why) => (self.hold(source, cluster, false, &why, &fresh, gathered), why),
                None => (Vec::new(), String::new()),
            },
        };
        for Fresh { endpoint, origins, rule } in fresh {
            if !held.is_empty() {
                if local && held.iter().all(|held| held.address != endpoint.address) {
                    let field = format!("endpoints/{}", endpoint.address);
                    gathered.held.push(Because::field(field, format!("not added yet: {why}"), origins));
                }
                continue;
            }
            for origin in &origins {
                gathered.origins.add(origin.clone(), Part::Endpoint(Arc::clone(&endpoint.address)));
            }
            gathered.because.push(Because::field(format!("endpoints/{}", endpoint.address), rule, origins));
            gathered.endpoints.push(endpoint);
        }
    }

    /// What a cluster's own entry says of the workloads that were found there.
    fn local_endpoints(&self, site: &Site<'a>, found: &Source<'a>) -> Vec<Fresh> {
        let locality = self.locality(site, site.name);
        let fresh = found.endpoints.iter().map(|(address, local)| Fresh {
            endpoint: self.endpoint(address, local.kind(), locality.clone(), local.port.number, None),
            origins: vec![service_origin(site, local)],
            rule: "it runs here".into(),
        });
        fresh.collect()
    }

    /// What other clusters' entries say of the workloads that were found in `site`; or why it may not be said yet.
    fn remote_endpoint(
        &self,
        site: &Site<'a>,
        found: &Source<'a>,
        cluster: &ClusterName,
        gathered: &mut Gathered,
    ) -> Result<Vec<Fresh>, String> {
        let Gateway::At { address, port, .. } = &site.gateway else { return Ok(Vec::new()) };
        let source = site.name;
        let origins: Vec<_> = found.endpoints.values().map(|local| service_origin(site, local)).collect();
        let host = self.host.host.to_lowercase();
        if let Some(why) = why_unrouted(site, address, &host, self.plan.port.number, self.live, self.context) {
            gathered.held.push(Because::field(format!("endpoints/{address}"), why.as_str(), origins));
            return Err(why);
        }
        let kind = preferred_type(found.endpoints.values().map(Local::kind));
        let network = Some(Arc::clone(&site.network));
        Ok(vec![Fresh {
            endpoint: self.endpoint(address, kind, self.locality(site, cluster), *port, network),
            origins,
            rule: format!("it runs in {source}, reached through its gateway").into(),
        }])
    }

    /// The region of `site`; where its nodes could not be read, what `cluster` holds of it.
    fn locality(&self, site: &Site<'a>, cluster: &ClusterName) -> Option<Arc<str>> {
        if site.region_known {
            return site.region.clone();
        }
        let live = self.context.owners.live_endpoints(self.live, cluster, site.name, site.name == cluster);
        live.into_iter().find_map(|endpoint| endpoint.locality)
    }

    /// Keeps the live endpoints of `source`. Worth a word only where something else than `fresh` is kept.
    fn hold(
        &self,
        source: &ClusterName,
        cluster: &ClusterName,
        local: bool,
        why: &str,
        fresh: &[Fresh],
        gathered: &mut Gathered,
    ) -> Vec<Endpoint> {
        let mut endpoints = self.context.owners.live_endpoints(self.live, cluster, source, local);
        for endpoint in &mut endpoints {
            self.rename_port(endpoint);
        }
        for endpoint in &endpoints {
            let part = Part::Endpoint(Arc::clone(&endpoint.address));
            let mut origins = self.live_origins(source, &part);
            for origin in &origins {
                gathered.origins.add(origin.clone(), part.clone());
            }
            // Adopted endpoints name no origin: what is guessed gives a reason, but is not recorded.
            if origins.is_empty() {
                origins.extend(self.plan.held.get(source).into_iter().flat_map(|held| held.origins.iter().cloned()));
            }
            if fresh.iter().all(|fresh| fresh.endpoint != *endpoint) {
                if origins.is_empty() {
                    origins.extend(self.holders(&endpoint.address));
                }
                gathered.held.push(Because::field(format!("endpoints/{}", endpoint.address), why, origins));
            }
        }
        gathered.endpoints.extend(endpoints.iter().cloned());
        endpoints
    }

    /// The entries that hold an adopted endpoint, which names no origin.
    fn holders(&self, address: &str) -> Vec<Origin> {
        let entries = self.live.into_iter().flat_map(|live| &live.entries);
        let holding = entries.filter(|(_, entry)| {
            entry.spec().is_some_and(|spec| spec.endpoints.iter().any(|endpoint| *endpoint.address == *address))
        });
        let origin = |(cluster, entry): (&&ClusterName, &LiveEntry<'_>)| Origin {
            cluster: (*cluster).clone(),
            kind: Kind::ServiceEntry,
            name: format!("{}/{}", entry.key.namespace, entry.key.name).into(),
        };
        holding.map(origin).collect()
    }

    pub(super) fn live_origins(&self, source: &ClusterName, part: &Part) -> Vec<Origin> {
        let entries = self.live.into_iter().flat_map(|live| live.entries.values());
        entries
            .flat_map(|entry| entry.object.origins.of(part))
            .filter(|origin| origin.cluster == *source)
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Keeps the live endpoints of `cluster`'s own entry that are no source's, while it is not known whose they are.
    pub(super) fn gather_nobodys(&self, cluster: &ClusterName, gathered: &mut Gathered) {
        let Some(entry) = self.live_entry(cluster) else { return };
        for Owned { at, address, owner } in self.context.owners.endpoints(cluster, entry) {
            let why = match owner {
                None if self.context.owners.keeps_nobodys() => {
                    "nobody's address while some member is unseen".to_owned()
                }
                // Its own gateway leads nowhere else: nothing that others are sent to, but nothing to lose either.
                Some(owner) if owner == cluster && !is_cluster_local(address) => {
                    match self.plan.knowledge(cluster, self.context) {
                        Knowledge::Unknown(why) => why,
                        Knowledge::Known | Knowledge::Gone => continue,
                    }
                }
                _ => continue,
            };
            gathered.held.push(Because::field(format!("endpoints/{address}"), why, Vec::new()));
            let Some(mut endpoint) = entry.endpoints().into_iter().nth(at) else { continue };
            self.rename_port(&mut endpoint);
            gathered.endpoints.push(endpoint);
        }
    }

    /// Gives the port of a held endpoint the name that the entry publishes: istiod refuses any other.
    fn rename_port(&self, endpoint: &mut Endpoint) {
        if let Some(number) = endpoint.ports.values().next().copied() {
            endpoint.ports = BTreeMap::from([(Arc::clone(&self.plan.port.protocol), number)]);
        }
    }

    fn endpoint(
        &self,
        address: &str,
        kind: &str,
        locality: Option<Arc<str>>,
        port: u16,
        network: Option<Arc<str>>,
    ) -> Endpoint {
        Endpoint {
            address: address.into(),
            labels: BTreeMap::from([(TLS_MODE.into(), "istio".into()), (TYPE.into(), kind.into())]),
            locality,
            network,
            ports: BTreeMap::from([(Arc::clone(&self.plan.port.protocol), port)]),
            service_account: None,
            weight: None,
        }
    }
}
