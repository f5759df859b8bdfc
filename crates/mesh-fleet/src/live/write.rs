//! One write of one object: a request, and in words what came of it.

use mesh_model::kind::Kind;
use mesh_model::owned::OwnedObject;
use mesh_plan::desired::Body;
use mesh_plan::manifest;
use serde_json::{Value, json};

use super::rest::{Rest, RestError, Write};
use super::rule::missing_rule_for;
use crate::report::Outcome;

/// Who a server says has written an object of ours.
pub(crate) const FIELD_MANAGER: &str = "kubectl-mesh";

/// What was written, with the object that came back; or why nothing was.
pub(super) type Written = Result<(Outcome, Option<Value>), Outcome>;

/// A POST: an object that somebody made meanwhile is not adopted, but told by a conflict.
pub(super) async fn create(rest: &Rest, path: &str, kind: Kind, manifest: &Value) -> Written {
    let list = path.rsplit_once('/').map_or(path, |(list, _)| list);
    match rest.write(Write::Create, &format!("{list}?{}", query()), manifest).await {
        Ok(object) => Ok((Outcome::Created, Some(object))),
        Err(error) if error.is_conflict() => Err(Outcome::Moved("an object of this name is there already".to_owned())),
        Err(error) => Err(failed(&error, kind, "create")),
    }
}

/// A PUT of the object as it is, with our `spec`, labels and annotations, at the version that was read: what others keep
/// in its metadata stays, and `spec` is exactly what is wanted, which a patch could not promise.
pub(super) async fn update(rest: &Rest, path: &str, kind: Kind, base: &OwnedObject, wanted: &Value) -> Written {
    let mut object = match rest.get(path).await {
        Ok(object) => object,
        Err(error) if error.is_not_found() => return Err(Outcome::Moved("it is gone".to_owned())),
        Err(error) => return Err(failed(&error, kind, "get")),
    };
    let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
    if version != Some(&*base.version) {
        return Err(Outcome::Moved("it is not as it was read".to_owned()));
    }
    object["spec"] = wanted["spec"].clone();
    for field in ["labels", "annotations"] {
        object["metadata"][field] = wanted["metadata"].get(field).cloned().unwrap_or_else(|| json!({}));
    }
    replace(rest, path, kind, &object).await
}

/// A PUT over `object`, which a write of ours has just left, so that it holds all of `body`. What others added in between,
/// a webhook for instance, stays.
pub(super) async fn complete(rest: &Rest, path: &str, kind: Kind, mut object: Value, body: &Body) -> Written {
    let wanted = manifest::created(body);
    object["spec"] = wanted["spec"].clone();
    for field in ["labels", "annotations"] {
        for (key, value) in wanted["metadata"][field].as_object().into_iter().flatten() {
            object["metadata"][field][key] = value.clone();
        }
    }
    replace(rest, path, kind, &object).await
}

async fn replace(rest: &Rest, path: &str, kind: Kind, object: &Value) -> Written {
    match rest.write(Write::Replace, &format!("{path}?{}", query()), object).await {
        Ok(object) => Ok((Outcome::Updated, Some(object))),
        Err(error) if error.is_conflict() => Err(Outcome::Moved("it is not as it was read".to_owned())),
        Err(error) if error.is_not_found() => Err(Outcome::Moved("it is gone".to_owned())),
        Err(error) => Err(failed(&error, kind, "update")),
    }
}

/// A DELETE of this object at this version, and of no other one that took its name.
pub(super) async fn delete(rest: &Rest, path: &str, kind: Kind, base: &OwnedObject) -> Written {
    let mut preconditions = json!({"resourceVersion": &*base.version});
    if let Some(uid) = &base.uid {
        preconditions["uid"] = json!(&**uid);
    }
    let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": preconditions});
    match rest.write(Write::Delete, path, &options).await {
        Ok(_) => Ok((Outcome::Deleted, None)),
        Err(error) if error.is_not_found() => Err(Outcome::Moved("it is gone already".to_owned())),
        Err(error) if error.is_conflict() => Err(Outcome::Moved("it is not as it was read".to_owned())),
        Err(error) => Err(failed(&error, kind, "delete")),
    }
}

fn query() -> String {
    format!("fieldManager={FIELD_MANAGER}&fieldValidation=Strict")
}

fn failed(error: &RestError, kind: Kind, verb: &str) -> Outcome {
    if error.is_forbidden() {
        Outcome::Failed(format!("forbidden; {} ({error})", missing_rule_for(kind, &[verb])))
    } else {
        Outcome::Failed(error.to_string())
    }
}
