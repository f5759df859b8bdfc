//! Manifests of a folder, created in a cluster.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::api_server::ApiServer;
use super::resources::Resources;

/// What became of the objects of a folder.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Loaded {
    /// How many are there now.
    pub created: usize,
    /// Which the server did not take, with its reasons.
    pub refused: Vec<String>,
}

impl ApiServer {
    /// Creates every object of a folder of manifests, such as a cluster's folder in a directory fleet: namespaces first, also
    /// those that are only mentioned, then the others in the order of their files. A status goes where the kind has it. What
    /// a server decides by itself (UID, version, age, the address of a Service) is left to it; anything else that it does
    /// not know is refused.
    pub fn load(&self, folder: &Path) -> Loaded {
        let mut loaded = Loaded::default();
        let mut resources = Resources::new(self);
        let (namespaces, others): (Vec<Value>, Vec<Value>) =
            objects(folder).into_iter().partition(|object| object["kind"] == "Namespace");
        self.create_mentioned(&namespaces, &others);
        for object in namespaces.iter().chain(&others) {
            match self.load_object(&mut resources, object) {
                Ok(()) => loaded.created += 1,
                Err(problem) => loaded.refused.push(format!("{}: {}: {problem}", self.name(), shown(object))),
            }
        }
        loaded
    }

    /// Creates the namespaces that have objects and no manifest. They are not counted: nobody wrote them.
    pub(super) fn create_mentioned(&self, namespaces: &[Value], others: &[Value]) {
        let written: BTreeSet<&str> = namespaces.iter().map(|object| text(&object["metadata"], "name")).collect();
        let mentioned: BTreeSet<&str> =
            others.iter().filter_map(|object| object["metadata"]["namespace"].as_str()).collect();
        for name in mentioned.difference(&written) {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            let (status, answer) = self.create("/api/v1/namespaces", &namespace);
            assert!(status == 201 || status == 409, "{}: namespace {name}: {answer}", self.name());
        }
    }

    fn load_object(&self, resources: &mut Resources<'_>, object: &Value) -> Result<(), String> {
        let (api_version, kind) = (text(object, "apiVersion"), text(object, "kind"));
        let resource = resources.of(api_version, kind).ok_or("the kind is not served")?;
        let mut stripped = stripped(object);
        let status = stripped.as_object_mut().filter(|_| resource.has_status).and_then(|o| o.remove("status"));
        let collection = resource.collection(object["metadata"]["namespace"].as_str());
        let path = format!("{collection}/{}", text(&object["metadata"], "name"));
        let mut created = match self.create(&format!("{collection}?fieldValidation=Strict"), &stripped) {
            // Every cluster has some by itself; a manifest may still say more of them.
            (409, _) if kind == "Namespace" => accepted(self.patch(&path, &json!({"metadata": stripped["metadata"]})))?,
            answer => accepted(answer)?,
        };
        if let Some(status) = status {
            created["status"] = status;
            accepted(self.replace(&format!("{path}/status?fieldValidation=Strict"), &created))?;
        }
        Ok(())
    }
}

/// What the server answered, if it did what it was asked.
fn accepted((status, answer): (u16, Value)) -> Result<Value, String> {
    if (200..300).contains(&status) { Ok(answer) } else { Err(format!("{status}: {}", text(&answer, "message"))) }
}

/// The object without what a server decides by itself.
pub(super) fn stripped(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"] {
            metadata.remove(field);
        }
    }
    if object["kind"] == "Service"
        && let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut)
        && spec.get("clusterIP").is_some_and(|address| address != "None")
    {
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
    object
}

/// Every object in the files below the folder, in their order.
fn objects(folder: &Path) -> Vec<Value> {
    let mut objects = Vec::new();
    for file in files(folder) {
        let manifest = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let documents: Vec<Value> =
            serde_saphyr::from_multiple(&manifest).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for document in documents {
            match document["items"].as_array() {
                Some(items) if text(&document, "kind").ends_with("List") => objects.extend(items.iter().cloned()),
                _ if document.is_null() => {}
                _ => objects.push(document),
            }
        }
    }
    objects
}

/// The manifest files below the folder, hidden ones aside, sorted by their path.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry of a readable folder").path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden {
            files.extend(self::files(&path));
        } else if !hidden
            && path.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known))
        {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn shown(object: &Value) -> String {
    let metadata = &object["metadata"];
    format!("{} {}/{}", text(object, "kind"), text(metadata, "namespace"), text(metadata, "name"))
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}
