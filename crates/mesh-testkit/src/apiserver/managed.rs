//! Managed fields: who wrote which field last. Lists count as one field, which the real server splits by their keys.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::clock;

/// The way to a field, from the top of the object.
pub(crate) type Path = Vec<String>;

/// Who writes, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manager<'a> {
    pub name: &'a str,
    pub api_version: &'a str,
    /// `Apply` or `Update`.
    pub operation: &'static str,
}

/// Every field of an object that somebody can own.
pub(crate) fn leaves(object: &Value) -> BTreeSet<Path> {
    let mut found = BTreeSet::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        match key.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => {
                for part in ["annotations", "labels"] {
                    if let Some(map) = value.get(part) {
                        walk(map, &mut vec![key.clone(), part.into()], &mut found);
                    }
                }
            }
            _ => walk(value, &mut vec![key.clone()], &mut found),
        }
    }
    found
}

fn walk(value: &Value, path: &mut Path, found: &mut BTreeSet<Path>) {
    match value.as_object() {
        Some(map) if !map.is_empty() => {
            for (key, value) in map {
                path.push(key.clone());
                walk(value, path, found);
                path.pop();
            }
        }
        _ => {
            found.insert(path.clone());
        }
    }
}

/// The value of a field, if it is there.
pub(crate) fn at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, key| value.get(key))
}

/// Writes a field, and the maps on the way to it.
pub(crate) fn set(object: &mut Value, path: &[String], value: Value) {
    let mut place = object;
    for key in path {
        if !place.is_object() {
            *place = json!({});
        }
        place = place.as_object_mut().expect("made one above").entry(key.clone()).or_insert(Value::Null);
    }
    *place = value;
}

/// Takes a field away, with the maps that it leaves empty.
pub(crate) fn unset(object: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some(map) = object.as_object_mut() else { return };
    let empty = match map.get_mut(first) {
        Some(inner) if !rest.is_empty() => {
            unset(inner, rest);
            inner.as_object().is_some_and(Map::is_empty)
        }
        _ => true,
    };
    if empty {
        map.remove(first);
    }
}

/// One entry of `metadata.managedFields`.
pub(crate) struct Entry {
    pub value: Value,
    pub fields: BTreeSet<Path>,
}

impl Entry {
    pub(crate) fn is(&self, manager: Manager<'_>) -> bool {
        self.value["manager"] == manager.name && self.value["operation"] == manager.operation
    }

    /// As error texts name it.
    pub(crate) fn shown(&self) -> String {
        let text = |key: &str| self.value[key].as_str().unwrap_or_default();
        if text("operation") == "Update" {
            format!("{:?} using {} at {}", text("manager"), text("apiVersion"), text("time"))
        } else {
            format!("{:?}", text("manager"))
        }
    }
}

/// The entries of an object.
pub(crate) fn entries(object: &Value) -> Vec<Entry> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries
        .map(|value| {
            let mut fields = BTreeSet::new();
            owned(&value["fieldsV1"], &mut Vec::new(), &mut fields);
            Entry { value: value.clone(), fields }
        })
        .collect()
}

fn owned(fields: &Value, path: &mut Path, found: &mut BTreeSet<Path>) {
    let inner =
        fields.as_object().into_iter().flatten().filter_map(|(key, value)| Some((key.strip_prefix("f:")?, value)));
    let mut leaf = true;
    for (key, value) in inner {
        leaf = false;
        path.push(key.to_owned());
        owned(value, path, found);
        path.pop();
    }
    if leaf && !path.is_empty() {
        found.insert(path.clone());
    }
}

/// Gives `mine` to the manager, takes `taken` from all others, and forgets fields that are no longer there.
pub(crate) fn write(object: &mut Value, manager: Manager<'_>, mine: &BTreeSet<Path>, taken: &BTreeSet<Path>) {
    let there = leaves(object);
    let mut kept: Vec<Value> = Vec::new();
    for entry in entries(object).into_iter().filter(|entry| !entry.is(manager)) {
        let left: BTreeSet<Path> =
            entry.fields.iter().filter(|path| there.contains(*path) && !taken.contains(*path)).cloned().collect();
        if !left.is_empty() {
            let mut value = entry.value;
            value["fieldsV1"] = fields_v1(&left);
            kept.push(value);
        }
    }
    if !mine.is_empty() {
        kept.push(json!({
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "time": clock::now(),
            "fieldsType": "FieldsV1",
            "fieldsV1": fields_v1(mine),
        }));
    }
    object["metadata"]["managedFields"] = Value::Array(kept);
}

/// What a plain write by the manager changed is its own from now on, with what it had.
pub(crate) fn record_update(old: Option<&Value>, new: &mut Value, manager: Manager<'_>) {
    let there = leaves(new);
    let changed: BTreeSet<Path> =
        there.iter().filter(|path| old.and_then(|old| at(old, path)) != at(new, path)).cloned().collect();
    let mut mine = changed.clone();
    for entry in entries(new).into_iter().filter(|entry| entry.is(manager)) {
        mine.extend(entry.fields.into_iter().filter(|path| there.contains(path)));
    }
    write(new, manager, &mine, &changed);
}

fn fields_v1(fields: &BTreeSet<Path>) -> Value {
    let mut tree = json!({});
    for path in fields {
        let path: Path = path.iter().map(|key| format!("f:{key}")).collect();
        set(&mut tree, &path, json!({}));
    }
    tree
}
