//! What each law asks of an answer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use json_patch::{Patch, PatchOperation};
use mesh_admission::wire::{self, Hook};
use serde_json::{Value, json};

use super::reference::{Said, expected};
use super::scene::Scene;
use super::{Decider, real};
use crate::fixture::Review;

/// A law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Law {
    /// An answer is one that API servers take: it repeats the uid, has a patch with its type or neither, refuses by 403 and in plain
    /// words; only the validating webhook refuses, and only the mutating one writes.
    Answers,
    /// A patch can be applied.
    Applies,
    /// What is written are our marks.
    OursAlone,
    /// Applied and asked again, there is nothing to write.
    Once,
    /// No operation can be left out, and none writes over more than a mark.
    Minimal,
    /// A template that the request leaves alone is left alone.
    NoRollout,
    /// A dry run is answered alike.
    DryRun,
    /// Any bytes are answered with their own uid or not at all, and what does not read is allowed by the mutating webhook alone.
    AnyBytes,
    /// The answer is what the rules say.
    Reference,
    /// Marks that the mutating webhook wrote, the validating one takes for right.
    OwnMarks,
}

impl Law {
    pub(super) const ALL: [Self; 10] = [
        Self::Answers,
        Self::Applies,
        Self::OursAlone,
        Self::Once,
        Self::Minimal,
        Self::NoRollout,
        Self::DryRun,
        Self::AnyBytes,
        Self::Reference,
        Self::OwnMarks,
    ];

    pub(super) fn judge(self, decider: Decider, scene: &Scene) -> Result<(), String> {
        match self {
            Self::Answers => answers(decider, scene),
            Self::Applies => patched(decider, scene).map(|_| ()),
            Self::OursAlone => ours_alone(decider, scene),
            Self::Once => once(decider, scene),
            Self::Minimal => minimal(decider, scene),
            Self::NoRollout => no_rollout(decider, scene),
            Self::DryRun => dry_run(decider, scene),
            Self::AnyBytes => any_bytes(decider, scene),
            Self::Reference => reference(decider, scene),
            Self::OwnMarks => own_marks(decider, scene),
        }
    }
}

/// The answer to the scene's review.
pub(super) fn asked(decider: Decider, scene: &Scene) -> Option<Value> {
    serde_json::from_slice(&decider(scene.review.hook, &scene.review.body(), &scene.world)?).ok()
}

/// The patch of the answer.
fn patch(decider: Decider, scene: &Scene) -> Result<Vec<PatchOperation>, String> {
    let answer = asked(decider, scene).ok_or("no answer")?;
    let Some(text) = answer["response"]["patch"].as_str() else { return Ok(vec![]) };
    let bytes = BASE64_STANDARD.decode(text).map_err(|error| error.to_string())?;
    serde_json::from_slice::<Patch>(&bytes).map(|patch| patch.0).map_err(|error| error.to_string())
}

/// The object with the patch of the answer.
fn patched(decider: Decider, scene: &Scene) -> Result<Value, String> {
    with(&scene.review.request["object"], &patch(decider, scene)?)
}

fn with(object: &Value, operations: &[PatchOperation]) -> Result<Value, String> {
    let mut object = object.clone();
    json_patch::patch(&mut object, operations).map_err(|error| format!("{error}: {operations:?}"))?;
    Ok(object)
}

/// The scene with another object in its request.
fn about(scene: &Scene, hook: Hook, object: Value) -> Scene {
    let mut request = scene.review.request.clone();
    request["object"] = object;
    Scene { review: Review { hook, request }, ..scene.clone() }
}

fn so(is_so: bool, what: &str, seen: &impl std::fmt::Debug) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(format!("{what}: {seen:?}")) }
}

fn answers(decider: Decider, scene: &Scene) -> Result<(), String> {
    let answer = asked(decider, scene).ok_or("no answer")?;
    let is_mutating = scene.review.hook == Hook::Mutate;
    let response = &answer["response"];
    let is_review = answer["apiVersion"] == "admission.k8s.io/v1" && answer["kind"] == "AdmissionReview";
    so(is_review && response["uid"] == scene.review.request["uid"], "of another review", &answer)?;
    so(response["patch"].is_null() == response["patchType"].is_null(), "a patch and its type", &answer)?;
    so(response["patch"].is_null() || is_mutating, "the validating webhook writes", &answer)?;
    let warnings = response["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let are_short = warnings.into_iter().all(|text| text.len() <= 120 && is_plain(text));
    so(are_short, "warnings in plain words", &answer)?;
    if response["allowed"] == true {
        return so(response["status"].is_null(), "allowed and refused", &answer);
    }
    let message = response["status"]["message"].as_str().unwrap_or_default();
    so(!is_mutating && response["status"]["code"] == 403, "forbidden by the validating webhook", &answer)?;
    so(message.len() <= 512 && is_plain(message) && message.starts_with("[MESH-E"), "a refusal in plain words", &answer)
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn ours_alone(decider: Decider, scene: &Scene) -> Result<(), String> {
    let written = patched(decider, scene)?;
    so(without_marks(&written) == without_marks(&scene.review.request["object"]), "what is not ours", &written)
}

/// An object without our marks, and without maps that hold nothing.
fn without_marks(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !key.starts_with("kubectl-mesh.io/"));
            let kept = kept.map(|(key, value)| (key.clone(), without_marks(value)));
            Value::Object(kept.filter(|(_, value)| *value != json!({}) && !value.is_null()).collect())
        }
        other => other.clone(),
    }
}

fn once(decider: Decider, scene: &Scene) -> Result<(), String> {
    let again = about(scene, scene.review.hook, patched(decider, scene)?);
    let more = patch(decider, &again)?;
    so(more.is_empty(), "written again", &more)
}

fn minimal(decider: Decider, scene: &Scene) -> Result<(), String> {
    let (object, patch) = (&scene.review.request["object"], patch(decider, scene)?);
    let whole = with(object, &patch)?;
    for (at, operation) in patch.iter().enumerate() {
        let rest = [&patch[..at], &patch[at + 1..]].concat();
        so(with(object, &rest).as_ref() != Ok(&whole), "an operation too many", operation)?;
        let written = serde_json::to_value(operation).map_err(|error| error.to_string())?;
        let place = written["path"].as_str().unwrap_or_default();
        let is_there = object.pointer(place).is_some_and(|there| !there.is_null());
        so(place.contains("/kubectl-mesh.io~1") || !is_there, "more than a mark is written over", operation)?;
    }
    Ok(())
}

fn no_rollout(decider: Decider, scene: &Scene) -> Result<(), String> {
    let (new, old) = (&scene.review.request["object"], &scene.review.request["oldObject"]);
    let written = patched(decider, scene)?;
    let is_left_alone = |at| new.pointer(at) != old.pointer(at) || written.pointer(at) == old.pointer(at);
    let are_left_alone = ["/spec/template", "/spec/jobTemplate"].into_iter().all(is_left_alone);
    so(old.is_null() || are_left_alone, "pods are started anew", &written)
}

fn dry_run(decider: Decider, scene: &Scene) -> Result<(), String> {
    let answer = |is_dry: bool| {
        let mut scene = scene.clone();
        scene.review.request["dryRun"] = is_dry.into();
        asked(decider, &scene)
    };
    so(answer(true) == answer(false), "a dry run is answered otherwise", &answer(true))
}

fn any_bytes(decider: Decider, scene: &Scene) -> Result<(), String> {
    let (at, bytes) = &scene.noise;
    let body = scene.review.body();
    let at = (usize::from(*at) * body.len()) >> 16;
    let longer = [&body[..at], bytes, &body[at..]].concat();
    for broken in [bytes, &body[..at], &longer] {
        let hook = scene.review.hook;
        let answer = catch_unwind(AssertUnwindSafe(|| decider(hook, broken, &scene.world)));
        let Some(answer) = answer.map_err(|_| "a panic")? else {
            let there_is_a_uid = !matches!(wire::read(broken), Err(wire::Malformed::NoReview(_)));
            so(!there_is_a_uid, "no answer to", &String::from_utf8_lossy(broken))?;
            continue;
        };
        let answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        let response = &answer["response"];
        let (uid, is_read) = match wire::read(broken) {
            Ok(request) => (request.uid.0.into_owned(), true),
            Err(wire::Malformed::NoRequest { uid, .. }) => (uid, false),
            Err(wire::Malformed::NoReview(_)) => return Err(format!("an answer to nobody: {answer}")),
        };
        so(response["uid"] == *uid, "of another review", &answer)?;
        so(is_read || response["allowed"] == (hook == Hook::Mutate), "what does not read", &answer)?;
    }
    Ok(())
}

fn reference(decider: Decider, scene: &Scene) -> Result<(), String> {
    let answer = asked(decider, scene).ok_or("no answer")?;
    let code = |text: &str| text.strip_prefix("[MESH-").and_then(|text| text.get(1..4)?.parse().ok());
    let message = answer["response"]["status"]["message"].as_str();
    let warnings = answer["response"]["warnings"].as_array().into_iter().flatten();
    let said = Said {
        refusal: message.and_then(code),
        warnings: warnings.filter_map(|text| code(text.as_str()?)).collect(),
        object: patched(decider, scene)?,
    };
    so(said == expected(scene), "not as the rules say", &(said, expected(scene)))
}

fn own_marks(decider: Decider, scene: &Scene) -> Result<(), String> {
    let is_wrong = |answer: Option<Value>| answer.is_some_and(|answer| answer.to_string().contains("[MESH-E106]"));
    let object = &scene.review.request["object"];
    let marked = patched(decider, &about(scene, Hook::Mutate, object.clone()))?;
    let before = is_wrong(asked(real, &about(scene, Hook::Validate, object.clone())));
    let after = asked(decider, &about(scene, Hook::Validate, marked));
    so(before || !is_wrong(after.clone()), "its own marks are wrong", &after)
}
