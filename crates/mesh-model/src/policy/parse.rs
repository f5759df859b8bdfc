//! Reading `mesh.yaml`.

use std::net::Ipv4Addr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::{ExportToPolicy, Ipv4Range, MemberGateway, MeshPolicy, OwnerFrom, VipPolicy};

/// Why a text is no policy.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// Not YAML, an unknown field or a bad value; the text has file, line and a code frame.
    #[error("{0}")]
    Malformed(String),
}

/// Parses `mesh.yaml`; `file` is only for messages.
pub fn parse(text: &str, file: &str) -> Result<MeshPolicy, PolicyError> {
    serde_saphyr::from_str(text).map_err(|error| PolicyError::Malformed(format!("{file}: {error}")))
}

#[derive(Serialize, Deserialize)]
pub(super) struct VipWire {
    range: Ipv4Range,
}

impl From<VipWire> for VipPolicy {
    fn from(wire: VipWire) -> Self {
        Self::Range { range: wire.range, ipv6: false }
    }
}

impl From<VipPolicy> for VipWire {
    fn from(policy: VipPolicy) -> Self {
        let default = Ipv4Range { network: Ipv4Addr::new(240, 64, 0, 0), prefix: 10 };
        match policy {
            VipPolicy::Off => Self { range: default },
            VipPolicy::Range { range, .. } => Self { range },
        }
    }
}

impl TryFrom<String> for Ipv4Range {
    type Error = String;
    fn try_from(_: String) -> Result<Self, String> {
        Err("placeholder".into())
    }
}
impl From<Ipv4Range> for String {
    fn from(range: Ipv4Range) -> Self {
        format!("{}/{}", range.network, range.prefix)
    }
}
impl TryFrom<String> for OwnerFrom {
    type Error = String;
    fn try_from(_: String) -> Result<Self, String> {
        Err("placeholder".into())
    }
}
impl From<OwnerFrom> for String {
    fn from(_: OwnerFrom) -> Self {
        "namespace-name".into()
    }
}
impl TryFrom<String> for MemberGateway {
    type Error = String;
    fn try_from(_: String) -> Result<Self, String> {
        Err("placeholder".into())
    }
}
impl From<MemberGateway> for String {
    fn from(_: MemberGateway) -> Self {
        "none".into()
    }
}
impl Serialize for ExportToPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("off")
    }
}
impl<'de> Deserialize<'de> for ExportToPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|_| Self::Off)
    }
}
