//! The `Status` bodies of a real API server, with its reasons and messages (apimachinery `api/errors`).

use hyper::StatusCode;
use serde_json::{Value, json};

use super::resource::Resource;

/// An answer that is not the object asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refusal {
    /// A `Status` of Kubernetes.
    Status { code: u16, reason: &'static str, message: String, details: Value },
    /// What the server says in plain text.
    Text { code: u16, text: &'static str },
}

impl Refusal {
    pub(crate) fn code(&self) -> StatusCode {
        let (Self::Status { code, .. } | Self::Text { code, .. }) = self;
        StatusCode::from_u16(*code).expect("the table has valid codes")
    }

    /// The body of a `Status`; its text for plain text.
    pub(crate) fn body(&self) -> Value {
        match self {
            Self::Text { text, .. } => Value::from(*text),
            Self::Status { code, reason, message, details } => {
                let mut status = json!({
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": message, "reason": reason, "details": details, "code": code,
                });
                let fields = status.as_object_mut().expect("just written as an object");
                fields.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
                status
            }
        }
    }

    /// The path leads nowhere.
    pub(crate) fn no_such_path() -> Self {
        Self::Text { code: 404, text: "404 page not found\n" }
    }

    /// A group of built-in kinds has no such resource.
    pub(crate) fn no_such_resource() -> Self {
        status(404, "NotFound", "the server could not find the requested resource", json!({}))
    }

    pub(crate) fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} {name:?} not found", resource.qualified());
        status(404, "NotFound", message, details(resource, name))
    }

    pub(crate) fn already_exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", resource.qualified());
        status(409, "AlreadyExists", message, details(resource, name))
    }

    /// Somebody changed the object since the version that the writer named.
    pub(crate) fn modified(resource: &Resource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    pub(crate) fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.qualified());
        status(409, "Conflict", message, details(resource, name))
    }

    /// A precondition of a deletion: for these the real server names the kind, not the resource.
    pub(crate) fn precondition(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.qualified_kind());
        let mut details = details(resource, name);
        details["kind"] = resource.kind.into();
        status(409, "Conflict", message, details)
    }

    /// Server-side apply would take fields from their managers.
    pub(crate) fn apply_conflict(conflicts: &[(String, String)]) -> Self {
        let shown: Vec<String> = conflicts.iter().map(|(who, field)| format!("conflict with {who}: {field}")).collect();
        let causes: Vec<Value> = conflicts
            .iter()
            .map(|(who, field)| {
                json!({"reason": "FieldManagerConflict", "message": format!("conflict with {who}"), "field": field})
            })
            .collect();
        let count = if conflicts.len() == 1 { "1 conflict".into() } else { format!("{} conflicts", conflicts.len()) };
        let message = format!("Apply failed with {count}: {}", shown.join(", "));
        status(409, "Conflict", message, json!({"causes": causes}))
    }

    pub(crate) fn invalid(resource: &Resource, name: &str, field: &str, why: &str) -> Self {
        let message = format!("{} {name:?} is invalid: {field}: {why}", resource.qualified_kind());
        let reason = if why.starts_with("Required") { "FieldValueRequired" } else { "FieldValueInvalid" };
        let mut details = details(resource, name);
        details["kind"] = resource.kind.into();
        details["causes"] = json!([{"reason": reason, "message": why, "field": field}]);
        status(422, "Invalid", message, details)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        status(400, "BadRequest", message, Value::Null)
    }

    /// An apply that does not say whose it is.
    pub(crate) fn no_manager() -> Self {
        let why = "Required value: is required for apply patch";
        let causes = json!([{"reason": "FieldValueRequired", "message": why, "field": "fieldManager"}]);
        let details = json!({"group": "meta.k8s.io", "kind": "PatchOptions", "causes": causes});
        status(422, "Invalid", format!("PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: {why}"), details)
    }

    pub(crate) fn unauthorized() -> Self {
        status(401, "Unauthorized", "Unauthorized", Value::Null)
    }

    /// RBAC says no. `who` may not do `verb` there.
    pub(crate) fn forbidden(who: &str, verb: &str, place: &Place<'_>) -> Self {
        let Some(resource) = place.resource else {
            let message = format!("forbidden: User {who:?} cannot {verb} path {:?}", place.path);
            return status(403, "Forbidden", message, json!({}));
        };
        let subresource = if place.subresource.is_empty() { String::new() } else { format!("/{}", place.subresource) };
        let scope = if place.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace {:?}", place.namespace)
        };
        let name = if place.name.is_empty() { String::new() } else { format!(" {:?}", place.name) };
        let message = format!(
            "{}{name} is forbidden: User {who:?} cannot {verb} resource \"{}{subresource}\" in API group {:?} {scope}",
            resource.qualified(),
            resource.plural,
            resource.group,
        );
        status(403, "Forbidden", message, details(resource, place.name))
    }

    /// A snapshot or a version is no longer kept.
    pub(crate) fn expired(message: impl Into<String>) -> Self {
        status(410, "Expired", message, Value::Null)
    }

    /// A continue token whose snapshot is gone.
    pub(crate) fn continue_expired() -> Self {
        Self::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list \
             without the continue parameter, or use the continue token in this response to retrieve the remainder of \
             the results. Continuing with the provided token results in an inconsistent list - objects that were \
             created, modified, or deleted between the time the first chunk was returned and now may show up in the \
             list.",
        )
    }

    pub(crate) fn unsupported_media_type(media: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {APPLY}, {MERGE}, \
             {STRATEGIC} (got {media:?})"
        );
        status(415, "UnsupportedMediaType", message, json!({}))
    }

    pub(crate) fn not_acceptable() -> Self {
        let message = "only the following media types are accepted: application/json";
        status(406, "NotAcceptable", message, json!({}))
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        status(405, "MethodNotAllowed", message, json!({}))
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        status(500, "", message, Value::Null)
    }
}

/// The media types of patches.
pub(crate) const APPLY: &str = "application/apply-patch+yaml";
pub(crate) const MERGE: &str = "application/merge-patch+json";
pub(crate) const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// What a request is about, as far as it says.
pub(crate) struct Place<'a> {
    pub resource: Option<&'static Resource>,
    pub path: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
    pub subresource: &'a str,
}

fn details(resource: &Resource, name: &str) -> Value {
    let mut details = json!({"kind": resource.plural});
    for (key, value) in [("name", name), ("group", resource.group)] {
        if !value.is_empty() {
            details[key] = value.into();
        }
    }
    details
}

fn status(code: u16, reason: &'static str, message: impl Into<String>, details: Value) -> Refusal {
    Refusal::Status { code, reason, message: message.into(), details }
}
