//! A case as a directory fleet: its cluster folders in a temporary folder, changed step by step.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::case::{Case, Step, documents, file_name, files, folders};

/// A directory fleet that may be changed.
pub(super) struct Folder {
    dir: TempDir,
}

impl Folder {
    /// The cluster folders of `case` as they are, and a `kube-system` in each: a cluster folder must not be empty.
    pub(super) fn of(case: &Case) -> Self {
        let folder = Self { dir: TempDir::new().unwrap() };
        for cluster in &case.clusters {
            let target = folder.cluster(cluster);
            fs::create_dir_all(&target).unwrap();
            for file in files(&case.dir.join(cluster)) {
                fs::copy(&file, target.join(file_name(&file))).unwrap();
            }
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}});
            write(&target.join("namespace-kube-system.yaml"), &[namespace]);
        }
        folder
    }

    /// The fleet's path.
    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Makes the changes of `step`: deletions, then objects that are new or replace their namesakes.
    pub(super) fn change(&self, step: &Step) {
        for changes in step.changes.iter().flat_map(|changes| folders(changes)) {
            let cluster = self.cluster(&file_name(&changes));
            for object in documents_if_any(&changes.join("delete.yaml")) {
                remove(&cluster, &object);
            }
            for mut object in documents_if_any(&changes.join("apply.yaml")) {
                let (file, old) = remove(&cluster, &object).unwrap_or_else(|| {
                    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
                    (cluster.join(format!("step{}-{}-{name}.yaml", step.number, kind(&object))), Value::Null)
                });
                // An API server keeps the age of an object, and a status that the new manifest does not speak of.
                for kept in ["/metadata/creationTimestamp", "/status"] {
                    let (Some(value), None) = (old.pointer(kept), object.pointer(kept)) else { continue };
                    match kept {
                        "/status" => object["status"] = value.clone(),
                        _ => object["metadata"]["creationTimestamp"] = value.clone(),
                    }
                }
                let mut all = documents_if_any(&file);
                all.push(object);
                write(&file, &all);
            }
        }
    }

    /// Replaces Admiral's address store of the hub by the one of `objects`, if they have one.
    pub(super) fn set_store(&self, objects: &[Value]) {
        let hub = self.cluster("hub");
        for store in objects.iter().filter(|object| object["kind"] == "ConfigMap") {
            remove(&hub, store);
            write(&hub.join("store.yaml"), std::slice::from_ref(store));
        }
    }

    /// The ServiceEntries and DestinationRules of `namespace` in `cluster`, read from the files.
    pub(super) fn objects(&self, cluster: &str, namespace: &str) -> Vec<Value> {
        manifests(&self.cluster(cluster))
            .iter()
            .flat_map(|file| documents(file))
            .filter(|object| object["metadata"]["namespace"] == namespace && is_compared(object))
            .collect()
    }

    fn cluster(&self, cluster: &str) -> PathBuf {
        self.dir.path().join(cluster)
    }
}

/// Whether an object is of a kind that is compared; EnvoyFilters, Sidecars and VirtualServices wait for their features.
pub(super) fn is_compared(object: &Value) -> bool {
    object["kind"] == "ServiceEntry" || object["kind"] == "DestinationRule"
}

/// Takes the namesake of `object` out of its file and gives both.
fn remove(cluster: &Path, object: &Value) -> Option<(PathBuf, Value)> {
    for file in manifests(cluster) {
        let (found, rest): (Vec<Value>, Vec<Value>) =
            documents(&file).into_iter().partition(|candidate| is_namesake(candidate, object));
        let Some(found) = found.into_iter().next() else { continue };
        write(&file, &rest);
        return Some((file, found));
    }
    None
}

fn is_namesake(a: &Value, b: &Value) -> bool {
    let group = |object: &Value| {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        version.split_once('/').map_or(String::new(), |(group, _)| group.to_owned())
    };
    let meta = |object: &Value, key: &str| object["metadata"][key].as_str().map(str::to_owned);
    kind(a) == kind(b)
        && group(a) == group(b)
        && meta(a, "name") == meta(b, "name")
        && meta(a, "namespace") == meta(b, "namespace")
}

fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap_or_default()
}

/// Every manifest below `dir`.
fn manifests(dir: &Path) -> Vec<PathBuf> {
    let below = folders(dir).into_iter().flat_map(|folder| manifests(&folder));
    files(dir).into_iter().filter(|file| file.extension().is_some_and(|ext| ext == "yaml")).chain(below).collect()
}

fn documents_if_any(file: &Path) -> Vec<Value> {
    if file.is_file() { documents(file) } else { Vec::new() }
}

/// Writes documents as JSON, which is YAML; no document is no file.
fn write(file: &Path, objects: &[Value]) {
    if objects.is_empty() {
        fs::remove_file(file).unwrap();
        return;
    }
    let text: Vec<String> = objects.iter().map(|object| serde_json::to_string_pretty(object).unwrap()).collect();
    fs::write(file, text.join("\n---\n")).unwrap();
}
