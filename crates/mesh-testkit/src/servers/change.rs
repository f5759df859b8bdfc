//! Changes that somebody makes to single objects of a cluster, and that can be taken back.

use std::{slice, thread};

use serde_json::Value;

use super::api_server::ApiServer;
use super::load::stripped;
use super::resources::Resources;

/// A change of one object. When it is dropped, the object is again what it was before.
#[must_use]
pub struct Change<'s> {
    server: &'s ApiServer,
    path: String,
    /// None if it was not there.
    before: Option<Value>,
}

impl ApiServer {
    /// Creates an object of a kind that is served, and its namespace, which stays.
    ///
    /// # Panics
    /// If the server does not take it.
    pub fn add(&self, object: &Value) -> Change<'_> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let resource = Resources::new(self).of(&version, &kind).unwrap_or_else(|| panic!("{kind} is not served"));
        let collection = resource.collection(object["metadata"]["namespace"].as_str());
        self.create_mentioned(&[], slice::from_ref(object));
        let (code, answer) = self.create(&format!("{collection}?fieldValidation=Strict"), object);
        assert_eq!(code, 201, "{}: {answer}", self.name());
        Change { server: self, path: format!("{collection}/{}", text(&object["metadata"]["name"])), before: None }
    }

    /// Changes an object that is there.
    ///
    /// # Panics
    /// If it is not, or the server does not take the change.
    pub fn edit(&self, path: &str, change: impl FnOnce(&mut Value)) -> Change<'_> {
        let before = self.found(path);
        let mut after = before.clone();
        change(&mut after);
        let (code, answer) = self.replace(path, &after);
        assert_eq!(code, 200, "{}: {answer}", self.name());
        Change { server: self, path: path.to_owned(), before: Some(before) }
    }

    /// Deletes an object that is there.
    ///
    /// # Panics
    /// If it is not.
    pub fn take(&self, path: &str) -> Change<'_> {
        let before = self.found(path);
        let (code, answer) = self.delete(path);
        assert_eq!(code, 200, "{}: {answer}", self.name());
        Change { server: self, path: path.to_owned(), before: Some(before) }
    }

    fn found(&self, path: &str) -> Value {
        let (code, object) = self.get(path);
        assert_eq!(code, 200, "{}: {path}: {object}", self.name());
        object
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        let (code, now) = self.server.get(&self.path);
        let (code, answer) = match (&self.before, code) {
            (None, 404) => return,
            (None, _) => self.server.delete(&self.path),
            (Some(before), 404) => {
                let (collection, _) = self.path.rsplit_once('/').expect("paths have parts");
                self.server.create(collection, &stripped(before))
            }
            (Some(before), _) => {
                let mut again = before.clone();
                again["metadata"]["resourceVersion"] = now["metadata"]["resourceVersion"].clone();
                self.server.replace(&self.path, &again)
            }
        };
        // A test that has failed already must say why.
        assert!(matches!(code, 200 | 201) || thread::panicking(), "{}: {answer}", self.path);
    }
}
