//! Deliberately broken deciders, each with the law that must reject it. Each breaks one thing of the real one: what it is told, or what
//! it answers.

use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use mesh_admission::wire::Hook;
use mesh_admission::{Mode, OnStale};
use mesh_model::claim::{Claim, Phase};
use serde_json::{Value, json};

use super::judge::Law;
use super::scene::{Served, World};
use super::{Decider, real};
use crate::fixture::{GLOBAL_NAME, IDENTITY};

/// Every way to be broken.
pub(super) fn table() -> Vec<(Law, &'static str, Decider)> {
    vec![
        (Law::Answers, "the uid of another review", |hook, body, world| {
            answering(hook, body, world, |answer| answer["response"]["uid"] = "7c20".into())
        }),
        (Law::Answers, "no version", |hook, body, world| {
            answering(hook, body, world, |answer| drop(answer.as_object_mut().unwrap().remove("apiVersion")))
        }),
        (Law::Answers, "a patch without its type", |hook, body, world| {
            answering(hook, body, world, |answer| drop(response(answer).remove("patchType")))
        }),
        (Law::Answers, "a conflict in place of a refusal", |hook, body, world| {
            answering(hook, body, world, |answer| {
                if !is_allowed(answer) {
                    answer["response"]["status"]["code"] = 409.into();
                }
            })
        }),
        (Law::Answers, "the mutating webhook refuses", |_, body, world| real(Hook::Validate, body, world)),
        (Law::Answers, "the validating webhook writes", |_, body, world| real(Hook::Mutate, body, world)),
        (Law::Answers, "names as they are written", |hook, body, world| {
            answering(hook, body, world, |answer| {
                if !is_allowed(answer) {
                    answer["response"]["status"]["message"] =
                        format!("[MESH-E101] {}", String::from_utf8_lossy(body)).into();
                }
            })
        }),
        (Law::Applies, "a pointer that is not escaped", |hook, body, world| {
            patching(hook, body, world, |patch| paths(patch, |path| path.replace("~1", "/")))
        }),
        (Law::Applies, "a map that is not there is written into", |hook, body, world| {
            patching(hook, body, world, maps_are_there)
        }),
        (Law::OursAlone, "a label more", |hook, body, world| {
            patching(hook, body, world, |patch| {
                patch.push(json!({"op": "add", "path": "/spec/reviewed", "value": true}));
            })
        }),
        (Law::OursAlone, "the metadata anew", |hook, body, world| {
            patching(hook, body, world, |patch| {
                patch.insert(0, json!({"op": "add", "path": "/metadata", "value": {"labels": {}, "annotations": {}}}));
            })
        }),
        (Law::Once, "marks are written twice", |hook, body, world| asking(hook, body, world, marks_are_overlooked)),
        (Law::Minimal, "each operation twice", |hook, body, world| {
            patching(hook, body, world, |patch| patch.extend(patch.clone()))
        }),
        (Law::Minimal, "whole maps", |hook, body, world| whole_maps(hook, body, world)),
        (Law::NoRollout, "templates are marked whatever happens", |hook, body, world| {
            asking(hook, body, world, |request| {
                request["operation"] = "CREATE".into();
                request["oldObject"] = Value::Null;
            })
        }),
        (Law::DryRun, "a dry run is allowed", |hook, body, world| {
            if is_dry(body) { answering(hook, body, world, allow) } else { real(hook, body, world) }
        }),
        (Law::DryRun, "a dry run writes nothing", |hook, body, world| {
            if is_dry(body) { patching(hook, body, world, Vec::clear) } else { real(hook, body, world) }
        }),
        (Law::AnyBytes, "a panic", |hook, body, world| Some(real(hook, body, world).unwrap())),
        (Law::AnyBytes, "what does not read is allowed", |hook, body, world| {
            real(hook, body, world).map(|answer| if does_not_read(&answer) { changed(&answer, allow) } else { answer })
        }),
        (Law::AnyBytes, "nobody is answered that does not read", |hook, body, world| {
            real(hook, body, world).filter(|answer| !does_not_read(answer))
        }),
        (Law::AnyBytes, "somebody is always answered", |hook, body, world| {
            real(hook, body, world).or_else(|| Some(br#"{"response":{"uid":""}}"#.to_vec()))
        }),
        (Law::OwnMarks, "another name is written", |hook, body, world| {
            patching(hook, body, world, |patch| texts(patch, |text| format!("x.{text}")))
        }),
        (Law::OwnMarks, "marks are wrong that are not old", |hook, body, world| {
            asking(hook, body, world, |request| {
                if hook == Hook::Validate {
                    request["oldObject"] = Value::Null;
                    request["object"]["metadata"]["annotations"][GLOBAL_NAME] = "x".into();
                }
            })
        }),
        (Law::Reference, "another name is written", |hook, body, world| {
            patching(hook, body, world, |patch| texts(patch, str::to_uppercase))
        }),
        (Law::Reference, "a mark is not written", |hook, body, world| {
            patching(hook, body, world, |patch| drop(patch.pop()))
        }),
        (Law::Reference, "foreign marks are written over", |hook, body, world| {
            if hook == Hook::Mutate { asking(hook, body, world, old_is_as_new) } else { real(hook, body, world) }
        }),
        (Law::Reference, "foreign marks pass", |hook, body, world| allowing(hook, body, world, "MESH-E106", |_| true)),
        (Law::Reference, "the status is overlooked", |hook, body, world| {
            allowing(hook, body, world, "MESH-E106", |request| request["subResource"] == "status")
        }),
        (Law::Reference, "updates take what is held", |hook, body, world| {
            allowing(hook, body, world, "MESH-E101", |request| request["operation"] == "UPDATE")
        }),
        (Law::Reference, "Rollouts take what is held", |hook, body, world| {
            allowing(hook, body, world, "MESH-E101", |request| request["object"]["kind"] == "Rollout")
        }),
        (Law::Reference, "traffic policies are overlooked", |hook, body, world| {
            allowing(hook, body, world, "MESH-E111", |request| request["object"]["kind"] == "GlobalTrafficPolicy")
        }),
        (Law::Reference, "prefixes are overlooked", |hook, body, world| {
            real(hook, body, &World { prefixes: vec![], ..world.clone() })
        }),
        (Law::Reference, "what is taken by hand is overlooked", |hook, body, world| {
            allowing(hook, body, world, "MESH-E110", |_| true)
        }),
        (Law::Reference, "wildcards are overlooked", |hook, body, world| {
            allowing(hook, body, world, "MESH-E110", |request| {
                request["object"]["spec"]["hosts"].to_string().contains('*')
            })
        }),
        (Law::Reference, "no host is legal by chance", |hook, body, world| {
            allowing(hook, body, world, "MESH-E105", |_| true)
        }),
        (Law::Reference, "two identities are one", |hook, body, world| {
            allowing(hook, body, world, "MESH-E112", |_| true)
        }),
        (Law::Reference, "an unknown namespace passes", |hook, body, world| {
            allowing(hook, body, world, "MESH-E109", |_| true)
        }),
        (Law::Reference, "Jobs are refused", |hook, body, world| asking(hook, body, world, jobs_are_statefulsets)),
        (Law::Reference, "what runs is refused", |hook, body, world| {
            if hook == Hook::Validate {
                asking(hook, body, world, templates_always_change)
            } else {
                real(hook, body, world)
            }
        }),
        (Law::Reference, "warnings are kept to itself", |hook, body, world| {
            answering(hook, body, world, |answer| drop(response(answer).remove("warnings")))
        }),
        (Law::Reference, "the smaller code counts", |hook, body, world| {
            answering(hook, body, world, |answer| {
                *answer = serde_json::from_str(&answer.to_string().replace("MESH-E112", "MESH-E101")).unwrap();
            })
        }),
        (Law::Reference, "owners are compared without case", |hook, body, world| {
            with_owners(hook, body, world, str::to_lowercase)
        }),
        (Law::Reference, "everybody is one owner", |hook, body, world| {
            with_owners(hook, body, world, |_| "one".to_owned())
        }),
        (Law::Reference, "no owner is an owner", |hook, body, world| {
            with_namespaces(hook, body, world, |facts| {
                facts.owner = facts.owner.clone().or_else(|| Some("nobody".into()));
            })
        }),
        (Law::Reference, "no sidecar is a sidecar", |hook, body, world| {
            with_namespaces(hook, body, world, |facts| facts.injected = true)
        }),
        (Law::Reference, "ambient is a sidecar", |hook, body, world| {
            with_namespaces(hook, body, world, |facts| facts.ambient = false)
        }),
        (Law::Reference, "ignored namespaces serve", |hook, body, world| {
            with_namespaces(hook, body, world, |facts| facts.ignored = false)
        }),
        (Law::Reference, "a tombstone holds", |hook, body, world| {
            with_claims(hook, body, world, |claim| claim.phase = Phase::Bound)
        }),
        (Law::Reference, "nothing holds", |hook, body, world| {
            real(hook, body, &World { claims: vec![], ..world.clone() })
        }),
        (Law::Reference, "alsoOwners are strangers", |hook, body, world| {
            with_claims(hook, body, world, |claim| claim.also_owners.clear())
        }),
        (Law::Reference, "epochs do not count", |hook, body, world| {
            with_claims(hook, body, world, |claim| claim.epoch = 1)
        }),
        (Law::Reference, "confirmation does not count", |hook, body, world| {
            with_claims(hook, body, world, |claim| claim.confirmed_at = None)
        }),
        (Law::Reference, "the first claim does not count", |hook, body, world| {
            with_claims(hook, body, world, |claim| claim.claimed_at = jiff::Timestamp::UNIX_EPOCH)
        }),
        (Law::Reference, "what runs unclaimed holds nothing", |hook, body, world| {
            real(hook, body, &World { serving: vec![], ..world.clone() })
        }),
        (Law::Reference, "partitions are overlooked", |hook, body, world| {
            let serving = world.serving.iter().map(|one| Served { partition: None, ..*one }).collect();
            real(hook, body, &World { serving, ..world.clone() })
        }),
        (Law::Reference, "nobody looks whom callers accept", |hook, body, world| {
            real(hook, body, &World { accepted: vec![], ..world.clone() })
        }),
        (Law::Reference, "strict mode lets pass what is not claimed", |hook, body, world| {
            real(hook, body, &World { mode: Mode::Optimistic, ..world.clone() })
        }),
        (Law::Reference, "an old view is as good as a new one", |hook, body, world| {
            real(hook, body, &World { age: std::time::Duration::ZERO, ..world.clone() })
        }),
        (Law::Reference, "an old view is never refused", |hook, body, world| {
            real(hook, body, &World { on_stale: OnStale::Warn, ..world.clone() })
        }),
    ]
}

/// The real answer, changed.
fn answering(hook: Hook, body: &[u8], world: &World, change: impl FnOnce(&mut Value)) -> Option<Vec<u8>> {
    real(hook, body, world).map(|answer| changed(&answer, change))
}

fn changed(answer: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut answer = serde_json::from_slice(answer).unwrap();
    change(&mut answer);
    serde_json::to_vec(&answer).unwrap()
}

/// The real answer, its patch changed.
fn patching(hook: Hook, body: &[u8], world: &World, change: impl FnOnce(&mut Vec<Value>)) -> Option<Vec<u8>> {
    answering(hook, body, world, |answer| {
        let Some(text) = answer["response"]["patch"].as_str() else { return };
        let mut patch: Vec<Value> = serde_json::from_slice(&BASE64_STANDARD.decode(text).unwrap()).unwrap();
        change(&mut patch);
        answer["response"]["patch"] = BASE64_STANDARD.encode(serde_json::to_vec(&patch).unwrap()).into();
    })
}

/// The real answer to another question.
fn asking(hook: Hook, body: &[u8], world: &World, change: impl FnOnce(&mut Value)) -> Option<Vec<u8>> {
    let Ok(mut review) = serde_json::from_slice::<Value>(body) else { return real(hook, body, world) };
    change(&mut review["request"]);
    real(hook, &serde_json::to_vec(&review).unwrap(), world)
}

/// The real answer, but that some refusals of a code are none.
fn allowing(hook: Hook, body: &[u8], world: &World, code: &str, is_it: impl Fn(&Value) -> bool) -> Option<Vec<u8>> {
    let review: Value = serde_json::from_slice(body).unwrap_or_default();
    answering(hook, body, world, |answer| {
        if answer["response"]["auditAnnotations"]["decision"] == code && is_it(&review["request"]) {
            allow(answer);
        }
    })
}

fn with_claims(hook: Hook, body: &[u8], world: &World, change: fn(&mut Claim)) -> Option<Vec<u8>> {
    let mut world = world.clone();
    world.claims.iter_mut().for_each(change);
    real(hook, body, &world)
}

fn with_namespaces(
    hook: Hook,
    body: &[u8],
    world: &World,
    change: fn(&mut mesh_model::facts::NamespaceFacts),
) -> Option<Vec<u8>> {
    let mut world = world.clone();
    world.namespaces.iter_mut().for_each(|(_, facts)| change(facts));
    real(hook, body, &world)
}

fn with_owners(hook: Hook, body: &[u8], world: &World, change: fn(&str) -> String) -> Option<Vec<u8>> {
    let mut world = world.clone();
    let change = |owner: &mut Arc<str>| *owner = change(owner).into();
    world.namespaces.iter_mut().filter_map(|(_, facts)| facts.owner.as_mut()).for_each(change);
    world.claims.iter_mut().for_each(|claim| change(&mut claim.owner));
    real(hook, body, &world)
}

fn response(answer: &mut Value) -> &mut serde_json::Map<String, Value> {
    answer["response"].as_object_mut().unwrap()
}

fn is_allowed(answer: &Value) -> bool {
    answer["response"]["allowed"] == true
}

fn allow(answer: &mut Value) {
    let uid = answer["response"]["uid"].clone();
    answer["response"] = json!({"uid": uid, "allowed": true});
}

fn is_dry(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|review| review["request"]["dryRun"] == true)
}

fn does_not_read(answer: &[u8]) -> bool {
    String::from_utf8_lossy(answer).contains("could not be decided")
}

fn paths(patch: &mut [Value], change: impl Fn(&str) -> String) {
    for operation in patch {
        operation["path"] = change(operation["path"].as_str().unwrap()).into();
    }
}

/// Changes what is written as a mark.
fn texts(patch: &mut [Value], change: impl Fn(&str) -> String) {
    for value in patch.iter_mut().filter_map(|operation| operation.get_mut("value")) {
        if let Some(text) = value.as_str() {
            *value = change(text).into();
        }
    }
}

fn maps_are_there(patch: &mut Vec<Value>) {
    for operation in patch {
        let Some(map) = operation["value"].as_object().cloned() else { continue };
        let Some((key, value)) = map.iter().next().filter(|(_, value)| value.is_string()) else { continue };
        let place = format!("{}/{}", operation["path"].as_str().unwrap(), key.replace('/', "~1"));
        (operation["path"], operation["value"]) = (place.into(), value.clone());
    }
}

/// Writes each map of the result again, whole.
fn whole_maps(hook: Hook, body: &[u8], world: &World) -> Option<Vec<u8>> {
    let review: Value = serde_json::from_slice(body).unwrap_or_default();
    patching(hook, body, world, |patch| {
        let mut object = review["request"]["object"].clone();
        let operations: json_patch::Patch = serde_json::from_value(json!(patch)).unwrap();
        json_patch::patch(&mut object, &operations).unwrap();
        *patch = vec![json!({"op": "replace", "path": "/metadata", "value": object["metadata"]})];
    })
}

fn marks_are_overlooked(request: &mut Value) {
    for map in ["annotations", "labels"] {
        if let Some(map) = request["object"]["metadata"].get_mut(map).and_then(Value::as_object_mut) {
            map.remove(GLOBAL_NAME);
            map.remove(IDENTITY);
        }
    }
}

fn old_is_as_new(request: &mut Value) {
    if request["operation"] == "UPDATE" {
        let metadata = request["object"]["metadata"].clone();
        request["oldObject"]["metadata"] = metadata;
    }
}

fn jobs_are_statefulsets(request: &mut Value) {
    if request["kind"]["kind"] == "Job" {
        request["kind"] = json!({"group": "apps", "version": "v1", "kind": "StatefulSet"});
    }
}

fn templates_always_change(request: &mut Value) {
    if request["oldObject"]["spec"]["template"].is_object() {
        request["oldObject"]["spec"]["template"]["spec"] = json!({"image": "another"});
    }
}
