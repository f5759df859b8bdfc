//! Writes: create, replace, patch, apply, delete. Defaults, schemas and finalizers are not: objects stay as they were sent.

use hyper::StatusCode;
use hyper::header;
use serde_json::{Value, json};

use super::call::Call;
use super::managed::{self, Manager};
use super::objects::complete;
use super::resource::Resource;
use super::status::{APPLY, MERGE, Refusal, STRATEGIC};
use super::store::Store;
use super::{clock, random};

/// What a write is answered with.
pub(crate) type Written = Result<(StatusCode, Value), Refusal>;

/// POST.
pub(crate) fn create(store: &mut Store, resource: &'static Resource, call: &Call, body: &[u8]) -> Written {
    if !call.name.is_empty() || resource.namespaced && call.namespace.is_empty() {
        return Err(Refusal::method_not_allowed());
    }
    let mut object = parse(body)?;
    check_kind(resource, call, &mut object)?;
    if let Some(prefix) = object["metadata"]["generateName"].as_str()
        && object["metadata"]["name"].as_str().unwrap_or_default().is_empty()
    {
        object["metadata"]["name"] = format!("{prefix}{}", &random::token()[..5]).into();
    }
    let name = text(&object, "name");
    if name.is_empty() {
        let why = "Required value: name or generateName is required";
        return Err(Refusal::invalid(resource, "", "metadata.name", why));
    }
    if !text(&object, "resourceVersion").is_empty() {
        return Err(Refusal::internal("resourceVersion should not be set on objects to be created"));
    }
    check_namespace(store, resource, call, &mut object)?;
    if store.find(resource, &call.namespace, &name).is_some() {
        return Err(Refusal::already_exists(resource, &name));
    }
    new_object(resource, &mut object);
    managed::record_update(None, &mut object, manager(call, "Update"));
    Ok((StatusCode::CREATED, store_unless_dry(store, resource, call, object)))
}

/// PUT, of the object or of its status.
pub(crate) fn replace(store: &mut Store, resource: &'static Resource, call: &Call, body: &[u8]) -> Written {
    let mut object = parse(body)?;
    check_kind(resource, call, &mut object)?;
    if text(&object, "name") != call.name {
        let message = format!(
            "the name of the object ({}) does not match the name on the URL ({})",
            text(&object, "name"),
            call.name
        );
        return Err(Refusal::bad_request(message));
    }
    let old = current(store, resource, call)?;
    check_namespace(store, resource, call, &mut object)?;
    if text(&object, "resourceVersion").is_empty() && resource.custom {
        let why = "Invalid value: 0: must be specified for an update";
        return Err(Refusal::invalid(resource, &call.name, "metadata.resourceVersion", why));
    }
    check_version(resource, call, &old, &object)?;
    Ok((StatusCode::OK, update(store, resource, call, &old, &object)))
}

/// PATCH: merge patches, and server-side apply.
pub(crate) fn patch(store: &mut Store, resource: &'static Resource, call: &Call, body: &[u8]) -> Written {
    let media = call.header(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    let patch = parse(body)?;
    match media {
        APPLY => apply(store, resource, call, patch),
        // A strategic merge differs in lists alone: those are refused rather than merged wrongly.
        STRATEGIC if resource.custom || has_list(&patch) => Err(Refusal::unsupported_media_type(media)),
        MERGE | STRATEGIC => {
            let old = current(store, resource, call)?;
            check_version(resource, call, &old, &patch)?;
            let mut new = old.clone();
            merge(&mut new, patch);
            Ok((StatusCode::OK, update(store, resource, call, &old, &new)))
        }
        _ => Err(Refusal::unsupported_media_type(media)),
    }
}

/// Server-side apply: the fields that are sent are the manager's, and those that it had and did not send go away.
fn apply(store: &mut Store, resource: &'static Resource, call: &Call, mut applied: Value) -> Written {
    if call.parameter("fieldManager").is_empty() {
        return Err(Refusal::no_manager());
    }
    check_kind(resource, call, &mut applied)?;
    check_namespace(store, resource, call, &mut applied)?;
    if applied["metadata"].get("name").is_none() {
        applied["metadata"]["name"] = call.name.clone().into();
    }
    let manager = manager(call, "Apply");
    let fields = managed::leaves(&applied);
    let Some(old) = store.find(resource, &call.namespace, &call.name) else {
        if !text(&applied, "resourceVersion").is_empty() {
            return Err(Refusal::not_found(resource, &call.name));
        }
        new_object(resource, &mut applied);
        managed::write(&mut applied, manager, &fields, &fields);
        return Ok((StatusCode::CREATED, store_unless_dry(store, resource, call, applied)));
    };
    let old = old.value(resource, &call.version);
    check_version(resource, call, &old, &applied)?;
    let entries = managed::entries(&old);
    let (mine, others): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.is(manager));
    let mut conflicts = Vec::new();
    let mut taken = std::collections::BTreeSet::new();
    for entry in &others {
        for path in entry.fields.intersection(&fields) {
            if managed::at(&old, path) != managed::at(&applied, path) {
                conflicts.push((entry.shown(), format!(".{}", path.join("."))));
                taken.insert(path.clone());
            }
        }
    }
    if !conflicts.is_empty() && call.parameter("force") != "true" {
        return Err(Refusal::apply_conflict(&conflicts));
    }
    let mut new = old.clone();
    for gone in mine.iter().flat_map(|entry| &entry.fields).filter(|path| !fields.contains(*path)) {
        if !others.iter().any(|entry| entry.fields.contains(gone)) {
            managed::unset(&mut new, gone);
        }
    }
    for path in &fields {
        let value = managed::at(&applied, path).expect("a field of its own");
        // An empty map asks for a map, not for nothing in it.
        let is_there = *value == json!({}) && managed::at(&new, path).is_some_and(Value::is_object);
        if !is_there {
            managed::set(&mut new, path, value.clone());
        }
    }
    let same_fields = mine.iter().any(|entry| entry.fields == fields);
    if same_content(&old, &new) && same_fields {
        return Ok((StatusCode::OK, old));
    }
    count_generation(resource, &old, &mut new);
    managed::write(&mut new, manager, &fields, &taken);
    Ok((StatusCode::OK, store_unless_dry(store, resource, call, new)))
}

/// DELETE, with preconditions.
pub(crate) fn delete(store: &mut Store, resource: &'static Resource, call: &Call, body: &[u8]) -> Written {
    if call.name.is_empty() {
        return Err(Refusal::method_not_allowed());
    }
    let options = if body.is_empty() { json!({}) } else { parse(body)? };
    let old = current(store, resource, call)?;
    let (uid, version) = (text(&old, "uid"), text(&old, "resourceVersion"));
    let preconditions = &options["preconditions"];
    if let Some(wanted) = preconditions["uid"].as_str()
        && wanted != uid
    {
        let why = format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The object might have \
             been deleted and then recreated"
        );
        return Err(Refusal::precondition(resource, &call.name, &why));
    }
    if let Some(wanted) = preconditions["resourceVersion"].as_str()
        && wanted != version
    {
        let why = format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record \
             ({version}). The object might have been modified"
        );
        return Err(Refusal::precondition(resource, &call.name, &why));
    }
    if !call.dry_run() && options["dryRun"] != json!(["All"]) {
        if resource.kind == "Namespace" {
            store.empty_namespace(&call.name);
        }
        store.remove(resource, &call.namespace, &call.name);
    }
    let mut details = json!({"name": call.name, "kind": resource.plural, "uid": uid});
    if !resource.group.is_empty() {
        details["group"] = resource.group.into();
    }
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
    Ok((StatusCode::OK, status))
}

/// What a new version of an object keeps of the old one, whatever was sent; then the write, unless nothing changed.
fn update(store: &mut Store, resource: &'static Resource, call: &Call, old: &Value, sent: &Value) -> Value {
    let status_only = call.subresource == "status";
    let mut new = if status_only { old.clone() } else { sent.clone() };
    if resource.status {
        let status = if status_only { sent.get("status") } else { old.get("status") };
        match status {
            Some(status) => new["status"] = status.clone(),
            None => drop(new.as_object_mut().expect("an object").remove("status")),
        }
    }
    for key in ["uid", "creationTimestamp", "generation", "managedFields", "resourceVersion"] {
        match old["metadata"].get(key) {
            Some(value) => new["metadata"][key] = value.clone(),
            None => drop(new["metadata"].as_object_mut().expect("checked to be there").remove(key)),
        }
    }
    if same_content(old, &new) {
        return old.clone();
    }
    count_generation(resource, old, &mut new);
    managed::record_update(Some(old), &mut new, manager(call, "Update"));
    store_unless_dry(store, resource, call, new)
}

fn store_unless_dry(store: &mut Store, resource: &'static Resource, call: &Call, object: Value) -> Value {
    if call.dry_run() { object } else { store.put(resource, object).value(resource, &call.version) }
}

fn new_object(resource: &Resource, object: &mut Value) {
    let metadata = object["metadata"].as_object_mut().expect("checked to be there");
    for key in ["uid", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "selfLink"] {
        metadata.remove(key);
    }
    metadata.insert("creationTimestamp".into(), clock::now().into());
    if resource.status {
        object.as_object_mut().expect("an object").remove("status");
    }
    complete(resource, object);
}

fn count_generation(resource: &Resource, old: &Value, new: &mut Value) {
    let counted = |object: &Value| {
        let mut object = object.as_object().expect("an object").clone();
        object.remove("metadata");
        if resource.status {
            object.remove("status");
        }
        object
    };
    if resource.generation && counted(old) != counted(new) {
        new["metadata"]["generation"] = (old["metadata"]["generation"].as_u64().unwrap_or(0) + 1).into();
    }
}

fn same_content(old: &Value, new: &Value) -> bool {
    let content = |object: &Value| {
        let mut object = object.clone();
        let metadata = object["metadata"].as_object_mut().expect("stored objects have metadata");
        metadata.remove("managedFields");
        metadata.remove("resourceVersion");
        object
    };
    content(old) == content(new)
}

fn current(store: &mut Store, resource: &'static Resource, call: &Call) -> Result<Value, Refusal> {
    let found = store.find(resource, &call.namespace, &call.name);
    found.map(|object| object.value(resource, &call.version)).ok_or_else(|| Refusal::not_found(resource, &call.name))
}

/// A version or uid in what is sent must be the stored one.
fn check_version(resource: &Resource, call: &Call, old: &Value, sent: &Value) -> Result<(), Refusal> {
    let (version, uid) = (text(sent, "resourceVersion"), text(sent, "uid"));
    if !uid.is_empty() && uid != text(old, "uid") {
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", text(old, "uid"));
        return Err(Refusal::conflict(resource, &call.name, &why));
    }
    if version.is_empty() || version == text(old, "resourceVersion") {
        Ok(())
    } else {
        Err(Refusal::modified(resource, &call.name))
    }
}

fn check_kind(resource: &Resource, call: &Call, object: &mut Value) -> Result<(), Refusal> {
    let expected = resource.api_version(&call.version);
    let sent = object["apiVersion"].as_str().unwrap_or(&expected);
    if sent != expected {
        let message =
            format!("the API version in the data ({sent}) does not match the expected API version ({expected})");
        return Err(Refusal::bad_request(message));
    }
    let kind = object["kind"].as_str().unwrap_or(resource.kind);
    if kind != resource.kind {
        let message = format!("the object provided is unrecognized (must be of type {}): {kind}", resource.kind);
        return Err(Refusal::bad_request(message));
    }
    object["apiVersion"] = expected.into();
    object["kind"] = resource.kind.into();
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    Ok(())
}

fn check_namespace(
    store: &mut Store,
    resource: &'static Resource,
    call: &Call,
    object: &mut Value,
) -> Result<(), Refusal> {
    if !resource.namespaced {
        return Ok(());
    }
    let sent = text(object, "namespace");
    if !sent.is_empty() && sent != call.namespace {
        let message = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Refusal::bad_request(message));
    }
    let namespaces = Resource::of("v1", "Namespace").expect("the table has namespaces");
    if store.find(namespaces, "", &call.namespace).is_none() {
        return Err(Refusal::not_found(namespaces, &call.namespace));
    }
    object["metadata"]["namespace"] = call.namespace.clone().into();
    Ok(())
}

fn manager<'a>(call: &'a Call, operation: &'static str) -> Manager<'a> {
    Manager { name: call.manager(), api_version: call_api_version(call), operation }
}

/// The part of the path that is the `apiVersion`: `v1`, `apps/v1`.
fn call_api_version(call: &Call) -> &str {
    let path = call.path.trim_start_matches('/');
    match path.strip_prefix("apis/") {
        Some(rest) => &rest[..call.group.len() + 1 + call.version.len()],
        None => &call.version,
    }
}

/// JSON, or the YAML that an apply patch may be.
fn parse(body: &[u8]) -> Result<Value, Refusal> {
    let parsed: Option<Value> =
        serde_json::from_slice(body).ok().or_else(|| serde_saphyr::from_str(std::str::from_utf8(body).ok()?).ok());
    parsed
        .filter(Value::is_object)
        .ok_or_else(|| Refusal::bad_request("the object provided is unrecognized (must be of type JSON)"))
}

fn text(object: &Value, key: &str) -> String {
    object["metadata"][key].as_str().unwrap_or_default().to_owned()
}

/// RFC 7386.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let map = target.as_object_mut().expect("made one above");
    for (key, value) in patch {
        if value.is_null() {
            map.remove(&key);
        } else {
            merge(map.entry(key).or_insert(Value::Null), value);
        }
    }
}

fn has_list(value: &Value) -> bool {
    match value {
        Value::Array(_) => true,
        Value::Object(map) => map.values().any(has_list),
        _ => false,
    }
}
