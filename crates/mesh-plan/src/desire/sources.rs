//! Which workloads serve which names: ignore rules, injection, Service matching.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_model::facts::{ClusterFacts, Service, Workload, WorkloadKind};
use mesh_model::finding::{Code, Finding};
use mesh_model::host::{base_host, has_upper_case, reserved_prefix};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Env, Host, Identity, Namespace};
use mesh_model::origin::Origin;
use mesh_model::participation::Participation;
use mesh_model::policy::MeshPolicy;

use super::mesh_port::{MeshPort, mesh_port};
use super::site::Site;

/// Label of Argo Rollouts in Service selectors; passed over while matching.
const ROLLOUT_HASH: &str = "rollouts-pod-template-hash";

/// An identity in an env: what a base host stands for.
pub(super) type Pair = (Identity, Env);

/// Everybody who serves, by base host in lower case, then by pair.
pub(super) type Serving<'a> = BTreeMap<Arc<str>, BTreeMap<Pair, Served<'a>>>;

/// A name as its workloads spell it, and who serves it.
pub(super) struct Served<'a> {
    /// The host, in the case that its workloads ask for.
    pub(super) host: Host,
    /// By cluster.
    pub(super) sources: BTreeMap<&'a ClusterName, Source<'a>>,
}

/// Who serves one pair in one cluster.
#[derive(Default)]
pub(super) struct Source<'a> {
    /// Distinct local endpoints, by address.
    pub(super) endpoints: BTreeMap<Arc<str>, Local<'a>>,
    /// Whether what serves here cannot be known although the kinds were read (Rollouts).
    pub(super) unknown: bool,
}

/// One local endpoint: a Service with the workloads behind it.
pub(super) struct Local<'a> {
    pub(super) service: &'a Service,
    pub(super) namespace: &'a Namespace,
    pub(super) port: MeshPort,
    /// Sorted; never empty.
    pub(super) workloads: Vec<&'a Workload>,
}

impl Source<'_> {
    /// The namespaces that serve.
    pub(super) fn namespaces(&self) -> BTreeSet<&str> {
        self.endpoints.values().map(|local| local.namespace.as_str()).collect()
    }
}

impl Local<'_> {
    /// The endpoint's `type`: `deployment` if one is there, else the smallest (deviation D14).
    pub(super) fn kind(&self) -> &'static str {
        preferred_type(self.workloads.iter().map(|workload| workload.kind.endpoint_type()))
    }
}

/// `deployment` if one is there, else the smallest.
pub(super) fn preferred_type<'t>(types: impl Iterator<Item = &'t str>) -> &'t str {
    types.min_by_key(|kind| (*kind != "deployment", *kind)).unwrap_or("deployment")
}

/// Finds who serves in `site`.
pub(super) fn find<'a>(site: &Site<'a>, policy: &MeshPolicy, serving: &mut Serving<'a>, findings: &mut Vec<Finding>) {
    let Some(facts) = site.facts else { return };
    for workload in facts.workloads.iter().filter(|w| w.kind.serves() && !policy.excludes(&w.identity)) {
        let place = workload_place(workload);
        let mut finding =
            |code, place: &str, message| findings.push(Finding::new(code, Some(site.name), place, message));
        match site.participation(workload.wish, &workload.namespace, policy) {
            Participation::Serves => {}
            Participation::Ignored | Participation::Unknown => continue,
            Participation::NotInjected => {
                let message = format!("it carries identity {} but gets no sidecar", workload.identity);
                finding(Code::NotInjected, &place, message);
                continue;
            }
            Participation::Ambient => {
                let message = format!("it carries identity {} but is in ambient mode", workload.identity);
                finding(Code::Ambient, &place, message);
                continue;
            }
        }
        let host = match base_host(&workload.env, &workload.identity, &policy.suffix, workload.keep_case) {
            Ok(host) => host,
            Err(error) => {
                finding(Code::IllegalHost, &place, error.to_string());
                continue;
            }
        };
        let matched =
            if workload.kind == WorkloadKind::Rollout { Match::Rollout } else { match_service(facts, workload) };
        if let Match::None(near) = matched {
            match near {
                // Where Services are unseen, one that is missing may be among them.
                None if !site.sees(Kind::Service) => {}
                None => {
                    finding(Code::NoService, &place, format!("no Service of {} selects it", workload.namespace));
                }
                Some(service) => {
                    let service_place = format!("Service {}/{}", workload.namespace, service.name);
                    let message = format!("it selects {place}, but has no port that it can be called on");
                    finding(Code::NoUsablePort, &service_place, message);
                }
            }
            continue;
        }
        if has_upper_case(&host) {
            finding(
                Code::UpperCaseHost,
                &place,
                format!("proxies do not route {host}: they compare hosts in lower case"),
            );
        }
        if let Some(reserved) = reserved_prefix(&workload.env) {
            let message = format!("{host} begins with {reserved}., which is for the Rollouts of another name");
            finding(Code::PrefixCollision, &place, message);
        }
        let served = serving
            .entry(host.to_lowercase().into())
            .or_default()
            .entry((workload.identity.clone(), workload.env.clone()))
            .or_insert_with(|| Served { host: host.clone(), sources: BTreeMap::new() });
        // One workload that keeps the case is enough, wherever it runs.
        if has_upper_case(&host) {
            served.host = host.clone();
        }
        let source = served.sources.entry(site.name).or_default();
        let Match::Service(service, port) = matched else {
            source.unknown = true;
            finding(
                Code::RolloutNotSupported,
                &place,
                format!("it is an Argo Rollout: {host} is held in this cluster"),
            );
            continue;
        };
        if port.further > 0 {
            let service_place = format!("Service {}/{}", workload.namespace, service.name);
            finding(
                Code::FurtherPorts,
                &service_place,
                format!("{} further TCP port(s) are not published", port.further),
            );
        }
        let dot = if policy.traffic.local_trailing_dot { "." } else { "" };
        let address = format!("{}.{}.svc.cluster.local{dot}", service.name, workload.namespace);
        let local = source.endpoints.entry(address.into()).or_insert_with(|| Local {
            service,
            namespace: &workload.namespace,
            port: port.clone(),
            workloads: Vec::new(),
        });
        // Workloads behind one Service may choose different ports of it: the smallest counts, whatever the order.
        if (port.protocol, port.number) < (local.port.protocol, local.port.number) {
            local.port = port;
        }
        local.workloads.push(workload);
        local.workloads.sort_by_key(|w| (w.kind.endpoint_type(), Arc::clone(&w.name)));
    }
}

enum Match<'a> {
    Service(&'a Service, MeshPort),
    /// None matches; or one selects the workload but has no mesh port.
    None(Option<&'a Service>),
    Rollout,
}

/// The oldest Service of the workload's namespace that selects it and has a mesh port (`reference/admiral.md` §4.3).
fn match_service<'a>(facts: &'a ClusterFacts, workload: &Workload) -> Match<'a> {
    let services = facts.services.get(&workload.namespace).map(Vec::as_slice).unwrap_or_default();
    let mut matching: Vec<_> = services.iter().filter(|service| selects(service, workload)).collect();
    matching.sort_by(|a, b| age(a).cmp(&age(b)));
    match matching.iter().find_map(|service| Some((*service, mesh_port(service, workload)?))) {
        Some((service, port)) => Match::Service(service, port),
        None => Match::None(matching.first().copied()),
    }
}

/// Oldest first, missing counts as newest, then by name.
fn age(service: &Service) -> (bool, Option<jiff::Timestamp>, &str) {
    (service.created.is_none(), service.created, &service.name)
}

/// Whether a Service selects a workload of its namespace.
pub(crate) fn selects(service: &Service, workload: &Workload) -> bool {
    let mut keys = service.selector.iter().filter(|(key, _)| &**key != ROLLOUT_HASH).peekable();
    !service.ignored
        && !service.external_name
        && keys.peek().is_some()
        && keys.all(|wanted| workload.match_labels.contains(wanted))
}

/// `Deployment shop/checkout`.
pub(super) fn workload_place(workload: &Workload) -> String {
    format!("{} {}/{}", workload.kind.kind(), workload.namespace, workload.name)
}

/// The origin that is a workload.
pub(super) fn workload_origin(site: &Site<'_>, workload: &Workload) -> Origin {
    Origin {
        cluster: site.name.clone(),
        kind: workload.kind.kind(),
        name: format!("{}/{}", workload.namespace, workload.name).into(),
    }
}
