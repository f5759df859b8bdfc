//! Reviews as API servers send and read them (`admission.k8s.io/v1`): bytes in, bytes out.
//!
//! An answer without the uid of its request is a failed webhook to an API server and no refusal, so the uid is read first,
//! from whatever can be read.

use std::borrow::Cow;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use thiserror::Error;

use crate::refusal::{Refusal, RefusalCode};
use crate::verdict::Verdict;

/// The only version of reviews.
const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";
/// Longest uid that is sent back.
const MAX_UID: usize = 128;
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
    pub group: Cow<'a, str>,
    /// Its name.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
}

/// `request` of a review, as far as it is used. Objects are read by whoever knows their kind.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<'a> {
    /// What the answer must repeat.
    #[serde(borrow)]
    pub uid: Cow<'a, str>,
    /// The kind that the object is written in.
    #[serde(borrow)]
    pub kind: GroupKind<'a>,
    /// `status` and the like.
    #[serde(borrow, default)]
    pub sub_resource: Option<Cow<'a, str>>,
    /// The namespace; the object itself may not tell it.
    #[serde(borrow, default)]
    pub namespace: Option<Cow<'a, str>>,
    /// What is done.
    pub operation: Operation,
    /// Null on DELETE.
    #[serde(borrow, default)]
    pub object: Option<&'a RawValue>,
    /// Null on CREATE.
    #[serde(borrow, default)]
    pub old_object: Option<&'a RawValue>,
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    #[serde(borrow, default)]
    api_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    request: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OnlyUid<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
}

/// The request of a review.
pub fn read(body: &[u8]) -> Result<Request<'_>, Malformed> {
    let no_review = |why: &str| Malformed::NoReview(format!("no {KIND}: {why}"));
    let text = std::str::from_utf8(body).map_err(|_| no_review("it is not UTF-8"))?;
    let review: Review<'_> = serde_json::from_str(text).map_err(|error| no_review(&error.to_string()))?;
    let request = review.request.ok_or_else(|| no_review("it has no request"))?.get();
    let OnlyUid { uid } = serde_json::from_str(request).map_err(|error| no_review(&format!("its request: {error}")))?;
    if uid.is_empty() || uid.len() > MAX_UID {
        return Err(no_review("its uid is empty or too long"));
    }
    let is_ours = review.api_version.as_deref() == Some(API_VERSION) && review.kind.as_deref() == Some(KIND);
    if !is_ours {
        let why = format!("it is no {KIND} of {API_VERSION}");
        return Err(Malformed::NoRequest { uid: uid.into_owned(), why });
    }
    serde_json::from_str(request)
        .map_err(|error| Malformed::NoRequest { uid: uid.into_owned(), why: format!("its request: {error}") })
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

/// The answer to the request of this uid.
pub fn answer(uid: &str, verdict: &Verdict) -> Vec<u8> {
    let mut response = json!({ "uid": uid });
    match verdict {
        Verdict::Allowed { patch, warnings } => {
            response["allowed"] = true.into();
            // Both or neither: an API server refuses one without the other.
            if !patch.is_empty() {
                let patch = serde_json::to_vec(patch).expect("a patch is JSON");
                response["patchType"] = "JSONPatch".into();
                response["patch"] = BASE64_STANDARD.encode(patch).into();
            }
            if !warnings.is_empty() {
                let texts = warnings.iter().take(MAX_WARNINGS).map(ToString::to_string);
                response["warnings"] = texts.map(Value::from).collect();
            }
        }
        Verdict::Refused(refusal) => {
            response["allowed"] = false.into();
            // Never 409: clients and controllers try again on that, for ever.
            response["status"] = json!({
                "code": 403,
                "reason": "Forbidden",
                "message": refusal.to_string(),
                "details": {"causes": [{"reason": refusal.code.to_string(), "message": refusal.what}]},
            });
            response["auditAnnotations"] = json!({"decision": refusal.code.to_string()});
        }
    }
    let answer = json!({ "apiVersion": API_VERSION, "kind": KIND, "response": response });
    serde_json::to_vec(&answer).expect("an answer is JSON")
}
