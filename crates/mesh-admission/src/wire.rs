//! Reviews as API servers send and read them (`admission.k8s.io/v1`): bytes in, bytes out.
//!
//! An answer without the uid of its request is a failed webhook to an API server and no refusal, so the uid is read first,
//! from whatever can be read.

mod quick;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use mesh_json::{Part, Text};
use mesh_model::facts::WorkloadKind;
use mesh_model::kind::Kind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

use crate::object::Reviewed;
use crate::refusal::{Refusal, RefusalCode};
use crate::verdict::Verdict;

/// The only version of reviews.
const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";
/// Longest uid that is sent back.
const MAX_UID: usize = 128;
/// That a request passes, up to its uid.
const PASSED: &str =
    r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"allowed":true,"uid":"#;
/// What most answers have room in, in bytes.
const ROOM: usize = 512;
/// Most warnings of an answer.
const MAX_WARNINGS: usize = 2;

/// Which webhook is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// The mutating one: it writes marks, and refuses nothing.
    Mutate,
    /// The validating one: it refuses, and writes nothing.
    Validate,
}

/// What is done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are Kubernetes' own")]
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

/// A kind with its group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GroupKind<'a> {
    /// Its API group; empty is the core group.
    #[serde(borrow, default)]
    pub group: Text<'a>,
    /// Its name.
    #[serde(borrow)]
    pub kind: Text<'a>,
}

/// `request` of a review, as far as it is used.
#[derive(Debug)]
pub struct Request<'a> {
    /// What the answer must repeat.
    pub uid: Text<'a>,
    /// The kind that the object is written in.
    pub kind: GroupKind<'a>,
    /// `status` and the like.
    pub sub_resource: Option<Text<'a>>,
    /// The namespace; the object itself may not tell it.
    pub namespace: Option<Text<'a>>,
    /// What is done.
    pub operation: Operation,
    /// None on DELETE.
    pub(crate) object: Option<Reviewed<'a>>,
    /// None on CREATE.
    pub(crate) old_object: Option<Reviewed<'a>>,
}

/// The same, as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(borrow)]
    uid: Text<'a>,
    #[serde(borrow)]
    kind: GroupKind<'a>,
    #[serde(borrow, default)]
    sub_resource: Option<Text<'a>>,
    #[serde(borrow, default)]
    namespace: Option<Text<'a>>,
    operation: Operation,
    #[serde(borrow, default)]
    object: Option<Part<'a>>,
    #[serde(borrow, default)]
    old_object: Option<Part<'a>>,
}

impl GroupKind<'_> {
    fn is_workload(&self) -> bool {
        Kind::of(&self.group, &self.kind).and_then(WorkloadKind::of).is_some()
    }
}

impl<'a> From<Written<'a>> for Request<'a> {
    fn from(written: Written<'a>) -> Self {
        let is_workload = written.kind.is_workload();
        let Written { uid, kind, sub_resource, namespace, operation, object, old_object } = written;
        let [object, old_object] = [object, old_object].map(|object| object.map(|it| Reviewed::read(it, is_workload)));
        Self { uid, kind, sub_resource, namespace, operation, object, old_object }
    }
}

/// Why bytes are no review.
#[derive(Debug, Error)]
pub enum Malformed {
    /// There is no uid to answer to.
    #[error("{0}")]
    NoReview(String),
    /// There is one: it can be answered.
    #[error("{why}")]
    NoRequest {
        /// The uid of the request.
        uid: String,
        /// What does not read.
        why: String,
    },
}

/// A review, as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    #[serde(borrow, default)]
    api_version: Option<Text<'a>>,
    #[serde(borrow, default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    request: Option<Part<'a>>,
}

#[derive(Deserialize)]
struct OnlyUid<'a> {
    #[serde(borrow)]
    uid: Text<'a>,
}

/// The request of a review.
pub fn read(body: &[u8]) -> Result<Request<'_>, Malformed> {
    // What is not read in one pass is looked at part by part, for what can still be answered.
    let quickly = simdutf8::basic::from_utf8(body).ok().and_then(quick::read);
    quickly.map_or_else(|| read_in_parts(body), Ok)
}

fn read_in_parts(body: &[u8]) -> Result<Request<'_>, Malformed> {
    let no_review = |why: &str| Malformed::NoReview(format!("no {KIND}: {why}"));
    let text = std::str::from_utf8(body).map_err(|_| no_review("it is not UTF-8"))?;
    let review: Review<'_> = serde_json::from_str(text).map_err(|error| no_review(&error.to_string()))?;
    let request = review.request.ok_or_else(|| no_review("it has no request"))?.get();
    let OnlyUid { uid } = serde_json::from_str(request).map_err(|error| no_review(&format!("its request: {error}")))?;
    if !is_uid(&uid) {
        return Err(no_review("its uid is empty or too long"));
    }
    if !is_ours(&review.api_version.unwrap_or_default(), &review.kind.unwrap_or_default()) {
        let why = format!("it is no {KIND} of {API_VERSION}");
        return Err(Malformed::NoRequest { uid: uid.0.into_owned(), why });
    }
    let request: Written<'_> = serde_json::from_str(request)
        .map_err(|error| Malformed::NoRequest { uid: uid.0.into_owned(), why: format!("its request: {error}") })?;
    Ok(request.into())
}

fn is_ours(version: &str, kind: &str) -> bool {
    version == API_VERSION && kind == KIND
}

fn is_uid(uid: &str) -> bool {
    !uid.is_empty() && uid.len() <= MAX_UID
}

impl Malformed {
    /// What is answered, where there is somebody to answer: a mutating webhook lets pass what the validating one refuses.
    pub fn answer(&self, hook: Hook) -> Option<Vec<u8>> {
        let Self::NoRequest { uid, why } = self else { return None };
        let verdict = match hook {
            Hook::Mutate => Verdict::ALLOWED,
            Hook::Validate => undecided(why).into(),
        };
        Some(answer(uid, &verdict))
    }
}

/// That it could not be decided.
pub fn undecided(why: &str) -> Refusal {
    Refusal::new(RefusalCode::Undecided, format!("the review could not be decided: {why}"), "Retry")
}

/// An answer, with its keys in order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_annotations: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Value>,
    uid: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// The answer to the request of this uid.
pub fn answer(uid: &str, verdict: &Verdict) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ROOM);
    match verdict {
        // By far the most.
        Verdict::Allowed { patch, warnings } if patch.is_empty() && warnings.is_empty() => {
            bytes.extend_from_slice(PASSED.as_bytes());
            serde_json::to_writer(&mut bytes, uid).expect("a text is JSON");
            bytes.extend_from_slice(b"}}");
        }
        _ => serde_json::to_writer(&mut bytes, &full(uid, verdict)).expect("an answer is JSON"),
    }
    bytes
}

fn full<'a>(uid: &'a str, verdict: &Verdict) -> Answer<'a> {
    let mut response = Response { uid, ..Response::default() };
    match verdict {
        Verdict::Allowed { patch, warnings } => {
            response.allowed = true;
            // Both or neither: an API server refuses one without the other.
            if !patch.is_empty() {
                let patch = serde_json::to_vec(patch).expect("a patch is JSON");
                response.patch_type = Some("JSONPatch");
                response.patch = Some(BASE64_STANDARD.encode(patch));
            }
            response.warnings = warnings.iter().take(MAX_WARNINGS).map(ToString::to_string).collect();
        }
        Verdict::Refused(refusal) => {
            // Never 409: clients and controllers try again on that, for ever.
            response.status = Some(json!({
                "code": 403,
                "reason": "Forbidden",
                "message": refusal.to_string(),
                "details": {"causes": [{"reason": refusal.code.to_string(), "message": refusal.what}]},
            }));
            response.audit_annotations = Some(json!({"decision": refusal.code.to_string()}));
        }
    }
    Answer { api_version: API_VERSION, kind: KIND, response }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_answered_as_all_else_is() {
        let full = serde_json::to_vec(&full("u-\"1\"", &Verdict::ALLOWED)).unwrap();
        assert_eq!(answer("u-\"1\"", &Verdict::ALLOWED), full);
    }
}
