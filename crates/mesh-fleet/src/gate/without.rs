//! A ServiceEntry without the endpoints of some source clusters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::{Origins, Part};
use mesh_model::owned::OwnedObject;
use mesh_plan::desired::Body;
use serde_json::Value;

/// `body` without the endpoints that come from any of `sources`, and one of those; none when it has no such endpoint.
/// What `base` has already is in use, and stays.
pub(super) fn without<'c>(
    body: &Body,
    base: Option<&OwnedObject>,
    sources: &BTreeSet<&'c ClusterName>,
) -> Option<(Body, &'c ClusterName)> {
    if body.key.kind != Kind::ServiceEntry || sources.is_empty() {
        return None;
    }
    let waiting: BTreeMap<&str, &ClusterName> = news(body, base)
        .into_iter()
        .filter_map(|(address, cluster)| Some((address, sources.get(cluster).copied()?)))
        .collect();
    let one = *waiting.values().next()?;
    let mut spec = entry(&body.spec);
    if let Some(endpoints) = spec["endpoints"].as_array_mut() {
        endpoints.retain(|endpoint| !endpoint["address"].as_str().is_some_and(|address| waiting.contains_key(address)));
    }
    // Of a cluster that is not heard of yet nothing is said, unless it was said before.
    let said: BTreeSet<&ClusterName> =
        base.into_iter().flat_map(|base| base.origins.iter()).map(|(origin, _)| &origin.cluster).collect();
    let mut origins = Origins::default();
    for (origin, parts) in body.origins.iter() {
        let is_gone = |part: &&Part| matches!(part, Part::Endpoint(address) if waiting.contains_key(&**address));
        if sources.contains(&origin.cluster) && !said.contains(&origin.cluster) {
            continue;
        }
        parts.iter().filter(|part| !is_gone(part)).for_each(|part| origins.add(origin.clone(), part.clone()));
    }
    let from_text = Some(origins.to_annotation().into());
    let part = Body { spec: spec.to_string().into(), origins: Arc::new(origins), from_text, ..body.clone() };
    Some((part, one))
}

/// The endpoints that `base` has not yet, each with the clusters that it comes from.
pub(super) fn news<'b>(body: &'b Body, base: Option<&OwnedObject>) -> Vec<(&'b str, &'b ClusterName)> {
    if body.key.kind != Kind::ServiceEntry {
        return Vec::new();
    }
    let base = base.map(|base| entry(&base.spec)).unwrap_or_default();
    let known: BTreeSet<&str> = addresses(&base).collect();
    let parts = body.origins.iter().flat_map(|(origin, parts)| parts.iter().map(move |part| (origin, part)));
    parts
        .filter_map(|(origin, part)| match part {
            Part::Endpoint(address) if !known.contains(&**address) => Some((&**address, &origin.cluster)),
            _ => None,
        })
        .collect()
}

fn entry(spec: &str) -> Value {
    serde_json::from_str(spec).unwrap_or_default()
}

fn addresses(entry: &Value) -> impl Iterator<Item = &str> {
    entry["endpoints"].as_array().into_iter().flatten().filter_map(|endpoint| endpoint["address"].as_str())
}
