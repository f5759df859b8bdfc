//! Rewriting the file of a generated object: what others wrote into it stays.

use serde_json::{Map, Value};

use super::walk::FoundFile;
use crate::decode::{FileDocument, Whole, json_documents, yaml_documents};
use crate::emit;

/// A file with one generated object, about to be rewritten.
pub(super) struct Rewrite {
    whole: Map<String, Value>,
    is_json: bool,
}

impl Rewrite {
    /// The file as it is.
    pub(super) fn of(found: &FoundFile, text: &str) -> Result<Self, String> {
        let document = sole_document(found, text)?;
        match document.source.read::<Whole>() {
            Ok(Whole(Value::Object(whole))) => Ok(Self { whole, is_json: is_json(found) }),
            Ok(_) => Err(format!("{} does not hold an object", found.shown)),
            Err(error) => Err(format!("{} cannot be read: {}", found.shown, error.problem)),
        }
    }

    /// Its text with the object as `manifest` says. Fields that a manifest of ours does not have stay.
    pub(super) fn with(mut self, manifest: &Value) -> String {
        for field in ["apiVersion", "kind", "spec"] {
            self.whole.insert(field.to_owned(), manifest[field].clone());
        }
        let metadata = self.whole.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(metadata) = metadata {
            for field in ["labels", "annotations"] {
                match manifest["metadata"].get(field) {
                    Some(pairs) => metadata.insert(field.to_owned(), pairs.clone()),
                    None => metadata.remove(field),
                };
            }
        }
        let whole = Value::Object(self.whole);
        if self.is_json { emit::json(&whole) } else { emit::yaml(&whole) }
    }
}

/// The only document of the file, if it has only one and that is one object.
pub(super) fn sole_document<'t>(found: &FoundFile, text: &'t str) -> Result<FileDocument<'t>, String> {
    let documents = if is_json(found) { json_documents(text).0 } else { yaml_documents(text) };
    let [document] = documents.as_slice() else { return Err(shared(found)) };
    match document.source.head() {
        Ok(head) if head.kind.as_deref().is_some_and(|kind| !kind.ends_with("List")) => Ok(*document),
        Ok(_) => Err(shared(found)),
        Err(error) => Err(format!("{} cannot be read: {}", found.shown, error.problem)),
    }
}

/// Whether a file is read as JSON.
pub(super) fn is_json(found: &FoundFile) -> bool {
    found.shown.rsplit('.').next().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

fn shared(found: &FoundFile) -> String {
    format!("shares {} with other objects; move it into a file of its own", found.shown)
}
