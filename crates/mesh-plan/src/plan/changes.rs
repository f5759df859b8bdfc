//! What changes inside an object, and what that does to traffic.

use std::collections::{BTreeMap, BTreeSet};

use mesh_model::kind::Kind;
use mesh_model::owned::OwnedObject;
use serde_json::Value;

use super::{Change, Class};
use crate::desired::Body;
use crate::manifest::{OUR_ANNOTATIONS, OUR_LABELS};

/// The fields that differ between what is live and what is wanted.
pub(super) fn between(live: Option<&OwnedObject>, body: Option<&Body>) -> Vec<Change> {
    let before = live.map(flat_live).unwrap_or_default();
    let mut after = body.map(flat_body).unwrap_or_default();
    if let (Some(live), Some(body)) = (live, body) {
        // Labels and annotations of others stay.
        let foreign = flat_live(live).into_iter().filter(|(field, _)| {
            let key = field.strip_prefix("metadata/labels/").or_else(|| field.strip_prefix("metadata/annotations/"));
            key.is_some_and(|key| {
                !OUR_LABELS.contains(&key)
                    && !OUR_ANNOTATIONS.contains(&key)
                    && !body.labels.contains_key(key)
                    && !body.annotations.contains_key(key)
            })
        });
        after.extend(foreign);
    }
    let fields: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut changes: Vec<Change> = fields
        .into_iter()
        .filter(|field| before.get(*field) != after.get(*field))
        .map(|field| Change {
            field: field.clone(),
            before: before.get(field).cloned(),
            after: after.get(field).cloned(),
        })
        .collect();
    // Origins follow what they explain: alone they are a change of their own, beside others they only repeat it.
    let from = format!("metadata/annotations/{}", mesh_model::owned::FROM);
    if changes.iter().any(|change| change.field != from) {
        changes.retain(|change| change.field != from);
    }
    changes
}

/// What an update does to traffic.
pub(super) fn class_of(live: &OwnedObject, body: &Body) -> Class {
    let (before, after) = (parse(&live.spec), parse(&body.spec));
    if removes(body.key.kind, &before, &after) {
        return Class::RemovesTraffic;
    }
    if body.key.kind == Kind::ServiceEntry && before != after && !removes(body.key.kind, &after, &before) {
        return Class::Neutral;
    }
    if body.key.kind == Kind::ServiceEntry && addresses(&after).is_superset(&addresses(&before)) && before != after {
        Class::Additive
    } else {
        Class::Neutral
    }
}

fn removes(kind: Kind, before: &Value, after: &Value) -> bool {
    let lost = |field: &str, empty_is_all: bool| {
        let (b, a) = (texts(&before[field]), texts(&after[field]));
        if empty_is_all && (a.is_empty() || a.contains("*")) {
            return false;
        }
        if empty_is_all && (b.is_empty() || b.contains("*")) {
            return true;
        }
        !a.is_superset(&b)
    };
    if lost("exportTo", true) {
        return true;
    }
    if kind == Kind::DestinationRule {
        let weights = |spec: &Value| -> BTreeSet<String> {
            let rules =
                spec.pointer("/trafficPolicy/loadBalancer/localityLbSetting/distribute").and_then(Value::as_array);
            rules
                .into_iter()
                .flatten()
                .filter_map(|rule| rule["to"].as_object())
                .flat_map(|to| to.keys().cloned())
                .collect()
        };
        let (b, a) = (weights(before), weights(after));
        return !a.is_empty() && (b.is_empty() || !a.is_superset(&b));
    }
    let http = matches!(after["ports"][0]["name"].as_str(), Some("http" | "http2" | "grpc" | "grpc-web"));
    !addresses(after).is_superset(&addresses(before))
        || before["ports"] != after["ports"]
        || (!http && !texts(&after["addresses"]).is_superset(&texts(&before["addresses"])))
        || (!after["subjectAltNames"].is_null() && lost("subjectAltNames", true))
}

fn addresses(spec: &Value) -> BTreeSet<String> {
    let endpoints = spec["endpoints"].as_array();
    endpoints.into_iter().flatten().map(|e| format!("{} {} {}", e["address"], e["network"], e["ports"])).collect()
}

fn texts(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn parse(spec: &str) -> Value {
    serde_json::from_str(spec).unwrap_or_default()
}

fn flat_live(object: &OwnedObject) -> BTreeMap<String, String> {
    let mut fields = flat_spec(&object.spec);
    fields.extend(object.labels.iter().map(|(k, v)| (format!("metadata/labels/{k}"), quoted(v))));
    fields.extend(object.annotations.iter().map(|(k, v)| (format!("metadata/annotations/{k}"), quoted(v))));
    if let Some(from) = &object.from_text {
        fields.insert(format!("metadata/annotations/{}", mesh_model::owned::FROM), quoted(from));
    }
    fields
}

fn flat_body(body: &Body) -> BTreeMap<String, String> {
    let mut fields = flat_spec(&body.spec);
    fields.extend(body.labels.iter().map(|(k, v)| (format!("metadata/labels/{k}"), quoted(v))));
    fields.extend(body.annotations.iter().map(|(k, v)| (format!("metadata/annotations/{k}"), quoted(v))));
    fields
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Fields of a spec: endpoints by address, parts of the traffic policy, the rest as they are.
fn flat_spec(spec: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let Value::Object(spec) = parse(spec) else { return fields };
    for (field, value) in spec {
        match (field.as_str(), &value) {
            ("endpoints", Value::Array(endpoints)) => {
                for endpoint in endpoints {
                    let address = endpoint["address"].as_str().unwrap_or_default();
                    let mut name = format!("endpoints/{address}");
                    while fields.contains_key(&name) {
                        name.push('\'');
                    }
                    fields.insert(name, endpoint.to_string());
                }
            }
            ("trafficPolicy", Value::Object(parts)) => {
                for (part, value) in parts {
                    let mut value = value.clone();
                    // The one part of a load balancer that a traffic policy decides has a reason of its own.
                    if let Some(locality) = value.as_object_mut().and_then(|part| part.remove("localityLbSetting")) {
                        fields.insert("trafficPolicy/localityLbSetting".into(), locality.to_string());
                    }
                    fields.insert(format!("trafficPolicy/{part}"), value.to_string());
                }
            }
            _ => {
                fields.insert(field, value.to_string());
            }
        }
    }
    fields
}
