//! What was read of one cluster, slim: only what some rule uses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::claim::{Claim, MemberClaims};
use crate::kind::Kind;
use crate::mesh::MeshFacts;
use crate::name::{Env, Identity, Namespace};
use crate::owned::{ObjectKey, OwnedObject};

/// Labels as sorted pairs: smaller than a map, and shared between equal sets.
pub type LabelSet = Arc<[(Arc<str>, Arc<str>)]>;

/// Everything that was read of one cluster.
#[derive(Debug, Clone, Default)]
pub struct ClusterFacts {
    /// UID of the `kube-system` namespace, if known.
    pub uid: Option<Arc<str>>,
    /// Kinds that could not be read completely: unknown, not empty.
    pub unseen: BTreeSet<Kind>,
    /// Namespaces that have a manifest.
    pub namespaces: BTreeMap<Namespace, NamespaceFacts>,
    /// Workloads with an identity, sorted by namespace, kind and name.
    pub workloads: Vec<Workload>,
    /// Services by namespace, sorted by name.
    pub services: BTreeMap<Namespace, Vec<Service>>,
    /// Services that may be the east-west gateway, in the order of `policy.gateway.apps`, then by name.
    pub gateways: Vec<GatewayService>,
    /// Nodes by region.
    pub node_regions: BTreeMap<Arc<str>, usize>,
    /// Dependencies of any namespace.
    pub dependencies: Vec<Dependency>,
    /// GlobalTrafficPolicies of any namespace.
    pub traffic_policies: Vec<GlobalTrafficPolicy>,
    /// OutlierDetections of any namespace.
    pub outlier_detections: Vec<OutlierDetection>,
    /// ClientConnectionConfigs of any namespace.
    pub connection_configs: Vec<ClientConnectionConfig>,
    /// Admiral's VIP ConfigMap: ServiceEntry name to address. Read, never written (deviation D3).
    pub vip_store: BTreeMap<Arc<str>, Arc<str>>,
    /// ServiceEntries and DestinationRules of the sync namespace that carry our mark.
    pub owned: BTreeMap<ObjectKey, OwnedObject>,
    /// Istio objects of others.
    pub foreign: Vec<ForeignObject>,
    /// What decides what becomes of traffic.
    pub mesh: MeshFacts,
    /// A Deployment that runs Admiral here, as `namespace/name`.
    pub admiral: Option<Arc<str>>,
    /// Whether the cluster has the kinds of claims; a folder has them once there is one in some cluster's.
    pub keeps_claims: bool,
    /// Its claims, as they were read.
    pub records: MemberClaims,
    /// The claim that counts on each base host, by [`record_name`](crate::claim::record_name).
    pub claims: BTreeMap<Arc<str>, Claim>,
    /// A Deployment that runs our webhook here, as `namespace/name`.
    pub webhook: Option<Arc<str>>,
}

/// What matters of a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// `istio-injection=enabled` or a revision label.
    pub injected: bool,
    /// `istio.io/dataplane-mode=ambient`.
    pub ambient: bool,
    /// Annotation `admiral.io/ignore` is `true`.
    pub ignored: bool,
    /// Label `topology.istio.io/network`.
    pub network: Option<Arc<str>>,
    /// The owner by the namespace's labels, first present of `policy.ownerFrom`.
    pub owner: Option<Arc<str>>,
}

/// The kinds of workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are Kubernetes' own")]
pub enum WorkloadKind {
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    Rollout,
    StatefulSet,
}

impl WorkloadKind {
    /// The kind of object.
    pub fn kind(self) -> Kind {
        match self {
            Self::CronJob => Kind::CronJob,
            Self::DaemonSet => Kind::DaemonSet,
            Self::Deployment => Kind::Deployment,
            Self::Job => Kind::Job,
            Self::Rollout => Kind::Rollout,
            Self::StatefulSet => Kind::StatefulSet,
        }
    }

    /// The kind of workload that a kind is, if it is one.
    pub fn of(kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::CronJob => Self::CronJob,
            Kind::DaemonSet => Self::DaemonSet,
            Kind::Deployment => Self::Deployment,
            Kind::Job => Self::Job,
            Kind::Rollout => Self::Rollout,
            Kind::StatefulSet => Self::StatefulSet,
            _ => return None,
        })
    }

    /// Whether such a workload can serve; Jobs and CronJobs are clients only.
    pub fn serves(self) -> bool {
        !matches!(self, Self::Job | Self::CronJob)
    }

    /// The value of endpoint label `type` (deviation D14).
    pub fn endpoint_type(self) -> &'static str {
        match self {
            Self::CronJob => "cronjob",
            Self::DaemonSet => "daemonset",
            Self::Deployment => "deployment",
            Self::Job => "job",
            Self::Rollout => "rollout",
            Self::StatefulSet => "statefulset",
        }
    }
}

/// A workload that carries an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub name: Arc<str>,
    /// `metadata.creationTimestamp`; missing counts as newest.
    pub created: Option<Timestamp>,
    /// The identity on its pod template.
    pub identity: Identity,
    /// Its env, fall-backs applied.
    pub env: Env,
    /// The partition of its identity, if it has one; its host does not tell it.
    pub partition: Option<Arc<str>>,
    /// Whether the host keeps the identity's case (`admiral.io/cname-case-sensitive`).
    pub keep_case: bool,
    /// What it asks of the mesh.
    pub wish: MeshWish,
    /// Annotation `traffic.sidecar.istio.io/includeInboundPorts` of the template.
    pub inbound_ports: Option<Arc<str>>,
    /// `spec.selector.matchLabels`.
    pub match_labels: LabelSet,
    /// Labels of its pods.
    pub labels: LabelSet,
    /// What its annotation `proxy.istio.io/config` says of DNS: whether the agent answers.
    pub dns_capture: Option<bool>,
    /// Named container ports, for headless Services.
    pub container_ports: Arc<[(Arc<str>, u16)]>,
    /// `spec.serviceAccountName` of the template, `default` when absent.
    pub service_account: Arc<str>,
    /// Wanted replicas, if the manifest says.
    pub replicas: Option<u32>,
    /// Ready replicas, if the status says.
    pub ready: Option<u32>,
}

/// What a workload's own metadata asks of the mesh.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MeshWish {
    /// What the template says of sidecar injection: the label.
    pub inject_label: Option<bool>,
    /// What the template says of sidecar injection: the annotation.
    pub inject_annotation: Option<bool>,
    /// Template label `istio.io/dataplane-mode=ambient`.
    pub ambient: bool,
    /// To be ignored, by its own label or annotation (`reference/admiral.md` §4.2).
    pub ignored: bool,
}

/// A Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: Arc<str>,
    /// `metadata.creationTimestamp`; missing counts as newest.
    pub created: Option<Timestamp>,
    /// `spec.selector`; empty never matches.
    pub selector: LabelSet,
    /// Its ports, in order.
    pub ports: Arc<[ServicePort]>,
    /// `clusterIP: None`.
    pub headless: bool,
    /// `type: ExternalName`; never matches.
    pub external_name: bool,
    /// `admiral.io/ignore` in a label or an annotation; never matches.
    pub ignored: bool,
}

/// One port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServicePort {
    /// Its name, empty when it has none.
    pub name: Arc<str>,
    /// Its number.
    pub number: u16,
    /// Where it leads.
    pub target: TargetPort,
    /// `appProtocol`.
    pub app_protocol: Option<Arc<str>>,
    /// `protocol: UDP` or `SCTP`: never a mesh port.
    pub not_tcp: bool,
}

/// `targetPort` of a Service port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetPort {
    /// Not given: the Service port.
    Unset,
    /// A number.
    Number(u16),
    /// The name of a container port.
    Name(Arc<str>),
}

/// A Service that may be the cluster's east-west gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayService {
    /// Its name.
    pub name: Arc<str>,
    /// Host name of the first load-balancer ingress.
    pub hostname: Option<Arc<str>>,
    /// IP of the first load-balancer ingress.
    pub ip: Option<Arc<str>>,
    /// The first of `spec.externalIPs`.
    pub external_ip: Option<Arc<str>>,
    /// Node port of the Service port 15443.
    pub node_port: Option<u16>,
    /// How many load-balancer ingresses it has.
    pub ingresses: usize,
    /// Label `topology.istio.io/network`.
    pub network: Option<Arc<str>>,
}

/// Admiral's Dependency: `source` calls `destinations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub name: Arc<str>,
    /// The identity that calls.
    pub source: Arc<str>,
    /// The identities that are called.
    pub destinations: Vec<Arc<str>>,
}

/// What GlobalTrafficPolicy, OutlierDetection and ClientConnectionConfig have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyMeta {
    /// Its namespace: it governs workloads of the same one only.
    pub namespace: Namespace,
    /// Its name.
    pub name: Arc<str>,
    /// The identity that it governs.
    pub identity: Arc<str>,
    /// The env that it governs.
    pub env: Arc<str>,
    /// `metadata.creationTimestamp`; missing counts as newest.
    pub created: Option<Timestamp>,
}

/// Admiral's GlobalTrafficPolicy (`reference/admiral.md` §1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalTrafficPolicy {
    /// Where it is and what it governs.
    pub meta: PolicyMeta,
    /// Label `priority`; absent or unparsable is 0.
    pub priority: i64,
    /// Annotation `lastUpdatedAt`.
    pub last_updated: Option<Arc<str>>,
    /// One item a host.
    pub items: Vec<TrafficItem>,
}

/// One item of a GlobalTrafficPolicy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrafficItem {
    /// `dnsPrefix`.
    pub dns_prefix: Arc<str>,
    /// `dns`, deprecated.
    pub dns: Arc<str>,
    /// `lbType` is FAILOVER (in fact a weighted distribution), else TOPOLOGY.
    pub failover: bool,
    /// Weight by region, in the order written.
    pub targets: Vec<(Arc<str>, i64)>,
    /// `outlier_detection`.
    pub outlier: Option<OutlierValues>,
}

/// Values of outlier detection; absent and zero times are left out by the planner (deviation D17).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct OutlierValues {
    /// Seconds.
    pub base_ejection_time: Option<i64>,
    /// A count.
    pub consecutive_gateway_errors: Option<u32>,
    /// Seconds.
    pub interval: Option<i64>,
}

/// Admiral's OutlierDetection (`reference/admiral.md` §1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlierDetection {
    /// Where it is and what it governs.
    pub meta: PolicyMeta,
    /// Its values.
    pub values: OutlierValues,
}

/// Admiral's ClientConnectionConfig (`reference/admiral.md` §1.4, deviation D16). Durations are as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConnectionConfig {
    /// Where it is and what it governs.
    pub meta: PolicyMeta,
    /// `spec.connectionPool` as it was written, for the planner to compile; canonical JSON.
    pub connection_pool: Arc<str>,
}

/// An Istio object that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignObject {
    /// Kind, namespace and name.
    pub key: ObjectKey,
    /// `spec.hosts` or `spec.host`.
    pub hosts: Vec<Arc<str>>,
    /// `spec.addresses` of a ServiceEntry.
    pub addresses: Vec<Arc<str>>,
    /// The port numbers under which a ServiceEntry that the gateway sees leads to Services of its own cluster: there the
    /// gateway routes its hosts, whoever made it.
    pub home_ports: Vec<u16>,
    /// Who made it, as far as its marks tell: annotation `app.kubernetes.io/created-by` or label `managed-by`.
    pub made_by: Option<Arc<str>>,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
}
