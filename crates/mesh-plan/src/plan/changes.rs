//! What changes inside an object, and what that does to traffic.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_model::kind::Kind;
use mesh_model::owned::{FROM, OwnedObject, Pairs};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Change, Class};
use crate::desired::Body;
use crate::manifest::{OUR_ANNOTATIONS, OUR_LABELS};

const LOCALITY: &str = "localityLbSetting";

/// The fields that differ between what is live and what is wanted.
pub(crate) fn between(live: Option<&OwnedObject>, body: Option<&Body>) -> Vec<Change> {
    if let (Some(live), Some(body)) = (live, body)
        && is_same(live, body)
    {
        return Vec::new();
    }
    let same_spec = live.map(|live| &live.spec) == body.map(|body| &body.spec);
    let spec = |text: &str| if same_spec { BTreeMap::new() } else { flat_spec(text) };
    let mut before = live.map(|live| spec(&live.spec)).unwrap_or_default();
    let mut after = body.map(|body| spec(&body.spec)).unwrap_or_default();
    if let Some(live) = live {
        before.extend(flat_marks(&live.labels, &live.annotations));
    }
    if let Some(body) = body {
        after.extend(flat_marks(&body.labels, &body.annotations));
    }
    if let (Some(_), Some(body)) = (live, body) {
        // Labels and annotations of others stay.
        before.retain(|field, _| {
            let key = field.strip_prefix("metadata/labels/").or_else(|| field.strip_prefix("metadata/annotations/"));
            key.is_none_or(|key| {
                OUR_LABELS.contains(&key)
                    || OUR_ANNOTATIONS.contains(&key)
                    || body.labels.contains_key(key)
                    || body.annotations.contains_key(key)
            })
        });
    }
    let mut changes = Vec::new();
    for (field, before) in before {
        let after = after.remove(&field);
        if after.as_ref() != Some(&before) {
            changes.push(Change { field, before: Some(before), after });
        }
    }
    changes.extend(after.into_iter().map(|(field, after)| Change { field, before: None, after: Some(after) }));
    changes.sort_by(|a, b| a.field.cmp(&b.field));
    // Origins follow what they explain: alone they are a change of their own, beside others they only repeat it.
    if changes.is_empty() {
        let before = live.and_then(|live| live.from_text.as_deref()).map(quoted);
        let after = body.and_then(|body| body.from_text.as_deref()).map(quoted);
        if before != after {
            changes.push(Change { field: format!("metadata/annotations/{FROM}"), before, after });
        }
    }
    changes
}

/// Whether nothing differs, told without parsing: of a big fleet, nearly every object.
fn is_same(live: &OwnedObject, body: &Body) -> bool {
    live.spec == body.spec
        && live.from_text == body.from_text
        && is_same_map(&live.labels, &OUR_LABELS, &body.labels)
        && is_same_map(&live.annotations, &OUR_ANNOTATIONS, &body.annotations)
}

/// Whether `live` has all of `wanted`, and else nothing that is `ours`.
fn is_same_map(live: &Arc<Pairs>, ours: &[&str], wanted: &Arc<Pairs>) -> bool {
    if Arc::ptr_eq(live, wanted) {
        return true;
    }
    let mut found = 0;
    for (key, value) in &**live {
        match wanted.get(key) {
            Some(wanted) if wanted == value => found += 1,
            None if !ours.contains(&&**key) => {}
            _ => return false,
        }
    }
    found == wanted.len()
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
    // Without any accepted identity every identity is accepted: nothing is added, and nobody loses anything.
    if !texts(&before["subjectAltNames"]).is_empty() && texts(&after["subjectAltNames"]).is_empty() {
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

fn flat_marks<'a>(labels: &'a Pairs, annotations: &'a Pairs) -> impl Iterator<Item = (String, String)> + 'a {
    let labels = labels.iter().map(|(key, value)| (format!("metadata/labels/{key}"), quoted(value)));
    labels.chain(annotations.iter().map(|(key, value)| (format!("metadata/annotations/{key}"), quoted(value))))
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text always serializes")
}

/// Fields of a spec: endpoints by address, parts of the traffic policy, the rest as they are. Values are slices of the
/// text, which is canonical already.
fn flat_spec(spec: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for (field, value) in parse_as::<RawMap<'_>>(spec).unwrap_or_default() {
        match field.as_str() {
            "endpoints" if let Some(endpoints) = parse_as::<Vec<&RawValue>>(value.get()) => {
                for endpoint in endpoints {
                    let address = parse_as::<Address<'_>>(endpoint.get()).unwrap_or_default().address;
                    let mut name = format!("endpoints/{address}");
                    while fields.contains_key(&name) {
                        name.push('\'');
                    }
                    fields.insert(name, endpoint.get().to_owned());
                }
            }
            // The records of a set of claims.
            "entries" if let Some(entries) = parse_as::<Vec<&RawValue>>(value.get()) => {
                for entry in entries {
                    let host = parse_as::<Hosted<'_>>(entry.get()).unwrap_or_default().host;
                    fields.insert(format!("entries/{host}"), entry.get().to_owned());
                }
            }
            "trafficPolicy" if let Some(parts) = parse_as::<RawMap<'_>>(value.get()) => {
                for (part, value) in parts {
                    let mut text = value.get().to_owned();
                    // The one part of a load balancer that a traffic policy decides has a reason of its own.
                    if text.contains(LOCALITY)
                        && let Some(mut inner) = parse_as::<RawMap<'_>>(value.get())
                        && let Some(locality) = inner.remove(LOCALITY)
                    {
                        fields.insert(format!("trafficPolicy/{LOCALITY}"), locality.get().to_owned());
                        text = serde_json::to_string(&inner).expect("slices of JSON are JSON");
                    }
                    fields.insert(format!("trafficPolicy/{part}"), text);
                }
            }
            _ => {
                fields.insert(field, value.get().to_owned());
            }
        }
    }
    fields
}

/// An object's fields, unparsed.
type RawMap<'a> = BTreeMap<String, &'a RawValue>;

#[derive(Default, Deserialize)]
struct Address<'a> {
    #[serde(borrow, default)]
    address: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
struct Hosted<'a> {
    #[serde(borrow, default)]
    host: Cow<'a, str>,
}

fn parse_as<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use mesh_model::name::Namespace;
    use mesh_model::origin::Origins;
    use mesh_model::owned::{CREATED_BY, EX_SOURCE, MANAGED_BY, Mark, ObjectKey};

    use super::*;

    const SPEC: &str = r#"{"endpoints":[{"address":"a"},{"address":"b"}],"hosts":["h"],"trafficPolicy":{"loadBalancer":{"localityLbSetting":{},"simple":"X"}}}"#;

    fn pairs(list: &[(&str, &str)]) -> Pairs {
        list.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value))).collect()
    }

    fn add(to: &mut Arc<Pairs>, list: &[(&str, &str)]) {
        Arc::make_mut(to).extend(pairs(list));
    }

    fn body() -> Body {
        let namespace = Namespace::parse("mesh-sync").expect("a legal name");
        Body {
            key: ObjectKey { kind: Kind::ServiceEntry, namespace, name: "h-se".into() },
            labels: pairs(&[(MANAGED_BY, "kubectl-mesh")]).into(),
            annotations: pairs(&[(CREATED_BY, "kubectl-mesh")]).into(),
            spec: SPEC.into(),
            origins: Arc::default(),
            from_text: Some("here".into()),
        }
    }

    fn live(body: &Body) -> OwnedObject {
        OwnedObject {
            created: None,
            uid: None,
            version: "1".into(),
            mark: Mark::Ours,
            spec: Arc::clone(&body.spec),
            labels: Arc::clone(&body.labels),
            annotations: Arc::clone(&body.annotations),
            origins: Arc::new(Origins::default()),
            from_text: body.from_text.clone(),
            changed_by: None,
        }
    }

    fn fields(change: impl FnOnce(&mut OwnedObject)) -> Vec<String> {
        let mut live = live(&body());
        change(&mut live);
        between(Some(&live), Some(&body())).into_iter().map(|change| change.field).collect()
    }

    #[test]
    fn marks_of_others_are_no_difference_and_each_of_ours_is_one() {
        assert!(fields(|_| {}).is_empty());
        assert!(fields(|live| add(&mut live.labels, &[("team", "x")])).is_empty());
        assert!(fields(|live| add(&mut live.annotations, &[("team", "x")])).is_empty());
        let ex_source = format!("metadata/annotations/{EX_SOURCE}");
        assert_eq!(fields(|live| add(&mut live.annotations, &[(EX_SOURCE, "x")])), [ex_source]);
        assert_eq!(fields(|live| live.labels = Arc::default()), [format!("metadata/labels/{MANAGED_BY}")]);
        assert_eq!(
            fields(|live| add(&mut live.annotations, &[(CREATED_BY, "admiral")])),
            [format!("metadata/annotations/{CREATED_BY}")]
        );
    }

    #[test]
    fn accepting_every_identity_adds_nothing_and_accepting_one_more_does() {
        let with = |names: &str| SPEC.replace("\"hosts\"", &format!("\"subjectAltNames\":[{names}],\"hosts\""));
        let class = |before: &str, after: &str| {
            let mut body = body();
            body.spec = after.into();
            let mut live = live(&body);
            live.spec = before.into();
            class_of(&live, &body)
        };
        let (one, two) = (with("\"a\""), with("\"a\",\"b\""));
        assert_eq!(class(&one, SPEC), Class::Neutral);
        assert_eq!(class(SPEC, &one), Class::RemovesTraffic);
        assert_eq!(class(&one, &two), Class::Additive);
        assert_eq!(class(&two, &one), Class::RemovesTraffic);
    }

    #[test]
    fn origins_are_a_change_only_where_nothing_else_changes() {
        assert_eq!(fields(|live| live.from_text = None), [format!("metadata/annotations/{FROM}")]);
        assert_eq!(
            fields(|live| {
                live.from_text = None;
                live.spec = SPEC.replace("\"h\"", "\"i\"").into();
            }),
            ["hosts"]
        );
    }

    #[test]
    fn a_spec_changes_by_endpoint_and_by_part_of_the_traffic_policy() {
        let with = |from: &str, to: &str| {
            let text = SPEC.replace(from, to);
            fields(|live| live.spec = text.into())
        };
        assert_eq!(with(r#"{"address":"b"}"#, r#"{"address":"c"}"#), ["endpoints/b", "endpoints/c"]);
        assert_eq!(with(r#"{"address":"b"}"#, r#"{"address":"a"}"#), ["endpoints/a'", "endpoints/b"]);
        assert_eq!(
            with(r#""localityLbSetting":{}"#, r#""localityLbSetting":{"a":1}"#),
            ["trafficPolicy/localityLbSetting"]
        );
        assert_eq!(with(r#""simple":"X""#, r#""simple":"Y""#), ["trafficPolicy/loadBalancer"]);
        // What somebody else made of it is read as far as it can be.
        assert_eq!(with(r#"[{"address":"a"},{"address":"b"}]"#, "1"), ["endpoints", "endpoints/a", "endpoints/b"]);
        assert_eq!(fields(|live| live.spec = "".into()).len(), 5);
    }
}
