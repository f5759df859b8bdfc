//! Objects as watches bring them: only what is used, and nothing that one of them could keep all others from being read by.
//! A list with one object that does not read would be no list; so specs are kept as text, and read one by one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use kube::api::{ApiResource, ObjectMeta};
use kube::core::DynamicResourceScope;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Labels or annotations.
pub(crate) type Pairs = BTreeMap<String, String>;

/// An object of any kind.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct WatchedObject {
    #[serde(deserialize_with = "slim")]
    pub(crate) metadata: ObjectMeta,
    #[serde(default)]
    spec: Option<Box<RawValue>>,
}

impl WatchedObject {
    /// Its spec; none where it has none that reads, which is said.
    pub(crate) fn spec<S: DeserializeOwned>(&self) -> Option<S> {
        let text = self.spec.as_ref()?.get();
        // serde takes a list for a struct as well.
        let read = if text.starts_with('{') {
            serde_json::from_str(text).map_err(|error| error.to_string())
        } else {
            Err("is no map".to_owned())
        };
        read.inspect_err(|problem| {
            let (name, namespace) = (&self.metadata.name, &self.metadata.namespace);
            tracing::warn!(?name, ?namespace, problem, "an object does not read: it counts for nothing");
        })
        .ok()
    }
}

/// What is used of metadata. Managed fields, which are as deep as the object, are not.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SlimMetadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    creation_timestamp: Option<Time>,
    labels: Option<Pairs>,
    annotations: Option<Pairs>,
}

fn slim<'de, D: Deserializer<'de>>(from: D) -> Result<ObjectMeta, D::Error> {
    let SlimMetadata { name, namespace, uid, resource_version, creation_timestamp, labels, annotations } =
        SlimMetadata::deserialize(from)?;
    Ok(ObjectMeta {
        name,
        namespace,
        uid,
        resource_version,
        creation_timestamp,
        labels,
        annotations,
        ..ObjectMeta::default()
    })
}

impl Resource for WatchedObject {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(of: &ApiResource) -> Cow<'_, str> {
        of.kind.as_str().into()
    }

    fn group(of: &ApiResource) -> Cow<'_, str> {
        of.group.as_str().into()
    }

    fn version(of: &ApiResource) -> Cow<'_, str> {
        of.version.as_str().into()
    }

    fn plural(of: &ApiResource) -> Cow<'_, str> {
        of.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_list_is_read_whatever_one_of_its_objects_is() {
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let object = |spec: &str| {
            format!("{{\"kind\":\"Rollout\",\"metadata\":{{\"name\":\"a\",\"managedFields\":{deep}}},\"spec\":{spec}}}")
        };
        let items = [object(&deep), object("7"), object("null"), object("{\"a\":1}")].join(",");
        let objects: Vec<WatchedObject> = serde_json::from_str(&format!("[{items},{{\"metadata\":{{}}}}]")).unwrap();
        let specs: Vec<Option<Value>> = objects.iter().map(WatchedObject::spec).collect();
        assert_eq!(specs, [None, None, None, Some(json!({"a": 1})), None]);
        assert_eq!(objects[0].metadata.name.as_deref(), Some("a"));
    }
}
