//! Laws of admission, over whatever may come.

use mesh_admission::wire::{self, Hook};
use mesh_admission::{PlainIndex, Verdict, decide};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixture::{Review, claim, cluster, creates, policy, served, updates};

/// Values of labels and annotations that may be names, or not.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["checkout", "Checkout", "a.b", "b", "stage", "stage.a", "preview", "true", "false", ""])
            .prop_map(str::to_owned),
        1 => "\\PC{0,12}",
        1 => "[a-z.-]{60,70}",
    ]
}

/// Keys that mean something, and others.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec![
            "identity", "admiral.io/env", "env", "sidecar.istio.io/inject", "admiral-ignore", "admiral.io/ignore",
            "admiral.io/cname-case-sensitive", "admiral.io/identityPartition", "kubectl-mesh.io/global-name", "kubectl-mesh.io/identity",
        ]).prop_map(str::to_owned),
        1 => "[a-z~/]{1,6}",
    ]
}

fn pairs() -> impl Strategy<Value = Value> {
    let map = prop::collection::btree_map(key(), text(), 0..6).prop_map(|map| json!(map));
    prop_oneof![8 => map, 1 => Just(Value::Null)]
}

fn metadata() -> impl Strategy<Value = Value> {
    let both =
        (pairs(), pairs()).prop_map(|(labels, annotations)| json!({"labels": labels, "annotations": annotations}));
    prop_oneof![8 => both, 1 => Just(json!({})), 1 => Just(Value::Null)]
}

fn workload() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec![
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("argoproj.io/v1alpha1", "Rollout"),
        ("batch/v1", "Job"),
        ("batch/v1", "CronJob"),
    ]);
    (kind, metadata(), metadata(), 0..3_u8).prop_map(|((api_version, kind), own, of_template, image)| {
        let template = json!({"metadata": of_template, "spec": {"image": image}});
        let spec = if kind == "CronJob" {
            json!({"jobTemplate": {"spec": {"template": template}}})
        } else {
            json!({"template": template})
        };
        json!({"apiVersion": api_version, "kind": kind, "metadata": own, "spec": spec})
    })
}

fn review() -> impl Strategy<Value = Review> {
    let namespace = prop::sample::select(vec!["shop", "more", "pay", "a-stage", "unknown"]);
    (namespace, workload(), prop::option::of(workload())).prop_map(|(namespace, new, old)| match old {
        None => creates(namespace, &new),
        Some(mut old) => {
            (old["kind"], old["apiVersion"]) = (new["kind"].clone(), new["apiVersion"].clone());
            updates(namespace, &old, &new)
        }
    })
}

fn index() -> impl Strategy<Value = PlainIndex> {
    let name =
        || prop::sample::select(vec![("checkout", "stage"), ("a.b", "stage"), ("b", "stage.a"), ("Checkout", "stage")]);
    let owner = prop::sample::select(vec!["team-shop", "team-pay"]);
    let place = prop::sample::select(vec!["shop", "more", "pay"]);
    (prop::collection::vec((name(), owner), 0..3), prop::collection::vec((name(), place), 0..3)).prop_map(
        |(claims, uses)| {
            let mut index = cluster();
            for ((identity, env), owner) in claims {
                index.add_claim(&claim(owner, identity, env));
            }
            for ((identity, env), namespace) in uses {
                served(&mut index, identity, env, namespace);
            }
            index
        },
    )
}

proptest! {
    /// What the mutating webhook writes can be applied, touches our marks alone, and is written once.
    #[test]
    fn a_patch_applies_touches_our_marks_only_and_is_written_once(review in review(), index in index()) {
        let review = review.mutating();
        let (object, patch) = review.mutated(&index, &policy());
        for operation in &patch {
            let text = serde_json::to_string(operation).unwrap();
            prop_assert!(text.contains("kubectl-mesh.io"), "{text}");
        }
        let mut again = review.request.clone();
        again["object"] = object.clone();
        let again = Review { hook: Hook::Mutate, request: again };
        prop_assert_eq!(again.mutated(&index, &policy()).1, vec![]);
        prop_assert_eq!(without_marks(&object), without_marks(&review.request["object"]));
    }

    /// Nothing is refused for marks that the mutating webhook wrote.
    #[test]
    fn marks_of_our_own_are_right(review in review(), index in index()) {
        let before = review.verdict(&index, &policy());
        let mut request = review.request.clone();
        request["object"] = Review { hook: Hook::Mutate, request: request.clone() }.mutated(&index, &policy()).0;
        let after = Review { hook: Hook::Validate, request }.verdict(&index, &policy());
        let code = |verdict: &Verdict| match verdict {
            Verdict::Refused(refusal) => Some(refusal.code),
            Verdict::Allowed { .. } => None,
        };
        prop_assert_eq!(code(&before), code(&after));
    }

    /// A dry run is answered alike.
    #[test]
    fn a_dry_run_makes_no_difference(review in review(), index in index()) {
        let mut dry = review.request.clone();
        dry["dryRun"] = true.into();
        let dry = Review { hook: review.hook, request: dry };
        prop_assert_eq!(dry.verdict(&index, &policy()), review.verdict(&index, &policy()));
    }

    /// Whatever bytes come, the answer repeats the uid or there is none.
    #[test]
    fn any_bytes_are_answered_or_refused(body in prop::collection::vec(any::<u8>(), 0..200), at in 0..1000_usize, review in review()) {
        prop_assert!(wire::read(&body).is_err());
        let mut broken = review.body();
        let at = at % broken.len();
        broken.splice(at..at, body.into_iter().take(3));
        for hook in [Hook::Mutate, Hook::Validate] {
            let answer = match wire::read(&broken) {
                Ok(request) => Some((request.uid.to_string(), decide(hook, &request, &cluster(), &policy())))
                    .map(|(uid, verdict)| wire::answer(&uid, &verdict)),
                Err(error) => error.answer(hook),
            };
            if let Some(answer) = answer {
                let said: Value = serde_json::from_slice(&answer).unwrap();
                prop_assert!(said["response"]["uid"].as_str().is_some_and(|uid| !uid.is_empty()));
            }
        }
    }
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
