//! Generated objects as manifests: as they were read, as they are created, as an update leaves them.
//!
//! One place, so that what `diff` and `render` show is what `sync` writes.

use std::sync::Arc;

use mesh_model::kind::Kind;
use mesh_model::owned::{
    ASSOCIATED_GTP, CREATED_BY, DIGEST, DNS_PREFIX, EX_SOURCE, FROM, IDENTITY_LABEL, MANAGED_BY, ObjectKey,
    OwnedObject, Pairs,
};
use serde_json::{Map, Value, json};

use crate::desired::Body;
use crate::plan::{Action, Step};

/// Labels that only we set: one that is not wanted any more goes, unlike those of others.
pub const OUR_LABELS: [&str; 2] = [MANAGED_BY, IDENTITY_LABEL];
/// Annotations that only we set, as [`OUR_LABELS`]. The keys of identity and env are the policy's, and always wanted.
pub const OUR_ANNOTATIONS: [&str; 6] = [CREATED_BY, FROM, EX_SOURCE, DNS_PREFIX, ASSOCIATED_GTP, DIGEST];

/// The group and version in which objects of a kind are written.
pub fn api_version(kind: Kind) -> &'static str {
    if kind.is_of_claims() { mesh_model::claim::API_VERSION } else { mesh_istio::API_VERSION }
}

/// The manifest of an object that is created. Maps are sorted: equal objects are equal texts.
pub fn created(body: &Body) -> Value {
    let annotations = with_origins(&body.annotations, body.from_text.as_ref());
    manifest(&body.key, &body.labels, &annotations, &body.spec)
}

/// The manifest of a live object, as far as it was read.
pub fn live(key: &ObjectKey, object: &OwnedObject) -> Value {
    manifest(key, &object.labels, &with_origins(&object.annotations, object.from_text.as_ref()), &object.spec)
}

/// The manifest that an update leaves: `spec` whole, our marks, and the labels and annotations of others.
pub fn updated(base: &OwnedObject, body: &Body) -> Value {
    let labels = merge(&base.labels, &OUR_LABELS, &body.labels);
    let annotations = merge(&base.annotations, &OUR_ANNOTATIONS, &body.annotations);
    manifest(&body.key, &labels, &with_origins(&annotations, body.from_text.as_ref()), &body.spec)
}

/// The manifests before and after a step. Holds have neither.
pub fn around(step: &Step) -> (Option<Value>, Option<Value>) {
    match &step.action {
        Action::Create { body } => (None, Some(created(body))),
        Action::Update { base, body } => (Some(live(&step.key, base)), Some(updated(base, body))),
        Action::Delete { base } => (Some(live(&step.key, base)), None),
        Action::Hold { .. } => (None, None),
    }
}

fn with_origins(annotations: &Pairs, from_text: Option<&Arc<str>>) -> Pairs {
    let mut annotations = annotations.clone();
    annotations.extend(from_text.map(|text| (FROM.into(), Arc::clone(text))));
    annotations
}

fn merge(live: &Pairs, ours: &[&str], wanted: &Pairs) -> Pairs {
    let mut merged: Pairs = live
        .iter()
        .filter(|(key, _)| !ours.contains(&&***key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    merged.extend(wanted.iter().map(|(key, value)| (key.clone(), value.clone())));
    merged
}

fn manifest(key: &ObjectKey, labels: &Pairs, annotations: &Pairs, spec: &str) -> Value {
    let mut metadata = Map::new();
    metadata.insert("name".into(), json!(&*key.name));
    if !key.namespace.is_none() {
        metadata.insert("namespace".into(), json!(&*key.namespace));
    }
    for (field, pairs) in [("labels", labels), ("annotations", annotations)] {
        if !pairs.is_empty() {
            metadata.insert(field.into(), pairs.iter().map(|(k, v)| (k.to_string(), json!(&**v))).collect());
        }
    }
    let spec: Value = serde_json::from_str(spec).expect("spec is canonical JSON");
    json!({"apiVersion": api_version(key.kind), "kind": key.kind.as_str(), "metadata": metadata, "spec": spec})
}

#[cfg(test)]
mod tests {
    use mesh_model::kind::Kind;
    use mesh_model::name::Namespace;
    use mesh_model::origin::Origins;
    use mesh_model::owned::{Mark, OUR_MARK};

    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Pairs {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn an_update_keeps_what_others_wrote_and_drops_what_we_wrote_and_do_not_want() {
        let key = ObjectKey {
            kind: Kind::ServiceEntry,
            namespace: Namespace::parse("mesh-sync").unwrap(),
            name: "stage.a.global-se".into(),
        };
        let base = OwnedObject {
            created: None,
            uid: None,
            version: "1".into(),
            mark: Mark::Admiral,
            spec: r#"{"hosts":["old"]}"#.into(),
            labels: pairs(&[("team", "red"), (IDENTITY_LABEL, "old")]).into(),
            annotations: pairs(&[(CREATED_BY, "admiral"), (EX_SOURCE, "2026-01-01T00:00:00Z"), ("note", "x")]).into(),
            origins: Arc::default(),
            from_text: Some("{}".into()),
            changed_by: None,
        };
        let body = Body {
            key,
            labels: pairs(&[(MANAGED_BY, OUR_MARK)]).into(),
            annotations: pairs(&[(CREATED_BY, OUR_MARK)]).into(),
            spec: r#"{"hosts":["new"]}"#.into(),
            origins: Arc::new(Origins::default()),
            from_text: None,
        };
        let after = updated(&base, &body);
        assert_eq!(after["metadata"]["labels"], json!({"team": "red", MANAGED_BY: OUR_MARK}));
        assert_eq!(after["metadata"]["annotations"], json!({"note": "x", CREATED_BY: OUR_MARK}));
        assert_eq!(after["spec"], json!({"hosts": ["new"]}));
        let before = live(&body.key, &base);
        assert_eq!(before["metadata"]["annotations"][FROM], json!("{}"));
        assert_eq!(before["spec"], json!({"hosts": ["old"]}));
    }
}
