//! Origins: which object of which cluster a generated value came from (annotation `kubectl-mesh.io/from`).
//!
//! Held values are computed from these, not remembered elsewhere: when a cluster is unseen, the values that came from it
//! are found in the live objects by their origin.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::kind::Kind;
use crate::limits::MAX_ORIGINS;
use crate::name::{ClusterName, NameError};

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
    fn parse(text: &str, mut share: impl FnMut(&str) -> Arc<str>) -> Option<Self> {
        match text.split_once('/') {
            Some(("endpoints", address)) if !address.is_empty() => Some(Self::Endpoint(share(address))),
            Some(("trafficPolicy", part)) if !part.is_empty() => Some(Self::TrafficPolicy(share(part))),
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

/// The origins of one generated object, sorted by cluster, kind and name, each with its parts, sorted: lists, because a
/// fleet holds many of these, and each is short.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins(Vec<(Origin, Vec<Part>)>);

/// Why an annotation does not hold origins.
#[derive(Debug, Error)]
pub enum OriginsError {
    /// Longer than the bound.
    #[error("is longer than {MAX_ORIGINS} bytes")]
    TooLong,
    /// Not the documented JSON.
    #[error("is not the documented JSON: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A cluster name that is none.
    #[error("names a cluster that cannot be: {0}")]
    Cluster(#[from] NameError),
    /// A version that this program does not know.
    #[error("has version {0}, this program knows 1")]
    Version(u32),
}

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    from: Vec<WireOrigin<'a>>,
    v: u32,
}

#[derive(Serialize, Deserialize)]
struct WireOrigin<'a> {
    #[serde(borrow)]
    cluster: Cow<'a, str>,
    #[serde(borrow)]
    r#for: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

impl Origins {
    /// Adds that `part` came from `origin`.
    pub fn add(&mut self, origin: Origin, part: Part) {
        let at = self.0.binary_search_by(|(known, _)| known.cmp(&origin)).unwrap_or_else(|at| {
            self.0.insert(at, (origin, Vec::new()));
            at
        });
        let parts = &mut self.0[at].1;
        if let Err(at) = parts.binary_search(&part) {
            parts.insert(at, part);
        }
    }

    /// Every origin with its parts, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&Origin, &[Part])> {
        self.0.iter().map(|(origin, parts)| (origin, &**parts))
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The origins of one part.
    pub fn of<'a>(&'a self, part: &'a Part) -> impl Iterator<Item = &'a Origin> {
        self.0.iter().filter(move |(_, parts)| parts.contains(part)).map(|(origin, _)| origin)
    }

    /// Reads the annotation. `share` makes the texts: names and addresses repeat in many annotations.
    pub fn parse(text: &str, mut share: impl FnMut(&str) -> Arc<str>) -> Result<Self, OriginsError> {
        if text.len() > MAX_ORIGINS {
            return Err(OriginsError::TooLong);
        }
        let wire: Wire<'_> = serde_json::from_str(text)?;
        if wire.v != 1 {
            return Err(OriginsError::Version(wire.v));
        }
        let mut origins = Self(Vec::with_capacity(wire.from.len()));
        for entry in wire.from {
            let cluster = ClusterName::try_from(share(&entry.cluster))?;
            // A kind or part of a later version is passed over: what this program cannot name it cannot hold.
            let Some(kind) = Kind::parse(&entry.kind) else { continue };
            let origin = Origin { cluster, kind, name: share(&entry.name) };
            for part in entry.r#for.iter().filter_map(|text| Part::parse(text, &mut share)) {
                origins.add(origin.clone(), part);
            }
        }
        origins.0.iter_mut().for_each(|(_, parts)| parts.shrink_to_fit());
        origins.0.shrink_to_fit();
        Ok(origins)
    }

    /// Writes the annotation: canonical JSON, sorted.
    pub fn to_annotation(&self) -> String {
        let from = self
            .0
            .iter()
            .map(|(origin, parts)| WireOrigin {
                cluster: origin.cluster.as_str().into(),
                r#for: parts.iter().map(|part| part.to_string().into()).collect(),
                kind: origin.kind.as_str().into(),
                name: (&*origin.name).into(),
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
        assert_eq!(Origins::parse(&text, |text| text.into()).unwrap(), origins);
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
            assert!(Origins::parse(bad, |text| text.into()).is_err(), "{bad}");
        }
        assert!(Origins::parse(&" ".repeat(MAX_ORIGINS + 1), |text| text.into()).is_err());
    }
}
