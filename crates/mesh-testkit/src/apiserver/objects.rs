//! Objects for clusters to start with, made once and shared by as many as like.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::object::Object;
use super::resource::Resource;
use super::store::Collection;
use super::{clock, random};

/// A set of objects that clusters start with. Cloning is cheap: clusters share what none of them has changed, with its
/// pages, which are rendered and compressed once.
#[derive(Debug, Clone)]
pub struct Objects {
    pub(crate) collections: BTreeMap<&'static Resource, Arc<Collection>>,
    pub(crate) revision: u64,
}

/// What every cluster has.
const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

impl Default for Objects {
    fn default() -> Self {
        let mut objects = Self { collections: BTreeMap::new(), revision: 1 };
        for name in NAMESPACES {
            objects.namespace(name);
        }
        objects
    }
}

impl Objects {
    /// Manifests as a cluster would hold them: with a uid, a version, a time of creation, a generation, where they do
    /// not say them; their `status` is kept. Namespaces that they lie in are made. Kinds that no cluster here serves are
    /// left out.
    pub fn of(manifests: impl IntoIterator<Item = Value>) -> Self {
        let mut objects = Self::default();
        for manifest in manifests {
            objects.add(manifest);
        }
        objects
    }

    /// One more, or another one in the place of one of that name.
    pub fn add(&mut self, mut manifest: Value) {
        let text = |key: &str| manifest[key].as_str().unwrap_or_default();
        let Some(resource) = Resource::of(text("apiVersion"), text("kind")) else { return };
        if resource.namespaced {
            let namespace = manifest["metadata"]["namespace"].as_str().unwrap_or("default").to_owned();
            self.namespace(&namespace);
            manifest["metadata"]["namespace"] = namespace.into();
        }
        self.revision += 1;
        complete(resource, &mut manifest);
        manifest["metadata"]["resourceVersion"] = self.revision.to_string().into();
        let object = Object::of(&manifest);
        let collection = Arc::make_mut(self.collections.entry(resource).or_default());
        collection.revision = self.revision;
        collection.objects.insert(object.key(), Arc::new(object));
    }

    fn namespace(&mut self, name: &str) {
        let resource = Resource::of("v1", "Namespace").expect("the table has namespaces");
        if !self.collections.get(resource).is_some_and(|namespaces| namespaces.objects.contains_key(name)) {
            let labels = json!({"kubernetes.io/metadata.name": name});
            self.add(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}));
        }
    }
}

/// Fills in what a server would.
pub(crate) fn complete(resource: &Resource, manifest: &mut Value) {
    let metadata = &mut manifest["metadata"];
    let missing = |metadata: &Value, key: &str| metadata.get(key).is_none_or(Value::is_null);
    if missing(metadata, "uid") {
        metadata["uid"] = random::uid().into();
    }
    if missing(metadata, "creationTimestamp") {
        metadata["creationTimestamp"] = clock::now().into();
    }
    if resource.generation && missing(metadata, "generation") {
        metadata["generation"] = 1.into();
    }
    if resource.kind == "Namespace" {
        let name = metadata["name"].clone();
        metadata["labels"]["kubernetes.io/metadata.name"] = name;
        if missing(manifest, "spec") {
            manifest["spec"] = json!({"finalizers": ["kubernetes"]});
        }
        if missing(manifest, "status") {
            manifest["status"] = json!({"phase": "Active"});
        }
    }
}
