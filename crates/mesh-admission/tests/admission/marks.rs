//! What the mutating webhook writes, and which marks the validating one refuses.

use mesh_admission::{RefusalCode, WarningCode};
use serde_json::{Value, json};

use crate::fixture::{GLOBAL_NAME, HOST, IDENTITY, cluster, creates, deployment, marked, policy, updates};

const LABEL: &str = "6ae9a0f8c3e5b9a0";

fn marks(metadata: &Value) -> (Value, Value) {
    (metadata["annotations"][GLOBAL_NAME].clone(), metadata["labels"][IDENTITY].clone())
}

#[test]
fn a_new_workload_is_marked_and_so_are_its_pods() {
    let new = marked("shop", &deployment("checkout"));
    let (name, label) = marks(&new["metadata"]);
    assert_eq!(name, HOST);
    assert_eq!(label.as_str().unwrap().len(), LABEL.len());
    assert_eq!(marks(&new["spec"]["template"]["metadata"]), (name, label));
    assert_eq!(new["spec"]["template"]["metadata"]["labels"]["app"], "web", "what was there stays");
}

#[test]
fn a_template_that_the_request_leaves_alone_is_left_alone() {
    let old = deployment("checkout");
    let mut new = old.clone();
    new["spec"]["replicas"] = 5.into();
    let (new, patch) = updates("shop", &old, &new).mutating().mutated(&cluster(), &policy());
    assert_eq!(marks(&new["metadata"]).0, HOST);
    assert_eq!(new["spec"]["template"], old["spec"]["template"], "{patch:?}");
    // One that it changes is marked with it.
    let mut next = new.clone();
    next["spec"]["template"]["spec"]["containers"][0]["image"] = "app:2".into();
    let (next, _) = updates("shop", &new, &next).mutating().mutated(&cluster(), &policy());
    assert_eq!(marks(&next["spec"]["template"]["metadata"]).0, HOST);
    // And what a client wrote without our marks gets them back, which starts nothing.
    let mut written = next.clone();
    for (at, key) in [
        ("/metadata/annotations", GLOBAL_NAME),
        ("/metadata/labels", IDENTITY),
        ("/spec/template/metadata/annotations", GLOBAL_NAME),
    ] {
        written.pointer_mut(at).and_then(Value::as_object_mut).unwrap().remove(key);
    }
    let (back, _) = updates("shop", &next, &written).mutating().mutated(&cluster(), &policy());
    assert_eq!(back, next);
}

#[test]
fn templates_are_found_where_they_are() {
    let template = deployment("checkout")["spec"]["template"].clone();
    let job =
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": template}});
    assert_eq!(marks(&marked("shop", &job)["spec"]["template"]["metadata"]).0, HOST);
    let spec = json!({"jobTemplate": {"spec": {"template": template}}});
    let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"}, "spec": spec});
    let cron = marked("shop", &cron);
    assert_eq!(marks(&cron["metadata"]).0, HOST);
    assert_eq!(marks(&cron["spec"]["jobTemplate"]["spec"]["template"]["metadata"]).0, HOST);
}

#[test]
fn maps_that_are_missing_or_null_are_made() {
    let mut by_annotation = deployment("checkout");
    by_annotation["spec"]["template"]["metadata"] =
        json!({"labels": null, "annotations": {"identity": "checkout", "admiral.io/env": "stage"}});
    by_annotation["metadata"]["annotations"] = Value::Null;
    let new = marked("shop", &by_annotation);
    assert_eq!(marks(&new["metadata"]).0, HOST);
    assert_eq!(marks(&new["spec"]["template"]["metadata"]).0, HOST);
    let nothing = json!({"apiVersion": "apps/v1", "kind": "Deployment"});
    assert_eq!(marked("shop", &nothing), nothing);
}

#[test]
fn keys_with_slashes_and_tildes_are_escaped() {
    let (_, patch) =
        creates("shop", &marked("shop", &deployment("checkout"))).mutating().mutated(&cluster(), &policy());
    assert_eq!(patch, [], "a second time there is nothing to write");
    let mut new = deployment("checkout");
    new["metadata"]["annotations"] = json!({"a~b/c": "d"});
    let (new, patch) = creates("shop", &new).mutating().mutated(&cluster(), &policy());
    let text = serde_json::to_string(&patch).unwrap();
    assert!(text.contains("/metadata/annotations/kubectl-mesh.io~1global-name"), "{text}");
    assert_eq!(new["metadata"]["annotations"]["a~b/c"], "d");
}

#[test]
fn a_foreign_mark_is_refused_and_never_written_over() {
    let (index, policy) = (cluster(), policy());
    let mut copied = marked("shop", &deployment("checkout"));
    copied["spec"]["template"]["metadata"]["labels"]["identity"] = "till".into();
    let (kept, patch) = creates("shop", &copied).mutating().mutated(&index, &policy);
    assert_eq!((kept, patch.len()), (copied.clone(), 0));
    let refusal = creates("shop", &copied).refused(&index, &policy, RefusalCode::WrongMark);
    assert!(refusal.what.contains("stage.till.global"), "the right name is told: {refusal}");
    // So is one that comes with an update, on the template as well.
    let old = marked("shop", &deployment("checkout"));
    for at in ["/metadata", "/spec/template/metadata"] {
        for (map, key) in [("annotations", GLOBAL_NAME), ("labels", IDENTITY)] {
            let mut new = old.clone();
            new.pointer_mut(at).unwrap()[map][key] = "foreign".into();
            updates("shop", &old, &new).refused(&index, &policy, RefusalCode::WrongMark);
        }
    }
    // And one on a workload without an identity.
    let mut nobody = deployment("");
    nobody["metadata"]["annotations"] = json!({ GLOBAL_NAME: HOST });
    creates("shop", &nobody).refused(&index, &policy, RefusalCode::WrongMark);
}

#[test]
fn marks_go_with_the_identity() {
    let old = marked("shop", &deployment("checkout"));
    let mut new = old.clone();
    new["spec"]["template"]["metadata"]["labels"].as_object_mut().unwrap().remove("identity");
    let (new, _) = updates("shop", &old, &new).mutating().mutated(&cluster(), &policy());
    assert_eq!(marks(&new["metadata"]), (Value::Null, Value::Null));
    assert_eq!(marks(&new["spec"]["template"]["metadata"]), (Value::Null, Value::Null));
    assert_eq!(updates("shop", &old, &new).allowed(&cluster(), &policy()), []);
}

#[test]
fn marks_are_not_changed_through_the_status() {
    let (index, policy) = (cluster(), policy());
    let old = marked("shop", &deployment("checkout"));
    let mut new = old.clone();
    new["status"] = json!({"readyReplicas": 1});
    assert_eq!(updates("shop", &old, &new).of_status().allowed(&index, &policy), []);
    for change in [Value::Null, json!("foreign")] {
        for (map, key) in [("annotations", GLOBAL_NAME), ("labels", IDENTITY)] {
            let mut new = old.clone();
            match &change {
                Value::Null => drop(new["metadata"][map].as_object_mut().unwrap().remove(key)),
                value => new["metadata"][map][key] = value.clone(),
            }
            updates("shop", &old, &new).of_status().refused(&index, &policy, RefusalCode::WrongMark);
        }
    }
}

#[test]
fn without_the_mutating_webhook_the_name_is_told() {
    let warnings = creates("shop", &deployment("checkout")).allowed(&cluster(), &policy());
    assert_eq!(warnings, [WarningCode::Pending, WarningCode::Defaulted]);
}
