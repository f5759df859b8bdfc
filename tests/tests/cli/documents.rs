//! Documents for programs: valid, alone on stdout, and as their schemas say.

use std::fs;
use std::path::Path;

use jsonschema::Validator;
use serde_json::Value;

use super::manifests::{dependency, two_clusters};
use super::ran;
use super::suppressions::suppress;

#[test]
fn plans_findings_and_reports_are_as_their_schemas_say() {
    let env = two_clusters();
    env.write("c2/dead.yaml", &dependency("web", "typo", "cart", "chekout"));
    env.write("c2/accepted.yaml", &dependency("web", "accepted", "cart", "ordres"));
    suppress(&env, "{code: dead-dependency, place: Dependency web/accepted, reason: later, until: 2026-12-31}");
    let (mut steps, mut suppressed) = (0, 0);
    // Creates first, then holds and deletes, then a report.
    for change in ["", "c2/.unseen"] {
        if !change.is_empty() {
            env.on_fleet(&["sync", "--yes"]).assert().success();
            env.write(change, "");
            fs::remove_file(env.fleet().join("c1/shop.yaml")).unwrap();
        }
        let plan = document(&ran(&mut env.on_fleet(&["plan", "-o", "json"])).stdout);
        steps += plan["steps"].as_array().unwrap().len();
        assert_valid("plan.schema.json", &plan);
        let findings = document(&ran(&mut env.on_fleet(&["check", "-o", "json"])).stdout);
        suppressed += findings["suppressed"].as_array().unwrap().len();
        assert_valid("finding-list.schema.json", &findings);
        assert_valid("graph.schema.json", &document(&ran(&mut env.on_fleet(&["graph", "-o", "json"])).stdout));
        assert_valid("fleet-status.schema.json", &document(&ran(&mut env.on_fleet(&["status", "-o", "json"])).stdout));
    }
    assert!(steps > 4, "the plans have steps of both sorts");
    assert_eq!(suppressed, 1, "the findings are of both sorts");
    let report = document(&ran(&mut env.on_fleet(&["sync", "--yes", "-o", "json", "--allow-last", "*"])).stdout);
    assert_valid("sync-report.schema.json", &report);
}

#[test]
fn a_trace_is_as_its_schema_says_before_and_after_a_sync() {
    let env = two_clusters();
    let trace = || document(&ran(&mut env.on_fleet(&["trace", "c2/web/cart", "checkout", "-o", "json"])).stdout);
    let before = trace();
    assert_valid("trace.schema.json", &before);
    assert!(before["traces"][0]["hops"].to_string().contains("broken"), "{before}");
    env.on_fleet(&["sync", "--yes"]).assert().success();
    let after = trace();
    assert_valid("trace.schema.json", &after);
    assert!(after["traces"][0]["ways"][0]["hops"].is_array(), "{after}");
}

#[test]
fn a_schema_refuses_what_is_not_in_it() {
    let env = two_clusters();
    let good = document(&ran(&mut env.on_fleet(&["plan", "-o", "json"])).stdout);
    for (pointer, bad) in
        [("/steps/0/action", Value::from("replace")), ("/digest", Value::from("1")), ("/extra", 1.into())]
    {
        let mut plan = good.clone();
        match plan.pointer_mut(pointer) {
            Some(value) => *value = bad,
            None => plan[pointer.trim_start_matches('/')] = bad,
        }
        assert!(!validator("plan.schema.json").is_valid(&plan), "{pointer}");
    }
}

#[test]
fn a_finding_is_the_same_in_every_document() {
    let finding = |name: &str| schema(name)["$defs"]["finding"].clone();
    assert_eq!(finding("graph.schema.json"), finding("finding-list.schema.json"));
    assert_eq!(finding("trace.schema.json"), finding("finding-list.schema.json"));
    assert_eq!(finding("plan.schema.json"), finding("finding-list.schema.json"));
}

#[test]
fn yaml_and_json_are_the_same_document_and_warnings_are_on_stderr() {
    let env = two_clusters();
    env.write("c2/.unseen", "");
    let json = ran(&mut env.on_fleet(&["plan", "-o", "json"]));
    let yaml = ran(&mut env.on_fleet(&["plan", "-o", "yaml"]));
    assert_eq!(document(&json.stdout), serde_saphyr::from_str::<Value>(&yaml.stdout).unwrap());
    assert!(json.stderr.contains("warning: c2 is unseen"), "{}", json.stderr);
    assert_eq!(json.code, Some(3));
}

#[test]
fn two_runs_print_the_same_bytes() {
    let env = two_clusters();
    for format in ["table", "wide", "json", "yaml", "name"] {
        let run = || ran(&mut env.on_fleet(&["plan", "-o", format])).stdout;
        assert_eq!(run(), run(), "{format}");
    }
    assert_eq!(ran(&mut env.on_fleet(&["plan", "-o", "name"])).stdout, "stage.checkout.global\n");
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn assert_valid(schema: &str, document: &Value) {
    let problems: Vec<String> =
        validator(schema).iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(problems.is_empty(), "{schema}: {problems:#?}");
}

fn schema(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas");
    document(&fs::read_to_string(folder.join(name)).unwrap())
}

fn validator(name: &str) -> Validator {
    jsonschema::validator_for(&schema(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
