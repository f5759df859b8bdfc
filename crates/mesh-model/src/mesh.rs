//! What decides what becomes of traffic in one cluster, beside what is generated: read for `check` and `trace`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::facts::{LabelSet, MeshWish, Workload, WorkloadKind};
use crate::kind::Kind;
use crate::name::Namespace;
use crate::owned::ObjectKey;

/// What decides what becomes of traffic in one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeshFacts {
    /// Those of the kinds in `specs` that could not be read completely: unknown, not empty.
    pub unseen: BTreeSet<Kind>,
    /// Gateways, Sidecars, PeerAuthentications and AuthorizationPolicies; of VirtualServices and of others' ServiceEntries
    /// and DestinationRules, those whose hosts may be global names.
    pub specs: BTreeMap<ObjectKey, Spec>,
    /// The roots that istiod gave each namespace (ConfigMap `istio-ca-root-cert`).
    pub bundles: BTreeMap<Namespace, Arc<TrustBundle>>,
    /// ConfigMap `istio` of the control plane, if it was read.
    pub settings: Option<MeshSettings>,
    /// Deployments and DaemonSets in the gateway's namespace, sorted by name.
    pub proxies: Vec<GatewayProxy>,
    /// Deployments of istiod, sorted by namespace and name.
    pub control_planes: Vec<ControlPlane>,
    /// Workloads that carry no identity: they serve no name, but call some. Sorted by namespace, kind and name.
    pub others: Vec<Caller>,
}

/// `spec` of an object as it was written: what of it holds is told where it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// As canonical JSON; equal specs share one text.
    pub text: Arc<str>,
    /// `metadata.creationTimestamp`; missing counts as newest.
    pub created: Option<Timestamp>,
}

/// A bundle of roots.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustBundle {
    /// Those that could be read, sorted by fingerprint.
    pub roots: Vec<Arc<Certificate>>,
    /// Why some could not be read.
    pub problem: Option<Arc<str>>,
}

/// A certificate (RFC 5280), as far as anything is said of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Certificate {
    /// SHA-256 of its DER, in hex.
    pub fingerprint: Arc<str>,
    /// Its subject (RFC 4514).
    pub subject: Arc<str>,
    /// Who signed it.
    pub issuer: Arc<str>,
    /// The URIs among its alternative names: SPIFFE ids.
    pub uris: Vec<Arc<str>>,
    /// Its last second.
    pub not_after: Timestamp,
    /// All of it, in DER.
    pub der: Arc<[u8]>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fingerprint, subject, not_after, .. } = self;
        write!(f, "Certificate({subject}, {fingerprint}, until {not_after})")
    }
}

/// The settings of a mesh (Istio's `MeshConfig`) that some rule uses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MeshSettings {
    /// `trustDomain`, `cluster.local` where it is not given.
    pub trust_domain: Arc<str>,
    /// `trustDomainAliases`, and the trust domains of `caCertificates`.
    pub other_trust_domains: Vec<Arc<str>>,
    /// Whether agents answer DNS for sidecars: `defaultConfig.proxyMetadata.ISTIO_META_DNS_CAPTURE`.
    pub dns_capture: bool,
}

/// A workload, as far as what becomes of its own requests depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub name: Arc<str>,
    /// What it asks of the mesh.
    pub wish: MeshWish,
    /// Labels of its pods.
    pub labels: LabelSet,
    /// What its annotation `proxy.istio.io/config` says of DNS: whether the agent answers.
    pub dns_capture: Option<bool>,
    /// `spec.serviceAccountName` of the template, `default` when absent.
    pub service_account: Arc<str>,
}

impl From<&Workload> for Caller {
    fn from(workload: &Workload) -> Self {
        Self {
            kind: workload.kind,
            namespace: workload.namespace.clone(),
            name: Arc::clone(&workload.name),
            wish: workload.wish,
            labels: workload.labels.clone(),
            dns_capture: workload.dns_capture,
            service_account: Arc::clone(&workload.service_account),
        }
    }
}

/// A workload in the gateway's namespace, which may be its proxies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayProxy {
    /// Its name.
    pub name: Arc<str>,
    /// Labels of its pods.
    pub labels: LabelSet,
    /// Wanted replicas, if the manifest says.
    pub replicas: Option<u32>,
    /// Ready replicas, if the status says.
    pub ready: Option<u32>,
    /// Environment variable `ISTIO_META_REQUESTED_NETWORK_VIEW`.
    pub network_view: Option<Arc<str>>,
}

/// A Deployment of istiod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ControlPlane {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub name: Arc<str>,
    /// Major and minor version, by the tag of its image.
    pub version: Option<(u32, u32)>,
}
