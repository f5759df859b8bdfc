//! `DestinationRule` (networking.istio.io/v1): the fields that are generated.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::any::Any;
use crate::connection_pool::ConnectionPool;
use crate::selector::WorkloadSelector;

/// `spec` of a DestinationRule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DestinationRule {
    /// Namespaces that see it; empty is all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub export_to: Vec<Arc<str>>,
    /// The host it is for.
    pub host: Arc<str>,
    /// How it is reached.
    pub traffic_policy: TrafficPolicy,
    /// The clients that it is for, never written; none are all.
    #[serde(skip_serializing)]
    pub workload_selector: Option<WorkloadSelector>,
}

/// `trafficPolicy`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrafficPolicy {
    /// Connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_pool: Option<ConnectionPool>,
    /// Load balancing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<LoadBalancer>,
    /// Ejection of failing endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlier_detection: Option<OutlierDetection>,
    /// TLS of clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// `loadBalancer`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancer {
    /// By locality; present but empty is Istio's default failover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality_lb_setting: Option<LocalityLbSetting>,
    /// `LEAST_REQUEST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simple: Option<Arc<str>>,
    /// `45s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup_duration_secs: Option<Arc<str>>,
}

/// `localityLbSetting`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LocalityLbSetting {
    /// Weighted distribution.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub distribute: Vec<Distribute>,
    /// Where traffic goes when a region fails; never written.
    #[serde(skip_serializing)]
    pub failover: Vec<Any>,
    /// Labels by which endpoints are preferred; never written.
    #[serde(rename = "failoverPriority", skip_serializing)]
    pub failover_priority: Vec<Arc<str>>,
}

/// One rule of distribution.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Distribute {
    /// `region/*`.
    pub from: Arc<str>,
    /// Weight by region; the weights add to 100.
    pub to: BTreeMap<Arc<str>, u32>,
}

/// `outlierDetection`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OutlierDetection {
    /// `300s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_ejection_time: Option<Arc<str>>,
    /// 0: gateway errors count instead.
    #[serde(rename = "consecutive5xxErrors", skip_serializing_if = "Option::is_none")]
    pub consecutive_5xx_errors: Option<u32>,
    /// A count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_gateway_errors: Option<u32>,
    /// `60s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Arc<str>>,
    /// Percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ejection_percent: Option<u32>,
}

/// `tls`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tls {
    /// `ISTIO_MUTUAL`.
    pub mode: Arc<str>,
    /// The SNI in place of Istio's own; never written.
    #[serde(skip_serializing)]
    pub sni: Arc<str>,
    /// Identities that clients accept in place of the ServiceEntry's; never written.
    #[serde(skip_serializing)]
    pub subject_alt_names: Vec<Arc<str>>,
}
