//! A ServiceEntry without the endpoints of some source clusters.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::{Origins, Part};
use mesh_model::owned::{FROM, OwnedObject};
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
    let mut spec = entry(&body.spec);
    let known: BTreeSet<String> =
        base.map(|base| addresses(&entry(&base.spec)).map(str::to_owned).collect()).unwrap_or_default();
    let source_of = |address: &str| {
        let part = Part::Endpoint(address.into());
        body.origins.of(&part).find_map(|origin| sources.get(&origin.cluster).copied())
    };
    let waiting: Vec<(String, &ClusterName)> = addresses(&spec)
        .filter(|address| !known.contains(*address))
        .filter_map(|address| Some((address.to_owned(), source_of(address)?)))
        .collect();
    let (_, one) = waiting.first()?;
    let gone: BTreeSet<&str> = waiting.iter().map(|(address, _)| address.as_str()).collect();
    if let Some(endpoints) = spec["endpoints"].as_array_mut() {
        endpoints.retain(|endpoint| !endpoint["address"].as_str().is_some_and(|address| gone.contains(address)));
    }
    let mut origins = Origins::default();
    for (origin, parts) in body.origins.iter() {
        let is_gone = |part: &&Part| matches!(part, Part::Endpoint(address) if gone.contains(&**address));
        // Of a cluster that is not heard of yet nothing is said, unless it was said before.
        let is_known = base.is_some_and(|base| base.origins.iter().any(|(known, _)| known.cluster == origin.cluster));
        if sources.contains(&origin.cluster) && !is_known {
            continue;
        }
        parts.iter().filter(|part| !is_gone(part)).for_each(|part| origins.add(origin.clone(), part.clone()));
    }
    let mut annotations = body.annotations.clone();
    if let Some(from) = annotations.get_mut(FROM) {
        *from = origins.to_annotation().into();
    }
    let part = Body { annotations, spec: spec.to_string().into(), origins: Arc::new(origins), ..body.clone() };
    Some((part, one))
}

fn entry(spec: &str) -> Value {
    serde_json::from_str(spec).unwrap_or_default()
}

fn addresses(entry: &Value) -> impl Iterator<Item = &str> {
    entry["endpoints"].as_array().into_iter().flatten().filter_map(|endpoint| endpoint["address"].as_str())
}
