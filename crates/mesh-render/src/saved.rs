//! Saved plans: read back, and compared with a new one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mesh_model::name::Namespace;
use mesh_plan::scope::Scope;
use serde_json::Value;
use thiserror::Error;

use crate::document::{API_VERSION, digest};
use crate::escape;

/// A saved plan, as far as it is compared.
#[derive(Debug, Clone)]
pub struct SavedPlan {
    /// What it was asked about.
    pub scope: Scope,
    digest: String,
    steps: Value,
}

/// Why a text is no saved plan.
#[derive(Debug, Error)]
pub enum SavedPlanError {
    /// Neither JSON nor YAML.
    #[error("it is neither JSON nor YAML: {0}")]
    Malformed(String),
    /// Another document.
    #[error("it is not a document of kind Plan and version {API_VERSION}")]
    NotAPlan,
    /// Its steps were changed after it was saved.
    #[error("its digest does not fit its steps: it was changed after it was saved")]
    Tampered,
}

impl SavedPlan {
    /// Reads what `plan -o json` or `-o yaml` printed.
    pub fn parse(text: &str) -> Result<Self, SavedPlanError> {
        let mut document: Value = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| SavedPlanError::Malformed(error.to_string()))?
        } else {
            serde_saphyr::from_str(text).map_err(|error| SavedPlanError::Malformed(error.to_string()))?
        };
        if document["apiVersion"] != API_VERSION || document["kind"] != "Plan" {
            return Err(SavedPlanError::NotAPlan);
        }
        let steps = document["steps"].take();
        let saved = document["digest"].as_str().unwrap_or_default().to_owned();
        if !steps.is_array() || digest(&steps) != saved {
            return Err(SavedPlanError::Tampered);
        }
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_owned())).collect()
        };
        let scope = &document["scope"];
        let scope = Scope {
            names: texts(&scope["names"]),
            namespace: scope["namespace"].as_str().and_then(|text| Namespace::parse(text).ok()),
            clusters: texts(&scope["clusters"]),
        };
        Ok(Self { scope, digest: saved, steps })
    }

    /// Whether `new`, a document of [`crate::document::plan`], has the same steps, holds included.
    pub fn is_equal_to(&self, new: &Value) -> bool {
        new["digest"] == *self.digest
    }

    /// What is different in `new`: a line for each step that went (`-`), came (`+`) or changed (`~`).
    pub fn difference(&self, new: &Value) -> String {
        let (old, new) = (by_object(&self.steps), by_object(&new["steps"]));
        let mut lines = BTreeMap::new();
        for (step, content) in &old {
            match new.get(step) {
                None => lines.insert(step, '-'),
                Some(other) if other != content => lines.insert(step, '~'),
                Some(_) => None,
            };
        }
        lines.extend(new.keys().filter(|step| !old.contains_key(*step)).map(|step| (step, '+')));
        lines.iter().fold(String::new(), |mut text, (step, sign)| {
            let _ = writeln!(text, "{sign} {}", escape::line(step));
            text
        })
    }
}

/// Steps by `cluster: action Kind namespace/name`.
fn by_object(steps: &Value) -> BTreeMap<String, Vec<&Value>> {
    let mut by_object: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for step in steps.as_array().into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let object = &step["object"];
        let name = format!("{}/{}", text(&object["namespace"]), text(&object["name"]));
        let line = format!("{}: {} {} {name}", text(&step["cluster"]), text(&step["action"]), text(&object["kind"]));
        by_object.entry(line).or_default().push(step);
    }
    by_object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::{headed, to_json, to_yaml};

    fn document(steps: &Value) -> Value {
        let scope = json!({"names": ["checkout"], "namespace": "shop", "clusters": []});
        headed("Plan", json!({"steps": steps, "digest": digest(steps), "scope": scope}))
    }

    fn step(cluster: &str, action: &str, becomes: u8) -> Value {
        let object = json!({"kind": "ServiceEntry", "namespace": "mesh-sync", "name": "a-se"});
        json!({"cluster": cluster, "action": action, "object": object, "becomes": becomes})
    }

    #[test]
    fn a_plan_survives_being_saved_as_json_and_as_yaml() {
        let document = document(&json!([step("c1", "create", 1)]));
        for text in [to_json(&document), to_yaml(&document)] {
            let saved = SavedPlan::parse(&text).unwrap();
            assert!(saved.is_equal_to(&document));
            assert_eq!(saved.scope.names, ["checkout"]);
            assert_eq!(saved.scope.namespace.as_deref(), Some("shop"));
        }
    }

    #[test]
    fn what_is_no_plan_or_was_changed_is_an_error() {
        let mut changed = document(&json!([step("c1", "create", 1)]));
        changed["steps"][0]["cluster"] = json!("c2");
        for (text, want) in [
            ("{", "neither JSON nor YAML"),
            ("{}", "not a document of kind Plan"),
            ("[]", "not a document of kind Plan"),
            (&*to_json(&changed), "digest does not fit"),
        ] {
            let error = SavedPlan::parse(text).unwrap_err().to_string();
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    #[test]
    fn the_difference_names_each_step() {
        let saved = document(&json!([step("c1", "create", 1), step("c2", "create", 1), step("c3", "hold", 1)]));
        let saved = SavedPlan::parse(&to_json(&saved)).unwrap();
        let new = document(&json!([step("c1", "create", 1), step("c2", "create", 2), step("c4", "delete", 1)]));
        assert!(!saved.is_equal_to(&new));
        assert_eq!(
            saved.difference(&new),
            "~ c2: create ServiceEntry mesh-sync/a-se\n\
             - c3: hold ServiceEntry mesh-sync/a-se\n\
             + c4: delete ServiceEntry mesh-sync/a-se\n"
        );
    }
}
