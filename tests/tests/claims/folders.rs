//! The `names` verbs and the claims of `sync`, on folders.

use std::fs;

use mesh_tests::TestEnv;
use serde_json::Value;

const HOST: &str = "stage.pay.global";

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Two clusters that serve one name for different owners.
fn two_owners() -> TestEnv {
    let env = TestEnv::new();
    for (cluster, owner, day) in [("c1", "team-a", 1), ("c2", "team-b", 2)] {
        env.write(
            &format!("{cluster}/shop.yaml"),
            &format!(
                "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio-injection: enabled, kubectl-mesh.io/owner: {owner}}}}}\n---\n\
                 apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: pay, namespace: shop, creationTimestamp: 2026-01-0{day}T00:00:00Z}}\n\
                 spec: {{selector: {{matchLabels: {{app: pay}}}}, template: {{metadata: {{labels: {{app: pay, identity: pay, admiral.io/env: stage}}}}}}}}\n---\n\
                 apiVersion: v1\nkind: Service\nmetadata: {{name: pay, namespace: shop}}\nspec: {{selector: {{app: pay}}, ports: [{{name: http, port: 80}}]}}\n"
            ),
        );
    }
    let members = ["c1", "c2"].map(|name| format!("{{name: {name}, region: r, gateway: \"gw.{name}.example:15443\"}}"));
    env.write(
        "mesh.yaml",
        &format!(
            "apiVersion: kubectl-mesh.io/v1alpha1\nkind: MeshPolicy\nrevision: 1\nfleet: {{members: [{}]}}\n",
            members.join(", ")
        ),
    );
    env
}

fn on(env: &TestEnv, args: &[&str]) -> Ran {
    let output = env.on_fleet(args).output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[track_caller]
fn done(env: &TestEnv, args: &[&str]) -> String {
    let ran = on(env, args);
    assert_eq!(ran.code, Some(0), "{args:?}\n{}\n{}", ran.stdout, ran.stderr);
    ran.stdout
}

/// What is known of the name.
fn name(env: &TestEnv) -> Value {
    let listed: Value = serde_json::from_str(&done(env, &["names", HOST, "-o", "json"])).unwrap();
    listed["names"][0].clone()
}

#[test]
fn no_claim_is_written_where_nobody_began_with_claims() {
    let env = two_owners();
    let plan = done(&env, &["plan"]);
    assert!(!plan.contains("GlobalName"), "{plan}");
    assert_eq!(name(&env)["state"], "unclaimed");
}

#[test]
fn a_claim_is_carried_confirmed_handed_over_and_given_up() {
    let env = two_owners();
    let ran = on(&env, &["names", "claim", HOST]);
    assert_eq!(ran.code, Some(2), "nobody can be asked: {}", ran.stderr);
    assert_eq!(name(&env)["state"], "unclaimed");
    done(&env, &["names", "claim", HOST, "--yes"]);
    // Whoever has served it for longest.
    let file = env.fleet().join("c1/globalname-stage.pay.global.yaml");
    assert!(fs::read_to_string(&file).unwrap().contains("owner: team-a"));

    let plan = done(&env, &["plan"]);
    assert!(plan.contains("+ GlobalNameSet") && plan.contains("it carries what is claimed in c1"), "{plan}");
    done(&env, &["sync", "--yes"]);
    let plan = done(&env, &["plan", "--exit-code"]);
    assert!(plan.contains("No changes."), "{plan}");
    let known = name(&env);
    assert_eq!((&known["state"], &known["owner"]), (&"confirmed".into(), &"team-a".into()), "{known}");

    let other = on(&env, &["names", "claim", HOST, "--owner", "team-b", "--yes"]);
    assert_eq!(other.code, Some(2));
    assert!(other.stderr.contains("is held by team-a since 2026-03-01T12:00:00Z (cluster c1)"), "{}", other.stderr);
    let same = on(&env, &["names", "claim", HOST, "--yes"]);
    assert!(same.stderr.contains("team-a holds stage.pay.global already"), "{}", same.stderr);

    done(&env, &["names", "transfer", HOST, "--to", "team-b", "--yes"]);
    done(&env, &["sync", "--yes"]);
    let known = name(&env);
    assert_eq!((&known["owner"], &known["epoch"]), (&"team-b".into(), &2.into()), "{known}");
    done(&env, &["names", "claim", HOST, "--also", "team-a", "--yes"]);
    done(&env, &["sync", "--yes"]);
    let known = name(&env);
    assert_eq!((&known["alsoOwners"][0], &known["epoch"]), (&"team-a".into(), &3.into()), "{known}");

    done(&env, &["names", "release", HOST, "--yes"]);
    done(&env, &["sync", "--yes"]);
    assert_eq!(name(&env)["state"], "released");
    let again = on(&env, &["names", "release", HOST, "--yes"]);
    assert!(again.code == Some(2) && again.stderr.contains("claim it instead"), "{}", again.stderr);
    // What has run since before it was given up does not take it back by itself.
    assert!(done(&env, &["plan"]).contains("No changes."));
}

#[test]
fn who_serves_a_name_that_another_owner_holds_is_a_conflict_until_it_is_enforced() {
    let env = two_owners();
    let none = done(&env, &["names", "conflicts"]);
    assert!(none.contains("No conflicts in 2 clusters."), "{none}");
    done(&env, &["sync", "--yes"]);
    done(&env, &["names", "claim", HOST, "--yes"]);
    done(&env, &["sync", "--yes"]);
    let entry = || fs::read_to_string(env.fleet().join("c1/mesh-sync/serviceentry-stage.pay.global-se.yaml")).unwrap();
    assert!(entry().contains("gw.c2.example"), "what is live stays: {}", entry());
    let conflicts = on(&env, &["names", "conflicts"]);
    assert_eq!(conflicts.code, Some(1));
    assert!(conflicts.stdout.contains("is claimed by team-a"), "{}", conflicts.stdout);
    assert!(conflicts.stdout.contains("its endpoint stays"), "{}", conflicts.stdout);

    let shown = done(&env, &["names", "enforce", HOST, "--dry-run"]);
    assert!(shown.contains("removes traffic"), "{shown}");
    assert!(entry().contains("gw.c2.example"));
    done(&env, &["names", "enforce", HOST, "--yes"]);
    assert!(!entry().contains("gw.c2.example"), "{}", entry());
    assert!(done(&env, &["plan"]).contains("No changes."), "it does not come back");
}

#[test]
fn names_that_nothing_serves_are_pruned_and_leave_a_tombstone() {
    let env = two_owners();
    done(&env, &["names", "adopt", "--yes"]);
    assert!(done(&env, &["names", "prune", "--older-than", "0s", "--yes"]).contains("No changes."));
    for cluster in ["c1", "c2"] {
        let file = env.fleet().join(cluster).join("shop.yaml");
        let text = fs::read_to_string(&file).unwrap().replace("identity: pay", "app: pay");
        fs::write(&file, text.replace("app: pay, app: pay", "app: pay")).unwrap();
    }
    assert!(done(&env, &["names", "prune", "--yes"]).contains("No changes."), "it is too young");
    fs::write(env.fleet().join("c2/.unseen"), "").unwrap();
    let unseen = on(&env, &["names", "prune", "--older-than", "0s", "--yes"]);
    assert_eq!(unseen.code, Some(4), "{}", unseen.stderr);
    assert!(unseen.stderr.contains("c2 was not seen"), "{}", unseen.stderr);
    fs::remove_file(env.fleet().join("c2/.unseen")).unwrap();
    done(&env, &["names", "prune", "--older-than", "0s", "--yes"]);
    assert_eq!(name(&env)["state"], "released");
}

#[test]
fn names_of_ephemeral_envs_go_with_their_last_workload() {
    let env = two_owners();
    let policy = fs::read_to_string(env.fleet().join("mesh.yaml")).unwrap();
    fs::write(env.fleet().join("mesh.yaml"), policy + "claims: {ephemeralEnvs: [stage]}\n").unwrap();
    done(&env, &["names", "claim", HOST, "--yes"]);
    done(&env, &["sync", "--yes"]);
    assert_eq!(name(&env)["state"], "confirmed");
    let all = env.fleet().join("c1/shop.yaml");
    let text = fs::read_to_string(&all).unwrap();
    fs::write(&all, text.split("---\n").next().unwrap()).unwrap();
    done(&env, &["sync", "--yes"]);
    assert_eq!(name(&env)["state"], "confirmed", "c2 serves it");
    fs::write(env.fleet().join("c2/shop.yaml"), text.split("---\n").next().unwrap()).unwrap();
    done(&env, &["sync", "--yes", "--allow-last", "*"]);
    assert_eq!(name(&env)["state"], "released");
}
