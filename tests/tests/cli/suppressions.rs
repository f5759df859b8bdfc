//! What the policy suppresses: without effect on the exit status, counted, and told to programs.

use std::fs;

use mesh_tests::TestEnv;
use serde_json::Value;

use super::manifests::{dependency, two_clusters};
use super::ran;

/// A warning in c2, which the policy may suppress.
fn misspelled() -> TestEnv {
    let env = two_clusters();
    env.write("c2/dead.yaml", &dependency("web", "typo", "cart", "chekout"));
    env
}

/// Adds a suppression to the policy, as a mapping in flow style.
pub(super) fn suppress(env: &TestEnv, suppression: &str) {
    let policy = fs::read_to_string(env.fleet().join("mesh.yaml")).unwrap();
    env.write("mesh.yaml", &format!("{policy}check: {{suppress: [{suppression}]}}\n"));
}

#[test]
fn a_suppressed_finding_fails_no_check_and_is_apart_in_the_document() {
    let env = misspelled();
    let check = |args: &[&str]| ran(&mut env.on_fleet(&[&["check", "--fail-on", "warning"], args].concat()));
    let before: Value = serde_json::from_str(&check(&["-o", "json"]).stdout).unwrap();
    assert_eq!(before["suppressed"], Value::Array(vec![]));
    suppress(&env, "{code: dead-dependency, cluster: c*, place: Dependency web/typo, reason: soon, until: 2026-03-01}");
    let table = check(&[]);
    assert_eq!(table.code, Some(0), "{}{}", table.stdout, table.stderr);
    assert!(table.stdout.ends_with("; 1 suppressed.\n") && !table.stdout.contains("MESH-C035"), "{}", table.stdout);
    let wide = check(&["-o", "wide"]);
    assert!(wide.stdout.contains("\n         suppressed until 2026-03-01: soon\n"), "{}", wide.stdout);
    assert!(!check(&["-o", "name"]).stdout.contains("dead-dependency"));
    let after: Value = serde_json::from_str(&check(&["-o", "json"]).stdout).unwrap();
    let is_dead = |finding: &&Value| finding["name"] == "dead-dependency";
    let mut wanted = before["findings"].as_array().unwrap().iter().find(is_dead).unwrap().clone();
    wanted["reason"] = "soon".into();
    wanted["until"] = "2026-03-01".into();
    assert_eq!(after["suppressed"], Value::Array(vec![wanted]));
    assert_eq!(after["findings"].as_array().unwrap().iter().find(is_dead), None);
}

#[test]
fn a_suppression_whose_last_day_is_over_fails_a_check_beside_what_it_suppressed() {
    let env = misspelled();
    suppress(&env, "{code: MESH-C035, reason: soon, until: 2026-02-28}");
    let check = ran(&mut env.on_fleet(&["check", "--fail-on", "warning"]));
    assert_eq!(check.code, Some(1), "{}{}", check.stdout, check.stderr);
    for words in ["dead-dependency", "suppression-expired", "policy check.suppress[0]", "until 2026-02-28: soon"] {
        assert!(check.stdout.contains(words), "{words}: {}", check.stdout);
    }
    assert!(!check.stdout.contains("suppressed."), "{}", check.stdout);
}

#[test]
fn an_unused_suppression_is_a_finding_only_when_the_whole_fleet_was_asked_about_and_seen() {
    let env = misspelled();
    suppress(&env, "{code: vip-range, reason: soon, until: 2026-12-31}");
    let says = |args: &[&str]| {
        let names = ran(&mut env.on_fleet(&[&["check", "-o", "name"], args].concat())).stdout;
        names.lines().any(|name| name == "suppression-unused")
    };
    assert!(says(&[]));
    for part in [&["checkout"][..], &["-n", "shop"], &["--cluster", "c1"]] {
        assert!(!says(part), "{part:?}");
    }
    env.write("c1/.unseen", "Node\n");
    assert!(!says(&[]), "what it suppresses may be among what is unseen");
}

#[test]
fn a_plan_shows_what_check_leaves_out() {
    let env = misspelled();
    let found = || {
        let document: Value = serde_json::from_str(&ran(&mut env.on_fleet(&["plan", "-o", "json"])).stdout).unwrap();
        document["findings"].clone()
    };
    let before = found();
    suppress(&env, "{code: dead-dependency, reason: soon, until: 2026-12-31}");
    assert!(before.to_string().contains("dead-dependency"), "{before}");
    assert_eq!(found(), before);
}
