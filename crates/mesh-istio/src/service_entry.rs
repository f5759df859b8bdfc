//! `ServiceEntry` (networking.istio.io/v1): the fields that are generated.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Label of an endpoint whose workload has a sidecar; its value is `istio`.
pub const TLS_MODE: &str = "security.istio.io/tlsMode";
/// Label of an endpoint with the kind of workload behind it.
pub const TYPE: &str = "type";

/// Whether an address is a Service's of the cluster that holds it.
pub fn is_cluster_local(address: &str) -> bool {
    address.trim_end_matches('.').ends_with(".svc.cluster.local")
}

/// `spec` of a ServiceEntry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceEntry {
    /// Virtual addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Arc<str>>,
    /// Sorted by address, then by the rest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
    /// Namespaces that see it; empty is all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub export_to: Vec<Arc<str>>,
    /// Exactly one.
    pub hosts: Vec<Arc<str>>,
    /// `MESH_INTERNAL`.
    pub location: Arc<str>,
    /// Exactly one.
    pub ports: Vec<Port>,
    /// `DNS`.
    pub resolution: Arc<str>,
    /// Identities that clients accept; empty is any of the mesh.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subject_alt_names: Vec<Arc<str>>,
}

/// A port of a ServiceEntry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Port {
    /// Its name; endpoints refer to it.
    pub name: Arc<str>,
    /// Its number.
    pub number: u16,
    /// Its protocol, as Istio spells it.
    pub protocol: Arc<str>,
}

/// An endpoint of a ServiceEntry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoint {
    /// Host name or IP.
    pub address: Arc<str>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<Arc<str>>,
    /// Network; only on endpoints behind another cluster's gateway (deviation D12).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Arc<str>>,
    /// Number by port name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<Arc<str>, u16>,
    /// Account of the workload behind it; never written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<Arc<str>>,
    /// Share of traffic among equals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}
