//! One stored object: its text as it is sent, and the few facts that a server looks at.

use std::collections::BTreeMap;

use hyper::body::Bytes;
use serde_json::Value;

use super::resource::Resource;

/// A stored object, at one version. Its text lacks `apiVersion` and `kind`: those depend on the path that is asked, and
/// lists of built-in kinds do not have them.
#[derive(Debug)]
pub(crate) struct Object {
    pub name: String,
    pub namespace: String,
    pub labels: BTreeMap<String, String>,
    tail: Bytes,
}

impl Object {
    /// A whole object, as the store keeps it.
    pub(crate) fn of(value: &Value) -> Self {
        let metadata = &value["metadata"];
        let text = |key: &str| metadata[key].as_str().unwrap_or_default().to_owned();
        let labels = metadata["labels"].as_object().into_iter().flatten();
        let mut tail = value.as_object().expect("an object").clone();
        tail.remove("apiVersion");
        tail.remove("kind");
        Self {
            name: text("name"),
            namespace: text("namespace"),
            labels: labels.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect(),
            tail: Value::Object(tail).to_string().into(),
        }
    }

    /// The object as a request for it is answered.
    pub(crate) fn text(&self, resource: &Resource, version: &str) -> Vec<u8> {
        let api_version = resource.api_version(version);
        let head = if resource.custom {
            format!("{{\"apiVersion\":\"{api_version}\",\"kind\":\"{}\",", resource.kind)
        } else {
            format!("{{\"kind\":\"{}\",\"apiVersion\":\"{api_version}\",", resource.kind)
        };
        let mut text = head.into_bytes();
        text.extend_from_slice(&self.tail[1..]);
        text
    }

    /// The object as an item of a list.
    pub(crate) fn item(&self, resource: &Resource, version: &str, out: &mut Vec<u8>) {
        if resource.custom {
            out.extend_from_slice(&self.text(resource, version));
        } else {
            out.extend_from_slice(&self.tail);
        }
    }

    /// The object as a value, whole.
    pub(crate) fn value(&self, resource: &Resource, version: &str) -> Value {
        serde_json::from_slice(&self.text(resource, version)).expect("the store keeps JSON")
    }

    /// Where it lies: `namespace/name`, or the name. Lists are sorted by it, as etcd's keys are.
    pub(crate) fn key(&self) -> String {
        key(&self.namespace, &self.name)
    }
}

/// Where an object of this name lies in its collection.
pub(crate) fn key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}
