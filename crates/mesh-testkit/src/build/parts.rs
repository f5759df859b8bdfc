//! Builders of what a cluster holds.

use std::sync::Arc;

use jiff::Timestamp;
use mesh_model::claim::{Claim, Phase};
use mesh_model::facts::{
    ClientConnectionConfig, ForeignObject, GatewayService, GlobalTrafficPolicy, LabelSet, MeshWish, OutlierDetection,
    OutlierValues, PolicyMeta, Service, ServicePort, TargetPort, TrafficItem, Workload, WorkloadKind,
};
use mesh_model::kind::Kind;
use mesh_model::name::{Env, Identity};
use mesh_model::owned::ObjectKey;

use super::{at, namespace};

/// An injected Deployment whose pods carry `app: <name>`.
pub fn deployment(ns: &str, name: &str, identity: &str, env: &str) -> WorkloadBuilder {
    workload(WorkloadKind::Deployment, ns, name, identity, env)
}

/// An injected workload whose pods carry `app: <name>`.
///
/// # Panics
/// When one of the names is none: a mistake in a test.
pub fn workload(kind: WorkloadKind, ns: &str, name: &str, identity: &str, env: &str) -> WorkloadBuilder {
    WorkloadBuilder(Workload {
        kind,
        namespace: namespace(ns),
        name: name.into(),
        created: None,
        identity: Identity::parse(identity).expect("a legal identity"),
        env: Env::parse(env).expect("a legal env"),
        partition: None,
        keep_case: false,
        wish: MeshWish { inject_label: Some(true), ..MeshWish::default() },
        inbound_ports: None,
        match_labels: labels(&[("app", name)]),
        labels: labels(&[("app", name)]),
        dns_capture: None,
        container_ports: Arc::new([]),
        service_account: "default".into(),
        replicas: Some(1),
        ready: None,
    })
}

/// A workload in the making.
#[derive(Debug, Clone)]
#[must_use]
pub struct WorkloadBuilder(Workload);

impl WorkloadBuilder {
    /// Created at this second since 1970.
    pub fn created(mut self, second: i64) -> Self {
        self.0.created = Some(at(second));
        self
    }

    /// Pods carry these labels instead of `app`.
    pub fn labels(mut self, pairs: &[(&str, &str)]) -> Self {
        self.0.match_labels = labels(pairs);
        self.0.labels = self.0.match_labels.clone();
        self
    }

    /// Annotation `includeInboundPorts`.
    pub fn inbound_ports(mut self, ports: &str) -> Self {
        self.0.inbound_ports = Some(ports.into());
        self
    }

    /// A named container port.
    pub fn container_port(mut self, name: &str, number: u16) -> Self {
        self.0.container_ports = self.0.container_ports.iter().cloned().chain([(name.into(), number)]).collect();
        self
    }

    /// The service account.
    pub fn service_account(mut self, name: &str) -> Self {
        self.0.service_account = name.into();
        self
    }

    /// Wanted and ready replicas.
    pub fn replicas(mut self, wanted: u32, ready: u32) -> Self {
        (self.0.replicas, self.0.ready) = (Some(wanted), Some(ready));
        self
    }

    /// The partition of its identity.
    pub fn partition(mut self, name: &str) -> Self {
        self.0.partition = Some(name.into());
        self
    }

    /// Its host keeps the identity's case.
    pub fn keep_case(mut self) -> Self {
        self.0.keep_case = true;
        self
    }

    /// Nothing on the template asks for a sidecar.
    pub fn not_injected(mut self) -> Self {
        (self.0.wish.inject_label, self.0.wish.inject_annotation) = (None, None);
        self
    }

    /// What the template says of injection: label and annotation.
    pub fn injection(mut self, label: Option<bool>, annotation: Option<bool>) -> Self {
        (self.0.wish.inject_label, self.0.wish.inject_annotation) = (label, annotation);
        self
    }

    /// In ambient mode by its template.
    pub fn ambient(mut self) -> Self {
        self.0.wish.ambient = true;
        self
    }

    /// Ignored by its own marks.
    pub fn ignored(mut self) -> Self {
        self.0.wish.ignored = true;
        self
    }
}

impl From<WorkloadBuilder> for Workload {
    fn from(builder: WorkloadBuilder) -> Self {
        builder.0
    }
}

/// A Service that selects `app: <name>`, without ports yet.
pub fn service(name: &str) -> ServiceBuilder {
    ServiceBuilder(Service {
        name: name.into(),
        created: None,
        selector: labels(&[("app", name)]),
        ports: Arc::new([]),
        headless: false,
        external_name: false,
        ignored: false,
    })
}

/// A Service in the making.
#[derive(Debug, Clone)]
#[must_use]
pub struct ServiceBuilder(Service);

impl ServiceBuilder {
    /// One more TCP port without a target port of its own.
    pub fn port(self, name: &str, number: u16) -> Self {
        self.port_to(name, number, TargetPort::Unset)
    }

    /// One more TCP port.
    pub fn port_to(self, name: &str, number: u16, target: TargetPort) -> Self {
        self.port_as(ServicePort { name: name.into(), number, target, app_protocol: None, not_tcp: false })
    }

    /// One more port as given.
    pub fn port_as(mut self, port: ServicePort) -> Self {
        self.0.ports = self.0.ports.iter().cloned().chain([port]).collect();
        self
    }

    /// Selects these labels instead of `app`; none is no selector.
    pub fn selects(mut self, pairs: &[(&str, &str)]) -> Self {
        self.0.selector = labels(pairs);
        self
    }

    /// Created at this second since 1970.
    pub fn created(mut self, second: i64) -> Self {
        self.0.created = Some(at(second));
        self
    }

    /// `clusterIP: None`.
    pub fn headless(mut self) -> Self {
        self.0.headless = true;
        self
    }

    /// `type: ExternalName`.
    pub fn external_name(mut self) -> Self {
        self.0.external_name = true;
        self
    }

    /// Ignored by its own marks.
    pub fn ignored(mut self) -> Self {
        self.0.ignored = true;
        self
    }
}

impl From<ServiceBuilder> for Service {
    fn from(builder: ServiceBuilder) -> Self {
        builder.0
    }
}

/// A gateway Service; without a host name it has no address at all.
pub fn gateway(name: &str, hostname: Option<&str>) -> GatewayService {
    GatewayService {
        name: name.into(),
        hostname: hostname.map(Arc::from),
        ip: None,
        external_ip: None,
        node_port: None,
        ingresses: usize::from(hostname.is_some()),
        network: None,
    }
}

/// A GlobalTrafficPolicy for a pair, priority 0.
pub fn traffic_policy(
    ns: &str,
    name: &str,
    identity: &str,
    env: &str,
    items: impl IntoIterator<Item = TrafficItem>,
) -> GlobalTrafficPolicy {
    GlobalTrafficPolicy {
        meta: meta(ns, name, identity, env),
        priority: 0,
        last_updated: None,
        items: items.into_iter().collect(),
    }
}

/// A FAILOVER item: weights by region.
pub fn failover(dns_prefix: &str, targets: &[(&str, i64)]) -> TrafficItem {
    TrafficItem { failover: true, ..topology(dns_prefix, targets) }
}

/// A TOPOLOGY item.
pub fn topology(dns_prefix: &str, targets: &[(&str, i64)]) -> TrafficItem {
    TrafficItem {
        dns_prefix: dns_prefix.into(),
        targets: targets.iter().map(|(region, weight)| (Arc::from(*region), *weight)).collect(),
        ..TrafficItem::default()
    }
}

/// TOPOLOGY items without targets, one a prefix.
pub fn items(dns_prefixes: &[&str]) -> Vec<TrafficItem> {
    dns_prefixes.iter().map(|prefix| topology(prefix, &[])).collect()
}

/// An OutlierDetection for a pair.
pub fn outlier_detection(ns: &str, name: &str, identity: &str, env: &str, values: OutlierValues) -> OutlierDetection {
    OutlierDetection { meta: meta(ns, name, identity, env), values }
}

/// A ClientConnectionConfig for a pair; `connection_pool` is JSON.
pub fn connection_config(
    ns: &str,
    name: &str,
    identity: &str,
    env: &str,
    connection_pool: &str,
) -> ClientConnectionConfig {
    ClientConnectionConfig { meta: meta(ns, name, identity, env), connection_pool: connection_pool.into() }
}

/// Somebody else's Istio object on `hosts`.
pub fn foreign(kind: Kind, ns: &str, name: &str, hosts: &[&str]) -> ForeignObject {
    ForeignObject {
        key: key(kind, ns, name),
        hosts: hosts.iter().map(|host| Arc::from(*host)).collect(),
        addresses: Vec::new(),
        home_ports: Vec::new(),
        made_by: Some("somebody".into()),
        created: Some(at(1)),
    }
}

/// A bound and confirmed claim of epoch 1.
pub fn claim(host: &str, owner: &str, identity: &str, env: &str) -> Claim {
    Claim {
        host: host.into(),
        owner: owner.into(),
        also_owners: Vec::new(),
        identity: identity.into(),
        env: env.into(),
        epoch: 1,
        phase: Phase::Bound,
        claimed_at: at(1),
        confirmed_at: Some(at(2)),
        claimed_in: "u1".into(),
    }
}

/// The key of an object.
pub fn key(kind: Kind, ns: &str, name: &str) -> ObjectKey {
    ObjectKey { kind, namespace: namespace(ns), name: name.into() }
}

fn meta(ns: &str, name: &str, identity: &str, env: &str) -> PolicyMeta {
    let created: Option<Timestamp> = None;
    PolicyMeta { namespace: namespace(ns), name: name.into(), identity: identity.into(), env: env.into(), created }
}

fn labels(pairs: &[(&str, &str)]) -> LabelSet {
    let mut pairs: Vec<(Arc<str>, Arc<str>)> = pairs.iter().map(|(k, v)| (Arc::from(*k), Arc::from(*v))).collect();
    pairs.sort();
    pairs.into()
}
