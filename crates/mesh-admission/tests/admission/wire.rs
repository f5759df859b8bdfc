//! Bytes that are no good reviews, and the shape of answers.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use mesh_admission::wire::{self, Hook, Malformed};
use mesh_admission::{Refusal, RefusalCode, Verdict, decide};
use serde_json::{Value, json};

use crate::fixture::{claim, cluster, creates, deployment, marked, policy};

fn answer(uid: &str, verdict: &Verdict) -> Value {
    serde_json::from_slice(&wire::answer(uid, verdict)).unwrap()
}

#[test]
fn an_answer_repeats_the_uid_and_has_a_patch_or_none() {
    let review = creates("shop", &deployment("checkout")).mutating();
    let verdict = review.verdict(&cluster(), &policy());
    let said = answer("7c1f", &verdict);
    assert_eq!((&said["apiVersion"], &said["kind"]), (&json!("admission.k8s.io/v1"), &json!("AdmissionReview")));
    assert_eq!((&said["response"]["uid"], &said["response"]["allowed"]), (&json!("7c1f"), &json!(true)));
    assert_eq!(said["response"]["patchType"], "JSONPatch");
    let patch = BASE64_STANDARD.decode(said["response"]["patch"].as_str().unwrap()).unwrap();
    assert!(serde_json::from_slice::<json_patch::Patch>(&patch).is_ok());
    let said = answer("7c1f", &Verdict::ALLOWED);
    assert_eq!(said["response"], json!({"uid": "7c1f", "allowed": true}));
}

#[test]
fn a_refusal_is_forbidden_and_never_a_conflict() {
    let mut index = cluster();
    index.add_claim(&claim("team-shop", "checkout", "stage"));
    let verdict = creates("pay", &marked("pay", &deployment("checkout"))).verdict(&index, &policy());
    let said = answer("u", &verdict);
    let status = &said["response"]["status"];
    assert_eq!((&status["code"], &status["reason"]), (&json!(403), &json!("Forbidden")));
    assert!(status["message"].as_str().unwrap().starts_with("[MESH-E101] "), "{status}");
    assert_eq!(status["details"]["causes"][0]["reason"], "MESH-E101");
    assert_eq!(said["response"]["auditAnnotations"], json!({"decision": "MESH-E101"}));
    assert!(said["response"].get("patch").is_none() && said["response"].get("patchType").is_none());
}

#[test]
fn without_a_uid_there_is_nobody_to_answer() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for body in
        ["", "{", "null", "[]", "nonsense", "\u{feff}{}", "{}", r#"{"request":null}"#, r#"{"request":{}}"#, &deep]
    {
        let read = wire::read(body.as_bytes());
        assert!(matches!(read, Err(Malformed::NoReview(_))), "{body:.40}");
    }
    for uid in [json!(""), json!(7), json!("x".repeat(129)), Value::Null] {
        let mut review = creates("shop", &deployment("checkout"));
        review.request["uid"] = uid;
        assert!(matches!(wire::read(&review.body()), Err(Malformed::NoReview(_))));
    }
    assert!(matches!(wire::read(&[0xff, 0xfe]), Err(Malformed::NoReview(_))));
}

#[test]
fn with_a_uid_what_does_not_read_is_refused_by_the_validating_webhook_alone() {
    let break_it: [fn(&mut Value); 8] = [
        |request| request["kind"] = json!("Deployment"),
        |request| request["kind"] = Value::Null,
        |request| request["operation"] = json!("FLY"),
        |request| request["operation"] = Value::Null,
        |request| request["namespace"] = json!(7),
        |request| request["subResource"] = json!([]),
        |request| drop(request.as_object_mut().unwrap().remove("kind")),
        |request| drop(request.as_object_mut().unwrap().remove("operation")),
    ];
    for change in break_it {
        let mut review = creates("shop", &deployment("checkout"));
        change(&mut review.request);
        let error = wire::read(&review.body()).unwrap_err();
        let said: Value = serde_json::from_slice(&error.answer(Hook::Validate).unwrap()).unwrap();
        assert_eq!(
            (&said["response"]["uid"], &said["response"]["allowed"]),
            (&json!("7c1f"), &json!(false)),
            "{error}"
        );
        assert!(said["response"]["status"]["message"].as_str().unwrap().starts_with("[MESH-E109] "), "{said}");
        let said: Value = serde_json::from_slice(&error.answer(Hook::Mutate).unwrap()).unwrap();
        assert_eq!(said["response"], json!({"uid": "7c1f", "allowed": true}));
    }
    let mut other = creates("shop", &deployment("checkout"));
    other.request["uid"] = "u".into();
    let body = String::from_utf8(other.body()).unwrap().replace("admission.k8s.io/v1", "admission.k8s.io/v9");
    assert!(matches!(wire::read(body.as_bytes()), Err(Malformed::NoRequest { .. })));
}

#[test]
fn objects_with_fields_of_wrong_types_are_refused_and_not_passed_over() {
    let (index, policy) = (cluster(), policy());
    for (at, bad) in [
        ("/metadata", json!([])),
        ("/metadata", json!("x")),
        ("/spec", json!("x")),
        ("/spec/template", json!(7)),
        ("/spec/template/metadata", json!([])),
        ("/spec/template/metadata/labels", json!(["identity"])),
        ("/spec/template/metadata/labels", json!({"identity": 7})),
        ("/spec/template/metadata/labels", json!({"identity": null})),
    ] {
        let mut object = deployment("checkout");
        object["metadata"] = json!({});
        *object.pointer_mut(at).unwrap() = bad;
        let review = creates("shop", &object);
        review.refused(&index, &policy, RefusalCode::Undecided);
        assert_eq!(review.mutating().verdict(&index, &policy), Verdict::ALLOWED, "{at}");
    }
    for object in [Value::Null, json!([]), json!("x"), json!(7)] {
        let mut review = creates("shop", &deployment("checkout"));
        review.request["object"] = object;
        review.refused(&index, &policy, RefusalCode::Undecided);
    }
    let mut update = creates("shop", &deployment("checkout"));
    update.request["operation"] = "UPDATE".into();
    update.refused(&index, &policy, RefusalCode::Undecided);
    let mut nowhere = creates("shop", &deployment("checkout"));
    nowhere.request["namespace"] = Value::Null;
    nowhere.refused(&index, &policy, RefusalCode::Undecided);
}

#[test]
fn what_is_not_registered_goes_through() {
    let (mut index, policy) = (cluster(), policy());
    index.add_claim(&claim("team-shop", "checkout", "stage"));
    let taken = || creates("pay", &marked("pay", &deployment("checkout")));
    let changes: [fn(&mut Value); 4] = [
        |request| request["operation"] = json!("DELETE"),
        |request| request["operation"] = json!("CONNECT"),
        |request| request["subResource"] = json!("scale"),
        |request| request["kind"] = json!({"group": "", "version": "v1", "kind": "Pod"}),
    ];
    for change in changes {
        let mut review = taken();
        change(&mut review.request);
        assert_eq!(review.verdict(&index, &policy), Verdict::ALLOWED);
    }
}

#[test]
fn a_template_that_is_too_deep_to_be_compared_is_a_deploy() {
    let (mut index, policy) = (cluster(), policy());
    index.add_claim(&claim("team-shop", "checkout", "stage"));
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let body = |old: &str| {
        let object = |more: &str| {
            let template = r#"{"metadata":{"labels":{"identity":"checkout","admiral.io/env":"stage"}},"x":"#;
            format!("{{\"metadata\":{{}},\"spec\":{{\"template\":{template}{more}}}}}}}")
        };
        format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","kind":{{"group":"apps","kind":"Deployment"}},"namespace":"pay","operation":"UPDATE","object":{},"oldObject":{}}}}}"#,
            object(&deep),
            object(old)
        )
    };
    let verdict = |old: &str| decide(Hook::Validate, &wire::read(body(old).as_bytes()).unwrap(), &index, &policy);
    assert_eq!(verdict(&deep), Verdict::ALLOWED, "the same text is the same");
    assert!(matches!(verdict("1"), Verdict::Refused(Refusal { code: RefusalCode::Held, .. })));
}
