//! What every cluster should hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_model::finding::Finding;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host, Identity, Namespace};
use mesh_model::origin::Origins;
use mesh_model::owned::{ObjectKey, Pairs};
use serde::Serialize;

use crate::because::Because;

/// What every cluster should hold, and what was found on the way.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// Objects by cluster. A cluster that cannot be written (unseen, ServiceEntries unseen) has no entry.
    pub objects: BTreeMap<ClusterName, BTreeMap<ObjectKey, DesiredObject>>,
    /// Live objects that are not desired but must stay, with the reason.
    pub kept: BTreeMap<(ClusterName, ObjectKey), Because>,
    /// Why a live object is not desired any more, where a rule says more than "nobody wants it".
    pub gone: BTreeMap<(ClusterName, ObjectKey), Because>,
    /// Live objects of excluded identities: neither changed nor deleted, and not worth a word.
    pub excluded: BTreeSet<(ClusterName, ObjectKey)>,
    /// Every global name, by base host.
    pub names: BTreeMap<Host, Name>,
    /// Problems, sorted, without repeats.
    pub findings: Vec<Finding>,
}

/// One object that a cluster should hold.
#[derive(Debug, Clone)]
pub struct DesiredObject {
    /// Its content, shared between clusters that hold the same.
    pub body: Arc<Body>,
    /// The host it is for.
    pub host: Host,
    /// The base host of its name.
    pub base: Host,
    /// The identity of its name.
    pub identity: Identity,
    /// What the cluster is to the name.
    pub role: Role,
    /// Whether callers of the name that Dependencies tell of run in the cluster, or may, for all that can be seen.
    pub is_called: bool,
    /// Why this cluster holds it.
    pub role_because: Arc<Because>,
    /// Why its fields are as they are, shared between clusters.
    pub because: Arc<Vec<Because>>,
    /// Values that were kept because their origin is unseen: field and reason, sorted.
    pub held: Vec<Because>,
}

/// The content of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Kind, namespace and name.
    pub key: ObjectKey,
    /// Our labels.
    pub labels: Arc<Pairs>,
    /// Our annotations, but for [`mesh_model::owned::FROM`].
    pub annotations: Arc<Pairs>,
    /// `spec` as canonical JSON.
    pub spec: Arc<str>,
    /// Where each value came from.
    pub origins: Arc<Origins>,
    /// The same as annotation [`mesh_model::owned::FROM`] says it.
    pub from_text: Option<Arc<str>>,
}

/// What a cluster is to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It runs the service.
    Source,
    /// It calls the service.
    Client,
    /// It ran the service once (deviation D18).
    ExSource,
}

/// One global name: who serves it, who calls it. For `whereis`, `explain` and `status`.
#[derive(Debug, Clone)]
pub struct Name {
    /// The identity.
    pub identity: Identity,
    /// The env.
    pub env: Arc<str>,
    /// The virtual address of each host.
    pub hosts: BTreeMap<Host, Option<Arc<str>>>,
    /// Where it runs.
    pub places: Vec<Place>,
    /// Clusters that call it, with the reason.
    pub clients: BTreeMap<ClusterName, Arc<Because>>,
    /// Clusters that it left (deviation D18).
    pub ex_sources: BTreeSet<ClusterName>,
    /// Traffic policies, outlier detections and connection configs that were considered.
    pub policies: Vec<PolicyChoice>,
    /// Protocol and number of the published port.
    pub port: Option<(Arc<str>, u16)>,
    /// Weight by region of the base host, if a policy distributes.
    pub split: BTreeMap<Arc<str>, u32>,
}

/// A place where a name runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The cluster.
    pub cluster: ClusterName,
    /// The namespace; unknown for an unseen cluster whose origins do not tell.
    pub namespace: Option<Namespace>,
    /// The kind of workload.
    pub kind: Option<Kind>,
    /// The workload.
    pub workload: Option<Arc<str>>,
    /// The Service.
    pub service: Option<Arc<str>>,
    /// The Service's port.
    pub port: Option<u16>,
    /// Ready replicas.
    pub ready: Option<u32>,
    /// Wanted replicas.
    pub replicas: Option<u32>,
    /// The region.
    pub region: Option<Arc<str>>,
    /// Address and port of the gateway.
    pub gateway: Option<Arc<str>>,
    /// The owner of the namespace.
    pub owner: Option<Arc<str>>,
    /// Whether this is what live objects say of a place that cannot be seen now.
    pub held: bool,
}

/// A policy object that was considered for a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyChoice {
    /// `GlobalTrafficPolicy`, `OutlierDetection` or `ClientConnectionConfig`.
    pub kind: Kind,
    /// Its cluster.
    pub cluster: ClusterName,
    /// `namespace/name`.
    pub name: Arc<str>,
    /// Whether it is the one that counts.
    pub active: bool,
    /// Why: `highest priority (5)`, `lost to c1: shop/checkout: newer`, …
    pub why: String,
}
