//! The members of a fleet change only when a person says so, and the policy says where it came from.

use std::fs;

use mesh_model::policy::{self, MemberState, MeshPolicy};
use mesh_tests::{TestEnv, copy_folder, example};
use serde_json::Value;

#[test]
fn init_lists_every_folder_and_does_it_once() {
    let fleet = bookstore();
    fs::remove_file(fleet.fleet().join("mesh.yaml")).unwrap();
    let done = run(&fleet, &["fleet", "init", "--yes"], "");
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.contains("`kubectl mesh sync` would do this"), "{}", done.stdout);
    let names: Vec<String> = stored(&fleet).fleet.members.iter().map(|member| member.name.to_string()).collect();
    assert_eq!(names, ["edge-us-west", "payments-us-east", "retail-us-west"]);
    let again = run(&fleet, &["fleet", "init", "--yes"], "");
    assert_eq!(again.code, 2, "{}", again.stdout);
    assert!(again.stderr.contains("lists 3 members already"), "{}", again.stderr);
}

#[test]
fn without_an_answer_nothing_is_written() {
    let fleet = bookstore();
    let before = fs::read_to_string(fleet.fleet().join("mesh.yaml")).unwrap();
    let refused = run(&fleet, &["fleet", "retire", "retail-us-west"], "");
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(fleet.fleet().join("mesh.yaml")).unwrap(), before);
}

#[test]
fn retire_and_add_edit_one_member_and_keep_what_a_person_wrote() {
    let fleet = bookstore();
    let revision = stored(&fleet).revision;
    assert_eq!(run(&fleet, &["fleet", "retire", "retail-us-west", "--yes"], "").code, 0);
    let policy = stored(&fleet);
    assert_eq!(policy.member("retail-us-west").unwrap().state, MemberState::Retired);
    assert_eq!(policy.member("retail-us-west").unwrap().region.as_deref(), Some("us-west-2"));
    assert_eq!(policy.revision, revision + 1);
    let text = fs::read_to_string(fleet.fleet().join("mesh.yaml")).unwrap();
    assert!(text.contains("# Clients check"), "comments stay: {text}");
    for (words, problem) in [
        (vec!["fleet", "retire", "retail-us-west", "--yes"], "retired already"),
        (vec!["fleet", "add", "retail-us-west", "--yes"], "retired member"),
        (vec!["fleet", "add", "edge-us-west", "--yes"], "member already"),
        (vec!["fleet", "retire", "nobody", "--yes"], "no member is called \"nobody\""),
        (vec!["fleet", "add", "a b", "--yes"], "white space"),
        (vec!["fleet", "add", "c9", "--gateway", ":", "--yes"], "gateway"),
    ] {
        let refused = run(&fleet, &words, "");
        assert_eq!(refused.code, 2, "{words:?}");
        assert!(refused.stderr.contains(problem), "{words:?}: {}", refused.stderr);
    }

    let words = ["fleet", "add", "c9", "--region", "eu-1", "--gateway", "gw.c9.example:15443", "--yes"];
    let added = run(&fleet, &words, "");
    assert_eq!(added.code, 3, "its folder is not there yet: {}", added.stderr);
    let member = stored(&fleet).member("c9").unwrap().clone();
    assert_eq!(member.region.as_deref(), Some("eu-1"));
    assert!(member.gateway.is_some());
}

#[test]
fn a_first_member_keeps_the_folders_as_members() {
    let fleet = bookstore();
    fs::remove_file(fleet.fleet().join("mesh.yaml")).unwrap();
    assert_eq!(run(&fleet, &["fleet", "add", "c9", "--yes", "--allow-unseen", "1"], "").code, 0);
    assert_eq!(stored(&fleet).fleet.members.len(), 4);

    fs::remove_file(fleet.fleet().join("mesh.yaml")).unwrap();
    assert_eq!(run(&fleet, &["fleet", "retire", "edge-us-west", "--yes"], "").code, 0);
    let policy = stored(&fleet);
    assert_eq!(policy.fleet.members.len(), 3);
    assert_eq!(policy.member("edge-us-west").unwrap().state, MemberState::Retired);
}

#[test]
fn list_shows_members_retired_ones_and_strangers() {
    let fleet = bookstore();
    assert_eq!(run(&fleet, &["fleet", "retire", "edge-us-west", "--yes"], "").code, 0);
    fs::create_dir(fleet.fleet().join("stranger")).unwrap();
    fs::write(fleet.fleet().join("retail-us-west/.unseen"), "").unwrap();
    let listed = run(&fleet, &["fleet", "list", "-o", "json"], "");
    assert_eq!(listed.code, 3, "one is unseen: {}", listed.stderr);
    let document: Value = serde_json::from_str(&listed.stdout).unwrap();
    let rows: Vec<(&str, &str, bool)> = document["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["cluster"].as_str().unwrap(), row["state"].as_str().unwrap(), row["seen"].as_bool().unwrap()))
        .collect();
    assert_eq!(
        rows,
        [
            ("edge-us-west", "retired", true),
            ("payments-us-east", "active", true),
            ("retail-us-west", "active", false),
            ("stranger", "stranger", false),
        ]
    );
    let table = run(&fleet, &["fleet", "list"], "").stdout;
    assert!(table.starts_with("CLUSTER "), "{table}");
    assert_eq!(run(&fleet, &["fleet", "list", "--allow-unseen", "1"], "").code, 0);
}

#[test]
fn the_policy_that_counts_is_shown_with_its_place() {
    let fleet = bookstore();
    let shown = run(&fleet, &["policy", "show"], "").stdout;
    let place = fleet.fleet().join("mesh.yaml");
    assert!(shown.starts_with("# from fleet/mesh.yaml\n"), "{shown}");
    assert_eq!(policy::parse(&shown, "shown").unwrap(), stored(&fleet));

    let other = fleet.fleet().join("other.yaml");
    fs::write(&other, "suffix: mesh.example\n").unwrap();
    let shown = run(&fleet, &["policy", "show", "--policy", other.to_str().unwrap()], "").stdout;
    assert!(shown.contains("(--policy)") && shown.contains("suffix: mesh.example"), "{shown}");

    fs::remove_file(place).unwrap();
    let shown = run(&fleet, &["policy", "show"], "").stdout;
    assert!(shown.starts_with("# the defaults: there is no "), "{shown}");
    assert_eq!(policy::parse(&shown, "shown").unwrap(), MeshPolicy::default());
}

#[test]
fn admirals_flags_become_a_policy_on_stdout_and_a_list_of_the_rest_on_stderr() {
    let fleet = bookstore();
    let flags = "--hostname_suffix=mesh --metrics=true\n# a comment\n--sync_namespace=other\n";
    let imported = run(&fleet, &["policy", "import", "--admiral-flags", "-"], flags);
    assert_eq!(imported.code, 0, "{}", imported.stderr);
    let policy = policy::parse(&imported.stdout, "imported").unwrap();
    assert_eq!(policy.suffix, "mesh");
    assert!(imported.stderr.contains("--metrics is left out"), "{}", imported.stderr);
    assert!(!imported.stderr.contains("hostname_suffix"), "{}", imported.stderr);

    let bad = run(&fleet, &["policy", "import", "--admiral-flags", "-"], "\n--hostname_suffix=a_b\n");
    assert_eq!(bad.code, 2);
    assert_eq!(bad.stdout, "");
    assert!(bad.stderr.contains("line 2"), "{}", bad.stderr);
    let missing = run(&fleet, &["policy", "import", "--admiral-flags", "/no/such/file"], "");
    assert_eq!(missing.code, 2);
}

#[test]
fn permissions_are_a_cluster_role_without_wildcards() {
    let fleet = TestEnv::new();
    for verb in
        ["check", "diff", "explain", "fleet-list", "graph", "plan", "render", "status", "sync", "trace", "whereis"]
    {
        let printed = run(&fleet, &["permissions", verb], "");
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        let role: Value = serde_saphyr::from_str(&printed.stdout).unwrap();
        assert_eq!(role["apiVersion"], "rbac.authorization.k8s.io/v1");
        assert_eq!(role["kind"], "ClusterRole");
        assert_eq!(role["metadata"]["name"], format!("kubectl-mesh-{verb}"));
        let rules = role["rules"].as_array().unwrap();
        assert!(rules.iter().all(|rule| !rule.to_string().contains('*')));
        let writes = rules.iter().any(|rule| rule["verbs"].to_string().contains("delete"));
        assert_eq!(writes, verb == "sync");
        let required = run(&fleet, &["permissions", verb, "--required-only"], "").stdout;
        assert!(required.len() < printed.stdout.len() && !required.contains("admiral.io"), "{required}");
    }
    assert_eq!(run(&fleet, &["permissions", "dance"], "").code, 2);
}

struct Run {
    stdout: String,
    stderr: String,
    code: i32,
}

fn run(env: &TestEnv, words: &[&str], input: &str) -> Run {
    let output = env.on_fleet(words).write_stdin(input).output().unwrap();
    Run {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    }
}

fn stored(env: &TestEnv) -> MeshPolicy {
    let text = fs::read_to_string(env.fleet().join("mesh.yaml")).unwrap();
    policy::parse(&text, "mesh.yaml").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn bookstore() -> TestEnv {
    let env = TestEnv::new();
    copy_folder(&example("bookstore"), &env.fleet());
    env
}
