//! Origins: which object of which cluster a generated value came from (annotation `kubectl-mesh.io/from`).
//!
//! Held values are computed from these, not remembered elsewhere: when a cluster is unseen, the values that came from it
//! are found in the live objects by their origin.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::kind::Kind;
use crate::limits::MAX_ORIGINS;
use crate::name::ClusterName;

/// The object that a value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Origin {
    /// Its cluster.
    pub cluster: ClusterName,
    /// Its kind.
    pub kind: Kind,
    /// `namespace/name`, or the name of a cluster-scoped object.
    pub name: Arc<str>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.cluster, self.kind, self.name)
    }
}

/// The part of a generated object that came from an origin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The endpoint of this address.
    Endpoint(Arc<str>),
    /// The port.
    Ports,
    /// The virtual address.
    Addresses,
    /// The accepted identities of the server.
    SubjectAltNames,
    /// The namespaces that see the object.
    ExportTo,
    /// A part of the traffic policy: `localityLbSetting`, `outlierDetection`, `connectionPool`.
    TrafficPolicy(Arc<str>),
}

impl Part {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once('/') {
            Some(("endpoints", address)) if !address.is_empty() => Some(Self::Endpoint(address.into())),
            Some(("trafficPolicy", part)) if !part.is_empty() => Some(Self::TrafficPolicy(part.into())),
            None => match text {
                "ports" => Some(Self::Ports),
                "addresses" => Some(Self::Addresses),
                "subjectAltNames" => Some(Self::SubjectAltNames),
                "exportTo" => Some(Self::ExportTo),
                _ => None,
            },
            Some(_) => None,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(address) => write!(f, "endpoints/{address}"),
            Self::Ports => f.write_str("ports"),
            Self::Addresses => f.write_str("addresses"),
            Self::SubjectAltNames => f.write_str("subjectAltNames"),
            Self::ExportTo => f.write_str("exportTo"),
            Self::TrafficPolicy(part) => write!(f, "trafficPolicy/{part}"),
        }
    }
}

/// The origins of one generated object, sorted by cluster, kind and name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins(BTreeMap<Origin, BTreeSet<Part>>);

/// Why an annotation does not hold origins.
#[derive(Debug, Error)]
pub enum OriginsError {
    /// Longer than the bound.
    #[error("is longer than {MAX_ORIGINS} bytes")]
    TooLong,
    /// Not the documented JSON.
    #[error("is not the documented JSON: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A version that this program does not know.
    #[error("has version {0}, this program knows 1")]
    Version(u32),
}

#[derive(Serialize, Deserialize)]
struct Wire {
    from: Vec<WireOrigin>,
    v: u32,
}

#[derive(Serialize, Deserialize)]
struct WireOrigin {
    cluster: ClusterName,
    r#for: Vec<String>,
    kind: String,
    name: String,
}

impl Origins {
    /// Adds that `part` came from `origin`.
    pub fn add(&mut self, origin: Origin, part: Part) {
        self.0.entry(origin).or_default().insert(part);
    }

    /// Every origin with its parts, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&Origin, &BTreeSet<Part>)> {
        self.0.iter()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The origins of one part.
    pub fn of<'a>(&'a self, part: &'a Part) -> impl Iterator<Item = &'a Origin> {
        self.0.iter().filter(move |(_, parts)| parts.contains(part)).map(|(origin, _)| origin)
    }

    /// Reads the annotation.
    pub fn parse(text: &str) -> Result<Self, OriginsError> {
        if text.len() > MAX_ORIGINS {
            return Err(OriginsError::TooLong);
        }
        let wire: Wire = serde_json::from_str(text)?;
        if wire.v != 1 {
            return Err(OriginsError::Version(wire.v));
        }
        let mut origins = Self::default();
        for entry in wire.from {
            // A kind or part of a later version is passed over: what this program cannot name it cannot hold.
            let Some(kind) = Kind::parse(&entry.kind) else { continue };
            let origin = Origin { cluster: entry.cluster, kind, name: entry.name.into() };
            for part in entry.r#for.iter().filter_map(|text| Part::parse(text)) {
                origins.add(origin.clone(), part);
            }
        }
        Ok(origins)
    }

    /// Writes the annotation: canonical JSON, sorted.
    pub fn to_annotation(&self) -> String {
        let from = self
            .0
            .iter()
            .map(|(origin, parts)| WireOrigin {
                cluster: origin.cluster.clone(),
                r#for: parts.iter().map(ToString::to_string).collect(),
                kind: origin.kind.to_string(),
                name: origin.name.to_string(),
            })
            .collect();
        serde_json::to_string(&Wire { from, v: 1 }).expect("strings and numbers always serialize")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_survive_the_annotation() {
        let mut origins = Origins::default();
        let origin =
            Origin { cluster: ClusterName::parse("c1").unwrap(), kind: Kind::Service, name: "shop/checkout".into() };
        origins.add(origin.clone(), Part::Endpoint("checkout.shop.svc.cluster.local".into()));
        origins.add(origin, Part::Ports);
        let text = origins.to_annotation();
        assert_eq!(
            text,
            r#"{"from":[{"cluster":"c1","for":["endpoints/checkout.shop.svc.cluster.local","ports"],"kind":"Service","name":"shop/checkout"}],"v":1}"#
        );
        assert_eq!(Origins::parse(&text).unwrap(), origins);
    }

    #[test]
    fn hostile_annotations_are_errors_not_panics() {
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"v":2,"from":[]}"#,
            r#"{"v":1,"from":[{"cluster":"a b","kind":"Service","name":"x","for":[]}]}"#,
        ] {
            assert!(Origins::parse(bad).is_err(), "{bad}");
        }
        assert!(Origins::parse(&" ".repeat(MAX_ORIGINS + 1)).is_err());
    }
}
