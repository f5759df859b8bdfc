//! Who may do what: the table of docs/rbac.md is what is rendered, and nothing in it is more than is needed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use mesh_testkit::helm::Helm;
use mesh_tests::program;
use serde_json::Value;

use super::{NAMESPACE, VARIANTS, objects, text};

#[test]
fn the_table_of_the_docs_is_what_is_rendered() {
    let Some(helm) = Helm::find() else { return };
    let objects = objects(&helm, "sync.access=true");
    let mut rendered: Vec<String> = Vec::new();
    for role in roles(&objects) {
        for rule in role["rules"].as_array().unwrap() {
            rendered.push(line(role, rule));
        }
    }
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rbac.md")).unwrap();
    let documented: Vec<&str> = docs.lines().filter(|line| line.starts_with("| `kubectl-mesh")).collect();
    let mut told: Vec<String> = Vec::new();
    for row in &documented {
        let (told_of, why) = row.trim_end_matches(" |").rsplit_once(" | ").unwrap();
        assert!(why.len() > 5, "{row}");
        told.push(told_of.to_owned());
    }
    rendered.sort();
    told.sort();
    assert_eq!(told.join("\n"), rendered.join("\n"));
}

#[test]
fn nobody_gets_everything_or_what_leads_to_it() {
    let Some(helm) = Helm::find() else { return };
    for (name, set) in VARIANTS {
        let objects = objects(&helm, set);
        assert!(roles(&objects).next().is_some(), "{name}");
        for role in roles(&objects) {
            for rule in role["rules"].as_array().unwrap() {
                let all = rule.to_string();
                assert!(!all.contains('*'), "{name}: {all}");
                for verb in ["escalate", "bind", "impersonate", "deletecollection"] {
                    assert!(!all.contains(&format!("\"{verb}\"")), "{name}: {all}");
                }
                if all.contains("\"secrets\"") {
                    assert_eq!(
                        (text(role, "/kind"), text(role, "/metadata/namespace")),
                        ("Role", NAMESPACE),
                        "{name}: {all}"
                    );
                    assert!(
                        rule["resourceNames"].is_array() || rule["verbs"] == serde_json::json!(["create"]),
                        "{name}: {all}"
                    );
                }
                let writes =
                    ["create", "update", "patch", "delete"].iter().any(|verb| all.contains(&format!("\"{verb}\"")));
                let workloads =
                    ["apps", "batch", "argoproj.io"].iter().any(|group| all.contains(&format!("\"{group}\"")));
                assert!(!(writes && workloads), "{name}: {all}");
            }
        }
    }
}

#[test]
fn certificates_of_others_need_no_rights() {
    let Some(helm) = Helm::find() else { return };
    for set in ["tls.mode=cert-manager", "tls.mode=existing-secret,tls.secretName=webhook-tls"] {
        let objects = objects(&helm, set);
        for role in roles(&objects) {
            let rules = role["rules"].to_string();
            assert!(!rules.contains("secrets") && !rules.contains("mutatingwebhookconfigurations"), "{set}: {rules}");
            // It is looked at by the test, and never written.
            let written =
                role["rules"].as_array().unwrap().iter().filter(|rule| rule["verbs"].to_string().contains("patch"));
            assert!(
                !written.into_iter().any(|rule| rule.to_string().contains("webhookconfigurations")),
                "{set}: {rules}"
            );
        }
    }
}

#[test]
fn the_sync_may_what_its_permissions_say_and_what_claims_need() {
    let Some(helm) = Helm::find() else { return };
    let printed = Command::new(program()).args(["permissions", "sync", "--watch"]).output().unwrap();
    let role: Value = serde_saphyr::from_str(&String::from_utf8(printed.stdout).unwrap()).unwrap();
    let wanted = rights(role["rules"].as_array().unwrap());
    let objects = objects(&helm, "sync.access=true");
    let of_sync = roles(&objects).filter(|role| text(role, "/metadata/name") == "kubectl-mesh-sync");
    let rules: Vec<Value> = of_sync.flat_map(|role| role["rules"].as_array().unwrap().clone()).collect();
    let given = rights(&rules);
    assert_eq!(wanted.difference(&given).collect::<Vec<_>>(), Vec::<&String>::new(), "missing");
    let more: Vec<&String> = given.difference(&wanted).filter(|right| !right.starts_with("kubectl-mesh.io ")).collect();
    assert_eq!(more, Vec::<&String>::new(), "too much");
}

pub(super) fn roles(objects: &[Value]) -> impl Iterator<Item = &Value> {
    objects.iter().filter(|object| matches!(text(object, "/kind"), "Role" | "ClusterRole"))
}

pub(super) fn list(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A line of the table, but for the reason.
fn line(of: &Value, rule: &Value) -> String {
    let who = text(of, "/metadata/name");
    let group = match list(&rule["apiGroups"])[..] {
        [""] => "core",
        [group] => group,
        ref groups => panic!("one group a rule: {groups:?}"),
    };
    let names = list(&rule["resourceNames"]);
    let names = if names.is_empty() { String::new() } else { format!(" named {}", names.join(", ")) };
    let scope = match (text(of, "/kind"), text(of, "/metadata/namespace")) {
        ("ClusterRole", _) => "cluster",
        (_, NAMESPACE) => "release namespace",
        _ => "sync namespace",
    };
    format!(
        "| `{who}` | {group}: {}{names} | {} | {scope}",
        list(&rule["resources"]).join(", "),
        list(&rule["verbs"]).join(", "),
    )
}

/// Each single thing that rules allow.
fn rights(rules: &[Value]) -> BTreeSet<String> {
    let mut rights = BTreeSet::new();
    for rule in rules {
        let names = list(&rule["resourceNames"]);
        let names = if names.is_empty() { vec!["any"] } else { names };
        for group in list(&rule["apiGroups"]) {
            for resource in list(&rule["resources"]) {
                for name in &names {
                    rights.extend(list(&rule["verbs"]).iter().map(|verb| format!("{group} {resource} {name} {verb}")));
                }
            }
        }
    }
    rights
}
