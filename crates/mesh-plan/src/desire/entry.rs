//! The ServiceEntry of one host, in the form that each cluster holds (`reference/admiral.md` §5.2).

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use mesh_istio::ServiceEntry;
use mesh_istio::canonical::to_canonical_json;
use mesh_istio::service_entry::Port;
use mesh_model::finding::{Code, Finding};
use mesh_model::host::{identity_label, service_entry_name};
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::{Origin, Origins, Part};
use mesh_model::owned::{
    ASSOCIATED_GTP, CREATED_BY, DNS_PREFIX, EX_SOURCE, IDENTITY_LABEL, MANAGED_BY, OUR_MARK, ObjectKey, Pairs,
};
use mesh_model::policy::{ExportToPolicy, SanPolicy};

use super::Context;
use super::held::{Knowledge, Owners};
use super::hosts::NameHost;
use super::live::{LiveEntry, LiveHost};
use super::mesh_port::is_http;
use super::name::{Membership, NamePlan, service_origin, workload_origins};
use super::routed::why_unrouted;
use super::shared::{Form, Shared};
use super::site::{Gateway, Site};
use crate::because::Because;
use crate::desired::{Body, DesiredObject, Role};

use endpoints::Gathered;

mod endpoints;

/// Makes the ServiceEntries of one host; equal ones are shared.
pub(super) struct EntryBuilder<'p, 'a> {
    plan: &'p NamePlan<'a>,
    host: &'p NameHost,
    vips: Vec<Arc<str>>,
    context: &'p Context<'a>,
    live: Option<&'p LiveHost<'a>>,
    serving: Vec<ClusterName>,
    shared: Shared<ServiceEntry>,
    /// Whether clusters that do not serve hold the same, but for `exportTo` and the time of an ex-source: then the
    /// work grows with sources plus clients, not with their product.
    is_certain: bool,
    /// What those clusters hold, with the reasons.
    outside: Vec<Reasoned>,
}

type Reasoned = (Rc<Form<ServiceEntry>>, Arc<Vec<Because>>);

/// A ServiceEntry with what its DestinationRule needs to know.
pub(super) struct BuiltEntry {
    pub(super) object: DesiredObject,
    pub(super) form: Rc<Form<ServiceEntry>>,
}

impl<'p, 'a> EntryBuilder<'p, 'a> {
    pub(super) fn new(
        plan: &'p NamePlan<'a>,
        host: &'p NameHost,
        vips: Vec<Arc<str>>,
        context: &'p Context<'a>,
    ) -> Self {
        let lower: Arc<str> = host.host.to_lowercase().into();
        let live = plan.live.as_deref().and_then(|live| live.hosts.get(&lower));
        let serving = plan.serving();
        let is_certain =
            !context.owners.keeps_nobodys() && serving.iter().all(|source| is_certain(source, &lower, plan, context));
        Self { plan, host, vips, context, live, serving, shared: Shared::default(), is_certain, outside: Vec::new() }
    }

    /// The entry of `cluster`; none where it would have no endpoint, or cannot be published.
    pub(super) fn build(
        &mut self,
        cluster: &ClusterName,
        membership: &Membership,
        findings: &mut Vec<Finding>,
    ) -> Option<BuiltEntry> {
        let port = &self.plan.port;
        if !is_http(&port.protocol) && self.vips.is_empty() {
            let message = format!("{} cannot be published: it has no virtual address", port.protocol);
            findings.push(Finding::new(Code::PortNotPublished, None, self.host.host.as_str(), message));
            return None;
        }
        let mut held = Vec::new();
        let export_to = self.export_to(cluster, membership, &mut held);
        let is_outside =
            self.is_certain && !self.serving.contains(cluster) && self.site(cluster).is_some_and(Site::sees_sources);
        let is_same =
            |form: &Form<ServiceEntry>| form.spec.export_to == export_to && form.ex_since == membership.ex_since;
        if let Some((form, because)) = self.outside.iter().find(|(form, _)| is_outside && is_same(form)) {
            let object = object_of(self.plan, self.host, &form.body, membership, Arc::clone(because), held);
            return Some(BuiltEntry { object, form: Rc::clone(form) });
        }
        let mut gathered = Gathered { held, ..Gathered::default() };
        for source in &self.serving {
            self.gather(source, cluster, &mut gathered, findings);
        }
        self.gather_nobodys(cluster, &mut gathered);
        gathered.endpoints.sort();
        gathered.endpoints.dedup();
        if gathered.endpoints.is_empty() {
            return None;
        }
        // Only those that the entry leads to: an entry must not change when sight of others is lost.
        let behind: Vec<Origin> = gathered.origins.iter().map(|(origin, _)| origin.clone()).collect();
        for origin in behind.iter().cloned().chain(self.port_from_elsewhere(cluster, &behind)) {
            gathered.origins.add(origin, Part::Ports);
        }
        let spec = ServiceEntry {
            addresses: self.vips.clone(),
            endpoints: gathered.endpoints,
            export_to,
            hosts: vec![self.host.host.as_str().into()],
            location: "MESH_INTERNAL".into(),
            ports: vec![Port {
                name: Arc::clone(&port.protocol),
                number: port.number,
                protocol: Arc::clone(&port.protocol),
            }],
            resolution: "DNS".into(),
            subject_alt_names: self.subject_alt_names(cluster, &behind, &mut gathered.origins, &mut gathered.held),
        };
        if let Some(traffic) = &self.plan.governing.traffic {
            for origin in &traffic.origins {
                gathered.origins.add(origin.clone(), Part::TrafficPolicy("host".into()));
            }
        }
        gathered.because.extend(self.fixed_reasons(behind));
        gathered.because.sort();
        let write = |spec: &ServiceEntry, origins| write(self.plan, self.host, spec, origins, membership, self.context);
        let live = self.live_entry(cluster).map(|entry| entry.object);
        let form = self.shared.form(spec, gathered.origins, membership.ex_since.as_ref(), live, write);
        let because = self.shared.because(gathered.because);
        if is_outside {
            self.outside.push((Rc::clone(&form), Arc::clone(&because)));
        }
        let object = object_of(self.plan, self.host, &form.body, membership, because, gathered.held);
        Some(BuiltEntry { object, form })
    }

    /// Where the port comes from when none of the sources `behind` the entry of `cluster` has it: then some other source
    /// decided (deviation D9), and the entry must remember which, so that the port stays when that one is not seen.
    fn port_from_elsewhere(&self, cluster: &ClusterName, behind: &[Origin]) -> BTreeSet<Origin> {
        let plan = self.plan;
        let is_unknown = |source: &ClusterName| matches!(plan.knowledge(source, self.context), Knowledge::Unknown(_));
        let has_port = |source: &ClusterName| {
            plan.sources.get(source).is_some_and(|found| found.endpoints.values().any(|local| plan.port.is_of(local)))
        };
        if behind.iter().any(|origin| !is_unknown(&origin.cluster) && has_port(&origin.cluster)) {
            return BTreeSet::new();
        }
        let entries = self.live.into_iter().flat_map(|live| live.entries.values());
        let remembered = entries.flat_map(Owners::port_only_origins).filter(|origin| is_unknown(&origin.cluster));
        let mut origins: BTreeSet<Origin> = remembered.cloned().collect();
        let mut told: BTreeSet<&ClusterName> = behind.iter().map(|origin| &origin.cluster).collect();
        let remembered: BTreeSet<ClusterName> = origins.iter().map(|origin| origin.cluster.clone()).collect();
        told.extend(&remembered);
        for (source, found) in plan.sources.iter().filter(|(source, _)| !remembered.contains(**source)) {
            let Some(site) = self.context.sites.get(source) else { continue };
            let having = found.endpoints.values().filter(|local| plan.port.is_of(local));
            let having: Vec<Origin> = having.map(|local| service_origin(site, local)).collect();
            told.extend((!having.is_empty()).then_some(*source));
            origins.extend(having);
        }
        // It may also be one that other objects lead to.
        let held = plan.held.iter().filter(|(source, _)| !told.contains(source));
        origins.extend(held.flat_map(|(_, held)| &held.origins).cloned());
        if behind.iter().any(|origin| is_unknown(&origin.cluster)) {
            // It may be that one's after all: what is known stays as it is.
            let live: BTreeSet<&Origin> =
                self.live_entry(cluster).into_iter().flat_map(Owners::port_only_origins).collect();
            origins.retain(|origin| live.contains(origin));
        }
        origins
    }

    fn site(&self, cluster: &ClusterName) -> Option<&'p Site<'a>> {
        self.context.sites.get(cluster)
    }

    fn live_entry(&self, cluster: &ClusterName) -> Option<&LiveEntry<'a>> {
        self.live.and_then(|live| live.entries.get(cluster))
    }

    fn export_to(&self, cluster: &ClusterName, membership: &Membership, held: &mut Vec<Because>) -> Vec<Arc<str>> {
        let ExportToPolicy::Limited { hosts, max_namespaces } = &self.context.policy.export_to else {
            return Vec::new();
        };
        if !hosts.iter().any(|part| part == "*" || self.host.host.contains(part.as_str())) {
            return Vec::new();
        }
        let live = self.live_entry(cluster).and_then(LiveEntry::spec);
        let live = live.map(|spec| spec.export_to.iter().map(|namespace| Arc::from(&**namespace)).collect::<Vec<_>>());
        if membership.role == Role::ExSource || membership.held.is_some() {
            return live.unwrap_or_default();
        }
        let client = self.plan.clients.get(cluster);
        let mut namespaces: Vec<Arc<str>> = Vec::new();
        if membership.role == Role::Source {
            namespaces.push(self.context.policy.gateway.namespace.as_str().into());
            let own = self.context.callers.namespaces_of(&self.plan.pair.0, cluster);
            namespaces.extend(own.map(|namespace| Arc::from(namespace.as_str())));
        }
        if let Some(client) = client {
            namespaces.extend(client.namespaces.iter().map(|namespace| Arc::from(namespace.as_str())));
            if namespaces.len() > *max_namespaces {
                return vec!["*".into()];
            }
        }
        let is_unknown = |site: &Site<'_>| self.plan.callers_unknown(site, self.context).is_some();
        if let Some(live) = live.filter(|_| self.site(cluster).is_none_or(is_unknown)) {
            if live.iter().any(|namespace| !namespaces.contains(namespace)) {
                held.push(Because::field("exportTo", "who calls cannot be seen completely", Vec::new()));
            }
            namespaces.extend(live);
        }
        namespaces.sort();
        namespaces.dedup();
        if namespaces.iter().any(|namespace| &**namespace == "*") { vec!["*".into()] } else { namespaces }
    }

    fn subject_alt_names(
        &self,
        cluster: &ClusterName,
        behind: &[Origin],
        origins: &mut Origins,
        held: &mut Vec<Because>,
    ) -> Vec<Arc<str>> {
        let identity = self.plan.pair.0.as_str();
        match &self.context.policy.sans {
            SanPolicy::Off => Vec::new(),
            SanPolicy::Template(template) => vec![template.replace("{identity}", identity).into()],
            SanPolicy::ServiceAccounts => {
                let mut names: Vec<Arc<str>> = Vec::new();
                let behind: BTreeSet<&ClusterName> = behind.iter().map(|origin| &origin.cluster).collect();
                for (source, found) in self.plan.sources.iter().filter(|(source, _)| behind.contains(*source)) {
                    let Some(site) = self.site(source) else { continue };
                    for local in found.endpoints.values() {
                        for workload in &local.workloads {
                            let (ns, account) = (&workload.namespace, &workload.service_account);
                            names.push(format!("spiffe://{}/ns/{ns}/sa/{account}", site.trust_domain).into());
                        }
                        for origin in workload_origins(site, local) {
                            origins.add(origin, Part::SubjectAltNames);
                        }
                    }
                }
                if self.plan.held.keys().any(|source| behind.contains(source)) {
                    let own = self.live_entry(cluster).or_else(|| self.live?.entries.values().next());
                    let live = own.and_then(LiveEntry::spec).into_iter().flat_map(|spec| &spec.subject_alt_names);
                    let live: Vec<Arc<str>> = live.map(|name| Arc::from(&**name)).collect();
                    if live.iter().any(|name| !names.contains(name)) {
                        let sources = self.plan.held.values().flat_map(|held| held.origins.iter().cloned()).collect();
                        held.push(Because::field("subjectAltNames", "who serves cannot be seen completely", sources));
                    }
                    names.extend(live);
                    for (origin, parts) in own.into_iter().flat_map(|entry| entry.object.origins.iter()) {
                        let is_held = self.plan.held.contains_key(&origin.cluster) && behind.contains(&origin.cluster);
                        if parts.contains(&Part::SubjectAltNames) && is_held {
                            origins.add(origin.clone(), Part::SubjectAltNames);
                        }
                    }
                }
                names.sort();
                names.dedup();
                names
            }
        }
    }

    fn fixed_reasons(&self, origins: Vec<Origin>) -> Vec<Because> {
        let port = &self.plan.port;
        let published = format!("{} is published under {}", port.protocol, port.number);
        let mut reasons = vec![Because::field("ports", published, origins)];
        if let Some(traffic) = self.plan.governing.traffic.as_ref().filter(|_| self.host.prefixed) {
            let prefix = self.host.item.as_ref().map(|item| item.dns_prefix.to_string()).unwrap_or_default();
            let rule = format!("the traffic policy has an item with prefix {prefix}");
            reasons.push(Because::field("hosts", rule, traffic.origins.iter().cloned().collect()));
        }
        reasons
    }
}

/// Whether all other clusters hold the same of `source`: nothing about it is unseen, so that nothing of it is held.
fn is_certain<'a>(source: &ClusterName, host: &str, plan: &NamePlan<'a>, context: &Context<'a>) -> bool {
    let is_plain = |site: &Site<'a>| {
        let is_routed = match &site.gateway {
            Gateway::At { address, .. } => why_unrouted(site, address, host, plan.port.number, None, context).is_none(),
            Gateway::None => true,
            Gateway::Missing => false,
        };
        site.region_known && is_routed
    };
    context.sites.get(source).is_some_and(is_plain) && !matches!(plan.knowledge(source, context), Knowledge::Unknown(_))
}

/// Writes the ServiceEntry of `host` down.
fn write(
    plan: &NamePlan<'_>,
    host: &NameHost,
    spec: &ServiceEntry,
    origins: Origins,
    membership: &Membership,
    context: &Context<'_>,
) -> Body {
    let policy = context.policy;
    let mut annotations = our_annotations(membership);
    annotations.insert(policy.keys.identity.as_str().into(), plan.pair.0.as_str().into());
    if let Some(prefix) = host.prefix_mark() {
        annotations.insert(DNS_PREFIX.into(), prefix);
    }
    if let Some(traffic) = plan.governing.traffic.as_ref().filter(|_| host.item.is_some()) {
        annotations.insert(ASSOCIATED_GTP.into(), Arc::clone(&traffic.name));
    }
    let mut labels = our_labels(plan);
    labels.insert(policy.keys.env.as_str().into(), plan.pair.1.as_str().into());
    let key = ObjectKey {
        kind: Kind::ServiceEntry,
        namespace: policy.sync_namespace.clone(),
        name: service_entry_name(&host.host).into(),
    };
    Body {
        key,
        labels: labels.into(),
        annotations: annotations.into(),
        spec: to_canonical_json(spec).into(),
        from_text: Some(origins.to_annotation().into()),
        origins: Arc::new(origins),
    }
}

/// The annotations of every object of ours, but for the origins.
pub(super) fn our_annotations(membership: &Membership) -> Pairs {
    let mut annotations = Pairs::from([(CREATED_BY.into(), OUR_MARK.into())]);
    if let Some(since) = &membership.ex_since {
        annotations.insert(EX_SOURCE.into(), Arc::clone(since));
    }
    annotations
}

/// The labels of every object of ours.
pub(super) fn our_labels(plan: &NamePlan<'_>) -> Pairs {
    Pairs::from([(MANAGED_BY.into(), OUR_MARK.into()), (IDENTITY_LABEL.into(), identity_label(&plan.pair.0).into())])
}

/// An object with its reasons.
pub(super) fn object_of(
    plan: &NamePlan<'_>,
    host: &NameHost,
    body: &Arc<Body>,
    membership: &Membership,
    because: Arc<Vec<Because>>,
    mut held: Vec<Because>,
) -> DesiredObject {
    held.extend(membership.held.clone());
    held.sort();
    held.dedup();
    DesiredObject {
        body: Arc::clone(body),
        host: host.host.clone(),
        base: plan.base.clone(),
        identity: plan.pair.0.clone(),
        role: membership.role,
        is_called: membership.is_called,
        role_because: Arc::clone(&membership.because),
        because,
        held,
    }
}
