//! `connectionPool` of a DestinationRule, and Admiral's ClientConnectionConfig, which has the same fields.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// `connectionPool`: as Istio carries it, and as ClientConnectionConfig writes it but for [`Http::h2_upgrade_policy`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionPool {
    /// HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<Tcp>,
}

/// `connectionPool.http`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Http {
    /// `DEFAULT`, `DO_NOT_UPGRADE`, `UPGRADE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub h2_upgrade_policy: Option<UpgradePolicy>,
    /// A count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http1_max_pending_requests: Option<i32>,
    /// A count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http2_max_requests: Option<i32>,
    /// A duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<Arc<str>>,
    /// A count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_requests_per_connection: Option<i32>,
    /// A count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<i32>,
    /// Whether the client's protocol is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_client_protocol: Option<bool>,
}

/// `h2UpgradePolicy`: Admiral's objects carry the number, Istio's the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpgradePolicy {
    /// 0.
    Default,
    /// 1.
    DoNotUpgrade,
    /// 2.
    Upgrade,
}

/// `connectionPool.tcp`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tcp {
    /// A duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<Arc<str>>,
    /// A duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connection_duration: Option<Arc<str>>,
    /// A count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<i32>,
    /// Keep-alive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_keepalive: Option<TcpKeepalive>,
}

/// `connectionPool.tcp.tcpKeepalive`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TcpKeepalive {
    /// A duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Arc<str>>,
    /// A count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probes: Option<u32>,
    /// A duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Arc<str>>,
}

impl Serialize for UpgradePolicy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Default => "DEFAULT",
            Self::DoNotUpgrade => "DO_NOT_UPGRADE",
            Self::Upgrade => "UPGRADE",
        })
    }
}

impl<'de> Deserialize<'de> for UpgradePolicy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Number(n) if n.as_u64() == Some(0) => Ok(Self::Default),
            serde_json::Value::Number(n) if n.as_u64() == Some(1) => Ok(Self::DoNotUpgrade),
            serde_json::Value::Number(n) if n.as_u64() == Some(2) => Ok(Self::Upgrade),
            serde_json::Value::String(s) if s == "DEFAULT" => Ok(Self::Default),
            serde_json::Value::String(s) if s == "DO_NOT_UPGRADE" => Ok(Self::DoNotUpgrade),
            serde_json::Value::String(s) if s == "UPGRADE" => Ok(Self::Upgrade),
            other => Err(serde::de::Error::custom(format!("{other} is no h2UpgradePolicy"))),
        }
    }
}
