//! One global name: who serves it, who calls it, which clusters hold which objects of it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use mesh_istio::service_entry::is_cluster_local;
use mesh_model::finding::{Code, Finding};
use mesh_model::host::{base_host, destination_rule_name, has_upper_case, host_and_port, service_entry_name};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host, Identity};
use mesh_model::origin::Origin;
use mesh_model::owned::{EX_SOURCE, ObjectKey};

use super::callers::Client;
use super::contest::{Candidate, Share};
use super::entry::EntryBuilder;
use super::governing::Governing;
use super::held::{HeldSite, Knowledge};
use super::hosts::{NameHost, hosts_of};
use super::live::{LiveEntry, LiveView};
use super::port::Port;
use super::rule::RuleBuilder;
use super::site::Site;
use super::sources::{Local, Pair, Source, workload_origin};
use super::{Addresses, Context, keep};
use crate::because::Because;
use crate::desired::{Desired, Name, Place, Role};

/// One pair of a base host, ready to be written.
pub(super) struct NamePlan<'a> {
    pub(super) pair: Pair,
    pub(super) base: Host,
    pub(super) hosts: Vec<NameHost>,
    pub(super) sources: BTreeMap<&'a ClusterName, &'a Source<'a>>,
    pub(super) held: BTreeMap<ClusterName, HeldSite>,
    pub(super) governing: Governing,
    pub(super) port: Port,
    pub(super) live: Option<LiveView<'a>>,
    pub(super) roles: BTreeMap<&'a ClusterName, Membership>,
    pub(super) clients: BTreeMap<&'a ClusterName, Client<'a>>,
    /// The identities whose callers call it: all that are known to share its host.
    callees: Rc<[Identity]>,
}

/// What a cluster is to a name, and why.
pub(super) struct Membership {
    pub(super) role: Role,
    /// Whether callers run there, or may.
    pub(super) is_called: bool,
    pub(super) because: Arc<Because>,
    /// The time since when it is an ex-source.
    pub(super) ex_since: Option<Arc<str>>,
    /// Why it stays although nobody is seen to call from it.
    pub(super) held: Option<Because>,
}

impl<'a> NamePlan<'a> {
    /// The plan of one of the identities of a host.
    pub(super) fn of(candidate: Candidate<'a>, context: &Context<'a>, findings: &mut Vec<Finding>) -> Option<Self> {
        let Candidate { base, pair, host, sources, live, held, port, callees, share, .. } = candidate;
        let by_name = || base_host(&pair.1, &pair.0, &context.policy.suffix, false).ok();
        let mut entries = live.iter().flat_map(|live| live.entries()).filter(|(_, entry)| *base == *entry.host());
        let spelled = entries.next().and_then(|(_, entry)| Host::parse(entry.spec()?.hosts.first()?).ok());
        drop(entries);
        // One workload that keeps the case is enough, and it may be one that cannot be seen now.
        let may_be =
            |_: &Host| host.is_none_or(|host| !has_upper_case(host) && context.owners.unseen_source().is_some());
        let base = spelled.filter(may_be).or_else(|| host.cloned()).or_else(by_name)?;
        let mut eligible: BTreeMap<&str, BTreeSet<&str>> =
            sources.iter().map(|(cluster, source)| (cluster.as_str(), source.namespaces())).collect();
        for (cluster, site) in &held {
            eligible.entry(cluster).or_default().extend(site.namespaces.iter().map(|ns| &**ns));
        }
        let governing = context.index.governing(pair, &eligible, live.as_deref(), context.sites);
        let hosts = hosts_of(&base, pair, governing.traffic.as_ref(), findings);
        if let Some(clash) = &port.clash {
            findings.push(Finding::new(Code::ProtocolClash, None, base.as_str(), clash.clone()));
        }
        let mut plan = Self {
            pair: pair.clone(),
            base,
            hosts,
            sources,
            held,
            governing,
            port,
            live,
            roles: BTreeMap::new(),
            clients: BTreeMap::new(),
            callees,
        };
        plan.find_roles(&share, context);
        plan.find_problems(findings);
        Some(plan)
    }

    fn find_roles(&mut self, share: &Share, context: &Context<'a>) {
        for callee in &*self.callees {
            for (cluster, client) in context.callers.clients_of(callee) {
                match self.clients.entry(cluster) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(client);
                    }
                    Entry::Occupied(mut known) => known.get_mut().namespaces.extend(client.namespaces),
                }
            }
        }
        let identity = &self.pair.0;
        let live_base = self.live.as_deref().and_then(|live| live.hosts.get(self.base.to_lowercase().as_str()));
        let concerned: BTreeSet<&ClusterName> = self
            .sources
            .keys()
            .chain(self.clients.keys())
            .copied()
            .chain(self.held.keys())
            .chain(live_base.into_iter().flat_map(|live| live.entries.keys().copied()))
            .collect();
        let mut roles = BTreeMap::new();
        for (cluster, site) in concerned.into_iter().filter_map(|cluster| context.sites.get_key_value(cluster)) {
            if !site.is_writable() || !share.has(cluster) {
                continue;
            }
            let source = self.sources.get(*cluster);
            let live = live_base.and_then(|live| live.entries.get(*cluster));
            let is_called = self.clients.contains_key(cluster) || self.callers_unknown(site, context).is_some();
            let because_of = |role, because| Membership { role, is_called, because, ex_since: None, held: None };
            let member = |role, because: Because| because_of(role, Arc::new(because));
            let had_local = live
                .and_then(LiveEntry::spec)
                .is_some_and(|spec| spec.endpoints.iter().any(|e| is_cluster_local(&e.address)));
            let membership = if let Some(source) = source.filter(|source| !source.endpoints.is_empty()) {
                let origins = source.endpoints.values().map(|local| service_origin(site, local)).collect();
                member(Role::Source, Because::whole(format!("source: {identity} runs here"), origins))
            } else if let Some(held) = self.held.get(*cluster).filter(|_| had_local) {
                let origins = match live {
                    Some(entry) if held.origins.is_empty() => self.serving_origins_or(cluster, entry, context),
                    _ => held.origins.iter().cloned().collect(),
                };
                let because = Because::whole(format!("source: {}", held.why), origins);
                member(Role::Source, because)
            } else if let Some(client) = self.clients.get(cluster) {
                because_of(Role::Client, Arc::clone(&client.because))
            } else if let Some(entry) = live {
                let since = entry.object.annotations.get(EX_SOURCE);
                if had_local || since.is_some() {
                    let since = since.filter(|since| since.parse::<jiff::Timestamp>().is_ok()).cloned();
                    let since = since.unwrap_or_else(|| context.now.to_string().into());
                    let rule =
                        format!("ex-source: {identity} ran here until {since} and runs elsewhere; local callers go on");
                    let because = Because::whole(rule, self.serving_origins_or(cluster, entry, context));
                    Membership { ex_since: Some(since), ..member(Role::ExSource, because) }
                } else if let Some(why) = self.callers_unknown(site, context) {
                    let because = Because::whole(
                        format!("client: who calls is unknown ({why})"),
                        self.serving_origins_or(cluster, entry, context),
                    );
                    let held = Because::whole(format!("kept: {why}"), because.sources.clone());
                    Membership { held: Some(held), ..member(Role::Client, because) }
                } else {
                    continue;
                }
            } else {
                continue;
            };
            roles.insert(*cluster, membership);
        }
        self.roles = roles;
    }

    /// What serves the name; where adopted objects do not tell, the object itself.
    fn serving_origins_or(&self, cluster: &ClusterName, entry: &LiveEntry<'_>, context: &Context<'_>) -> Vec<Origin> {
        let origins = self.serving_origins(context);
        if !origins.is_empty() {
            return origins;
        }
        let name = format!("{}/{}", entry.key.namespace, entry.key.name).into();
        vec![Origin { cluster: cluster.clone(), kind: entry.key.kind, name }]
    }

    fn serving_origins(&self, context: &Context<'_>) -> Vec<Origin> {
        let seen = self.sources.iter().flat_map(|(cluster, source)| {
            let site = context.sites.get(cluster);
            source.endpoints.values().filter_map(move |local| Some(service_origin(site?, local)))
        });
        let held = self.held.values().flat_map(|held| held.origins.iter().cloned());
        seen.chain(held).collect()
    }

    fn find_problems(&self, findings: &mut Vec<Finding>) {
        for (cluster, source) in &self.sources {
            let namespaces = source.namespaces();
            if namespaces.len() > 1 {
                let list: Vec<&str> = namespaces.into_iter().collect();
                let message = format!("it is served from the namespaces {}", list.join(", "));
                findings.push(Finding::new(Code::SeveralNamespaces, Some(cluster), self.base.as_str(), message));
            } else if source.endpoints.len() > 1 {
                let list: Vec<&str> = source.endpoints.keys().map(|address| &**address).collect();
                let message = format!("several Services serve it: {}", list.join(", "));
                findings.push(Finding::new(Code::SeveralServices, Some(cluster), self.base.as_str(), message));
            }
        }
        for choice in self.governing.choices.iter().filter(|choice| !choice.active) {
            let place = format!("{} {}", choice.kind, choice.name);
            findings.push(Finding::new(Code::PolicyLost, Some(&choice.cluster), place, choice.why.clone()));
        }
        for (cluster, membership) in &self.roles {
            if membership.role == Role::ExSource {
                let message = "it ran here and runs elsewhere now: the host stays for local callers".into();
                findings.push(Finding::new(Code::ExSource, Some(cluster), self.base.as_str(), message));
            }
        }
    }

    /// Puts the objects of every host into every cluster that should hold them.
    pub(super) fn write(&self, context: &Context<'a>, addresses: &Addresses, desired: &mut Desired) {
        let sync = &context.policy.sync_namespace;
        for name_host in &self.hosts {
            let lower: Arc<str> = name_host.host.to_lowercase().into();
            let entry_key = ObjectKey {
                kind: Kind::ServiceEntry,
                namespace: sync.clone(),
                name: service_entry_name(&name_host.host).into(),
            };
            let rule_key = ObjectKey {
                kind: Kind::DestinationRule,
                namespace: sync.clone(),
                name: destination_rule_name(&name_host.host, name_host.prefixed).into(),
            };
            let vips = addresses.get(&lower).cloned().unwrap_or_default();
            let mut entries = EntryBuilder::new(self, name_host, vips, context);
            let mut rules = RuleBuilder::new(self, name_host, context);
            for (cluster, membership) in &self.roles {
                if context.excluded.contains(&(Arc::clone(&lower), *cluster)) {
                    continue;
                }
                if let Some(because) = context.foreign.taken(cluster, &lower, &entry_key.name) {
                    let message = because.rule.to_string();
                    desired.findings.push(Finding::new(
                        Code::HostTaken,
                        Some(cluster),
                        name_host.host.as_str(),
                        message,
                    ));
                    keep(desired, cluster, entry_key.clone(), because.clone());
                    keep(desired, cluster, rule_key.clone(), because);
                    continue;
                }
                let Some(entry) = entries.build(cluster, membership, &mut desired.findings) else { continue };
                let rule = rules.build(cluster, membership, &entry, &mut desired.findings);
                let objects = desired.objects.entry((*cluster).clone()).or_default();
                objects.insert(entry_key.clone(), entry.object);
                if let Some(because) = context.foreign.rule_taken(cluster, &rule_key.name) {
                    let message = because.rule.to_string();
                    desired.findings.push(Finding::new(
                        Code::HostTaken,
                        Some(cluster),
                        name_host.host.as_str(),
                        message,
                    ));
                    keep(desired, cluster, rule_key.clone(), because);
                } else {
                    objects.insert(rule_key.clone(), rule);
                }
            }
        }
    }

    pub(super) fn summary(&self, context: &Context<'_>, addresses: &Addresses) -> Name {
        let mut places = Vec::new();
        let serving = self.serving();
        for (cluster, site) in serving.iter().filter_map(|cluster| context.sites.get_key_value(cluster)) {
            let gateway = match &site.gateway {
                super::site::Gateway::At { address, port, .. } => Some(host_and_port(address, *port).into()),
                _ => None,
            };
            let place = |namespace: Option<&str>, held| Place {
                cluster: (*cluster).clone(),
                namespace: namespace.and_then(|ns| mesh_model::name::Namespace::parse(ns).ok()),
                kind: None,
                workload: None,
                service: None,
                port: None,
                ready: None,
                replicas: None,
                region: site.region.clone(),
                gateway: gateway.clone(),
                owner: namespace.and_then(|ns| site.facts?.namespaces.get(ns)?.owner.clone()),
                held,
            };
            for local in self.sources.get(*cluster).into_iter().flat_map(|source| source.endpoints.values()) {
                for workload in &local.workloads {
                    places.push(Place {
                        kind: Some(workload.kind.kind()),
                        workload: Some(Arc::clone(&workload.name)),
                        service: Some(Arc::clone(&local.service.name)),
                        port: Some(local.port.number),
                        ready: workload.ready,
                        replicas: workload.replicas,
                        ..place(Some(local.namespace), false)
                    });
                }
            }
            if let Some(held) = self.held.get(*cluster) {
                let mut namespaces = held.namespaces.iter().map(|ns| Some(&**ns)).collect::<Vec<_>>();
                if namespaces.is_empty() {
                    namespaces.push(None);
                }
                places.extend(namespaces.into_iter().map(|namespace| {
                    let origin = held.origins.iter().find(|origin| origin.kind == Kind::Service);
                    let service = origin.and_then(|origin| origin.name.split_once('/')).map(|(_, name)| name.into());
                    Place { service, ..place(namespace, true) }
                }));
            }
        }
        places.sort();
        let item = self.hosts.first().and_then(|host| host.item.as_ref()).filter(|item| item.failover);
        let split = item.into_iter().flat_map(|item| &item.targets);
        Name {
            identity: self.pair.0.clone(),
            env: self.pair.1.as_str().into(),
            hosts: self
                .hosts
                .iter()
                .map(|host| {
                    let lower: Arc<str> = host.host.to_lowercase().into();
                    (host.host.clone(), addresses.get(&lower).and_then(|list| list.first().cloned()))
                })
                .collect(),
            places,
            clients: self.clients.iter().map(|(c, client)| ((*c).clone(), Arc::clone(&client.because))).collect(),
            ex_sources: self
                .roles
                .iter()
                .filter(|(_, membership)| membership.role == Role::ExSource)
                .map(|(cluster, _)| (*cluster).clone())
                .collect(),
            policies: self.governing.choices.clone(),
            port: Some((Arc::clone(&self.port.protocol), self.port.number)),
            split: split
                .filter_map(|(region, weight)| Some((Arc::clone(region), u32::try_from(*weight).ok()?)))
                .collect(),
        }
    }

    /// Whether `host`, in lower case, is one of its hosts.
    pub(super) fn has_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|one| one.host.eq_ignore_ascii_case(host))
    }

    /// Why it cannot be told whether somebody in `site` calls.
    pub(super) fn callers_unknown(&self, site: &Site<'_>, context: &Context<'_>) -> Option<String> {
        if !site.sees_callers() {
            return Some(format!("workloads of {} are unseen", site.name));
        }
        if let Some(unseen) = context.callers.unseen_dependencies.first() {
            return Some(format!("Dependencies of {unseen} are unseen"));
        }
        // Another identity may share the host, and who calls that one calls the host.
        let unseen = context.owners.unseen_source()?;
        let (base, suffix) = (self.base.to_lowercase(), &context.policy.suffix);
        let calls = context.callers.calls_another(site.name, &base, suffix, &self.callees);
        calls.then(|| format!("workloads of {unseen} are unseen, and one that is called here may share the host"))
    }

    /// What can be known of whether `cluster` serves.
    pub(super) fn knowledge(&self, cluster: &ClusterName, context: &Context<'_>) -> Knowledge {
        context.owners.knowledge(cluster, self.sources.get(cluster).copied())
    }

    /// Every cluster that serves or is held to.
    pub(super) fn serving(&self) -> Vec<ClusterName> {
        let all: BTreeSet<&ClusterName> = self.sources.keys().copied().chain(self.held.keys()).collect();
        all.into_iter().cloned().collect()
    }
}

/// The origin that is a local endpoint's Service.
pub(super) fn service_origin(site: &Site<'_>, local: &Local<'_>) -> Origin {
    Origin {
        cluster: site.name.clone(),
        kind: Kind::Service,
        name: format!("{}/{}", local.namespace, local.service.name).into(),
    }
}

/// The origins that are a local endpoint's workloads.
pub(super) fn workload_origins<'a>(site: &'a Site<'_>, local: &'a Local<'_>) -> impl Iterator<Item = Origin> + 'a {
    local.workloads.iter().map(move |workload| workload_origin(site, workload))
}
