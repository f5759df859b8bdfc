//! Changes of the policy that move what is written already: said first, and asked for on their own.

use std::fs;
use std::path::PathBuf;

use mesh_tests::TestEnv;

use super::manifests::two_clusters;
use super::{on_terminal, ran};

/// Two clusters as `sync` left them, with `line` in the policy afterwards.
fn changed_to(line: &str) -> TestEnv {
    let env = two_clusters();
    env.on_fleet(&["sync", "--yes"]).assert().success();
    append(&env, line);
    env
}

fn append(env: &TestEnv, line: &str) {
    let policy = fs::read_to_string(env.fleet().join("mesh.yaml")).unwrap();
    env.write("mesh.yaml", &format!("{policy}{line}\n"));
}

fn files(env: &TestEnv, cluster: &str, folder: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(env.fleet().join(cluster).join(folder)) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_migration_is_the_first_line_of_the_plan_and_yes_is_not_enough() {
    for (line, words) in [
        ("suffix: mesh", "the suffix changes from global to mesh, which moves 4 live objects"),
        ("syncNamespace: other", "the sync namespace changes from mesh-sync to other, which moves 4 live objects"),
        ("keys: {identity: app}", "the identity key changes from identity to app, which moves 2 live objects"),
    ] {
        let env = changed_to(line);
        let before = snapshot(&env);
        let plan = ran(&mut env.on_fleet(&["plan"]));
        let first = format!("Migration: {words}; sync asks for it on its own.\n");
        assert!(plan.stdout.starts_with(&first), "{line}: {}", plan.stdout);
        let json = ran(&mut env.on_fleet(&["plan", "-o", "json"]));
        assert!(json.stderr.contains(words), "{line}: {}", json.stderr);
        let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        let objects = json["migrations"][0]["objects"].as_u64().unwrap();
        assert!(words.ends_with(&format!("moves {objects} live objects")), "{line}: {}", json["migrations"]);

        let refused = ran(&mut env.on_fleet(&["sync", "--yes"]));
        assert_eq!(refused.code, Some(2), "{line}: {}{}", refused.stdout, refused.stderr);
        assert!(refused.stderr.contains(words) && refused.stderr.contains("--yes-migrate"), "{}", refused.stderr);
        assert_eq!(snapshot(&env), before, "{line}: nothing is written");

        let agreed = ran(&mut env.on_fleet(&["sync", "--yes", "--yes-migrate", "--allow-last", "*"]));
        assert_eq!(agreed.code, Some(0), "{line}: {}{}", agreed.stdout, agreed.stderr);
        let after = ran(&mut env.on_fleet(&["plan"])).stdout;
        assert!(after.ends_with("No changes. 2 clusters hold what they should.\n"), "{line}: {after}");
        assert!(!after.contains("Migration"), "{line}: {after}");
    }
}

#[test]
fn the_first_address_of_another_range_is_a_migration() {
    let env = changed_to("vip: {range: 10.0.0.0/8}");
    // Addresses in use are kept: as long as no host is new, the range does nothing.
    assert!(!ran(&mut env.on_fleet(&["plan"])).stdout.contains("Migration"));
    env.write("c1/new.yaml", &super::manifests::service("shop", "new", "new"));
    let words = "to 10.0.0.0/8, from which new hosts take theirs; 2 live objects keep what they have";
    let plan = ran(&mut env.on_fleet(&["plan"])).stdout;
    assert!(
        plan.starts_with("Migration: the range of virtual addresses changes from 240.") && plan.contains(words),
        "{plan}"
    );
    let refused = ran(&mut env.on_fleet(&["sync", "--yes"]));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    let agreed = ran(&mut env.on_fleet(&["sync", "--yes", "--yes-migrate"]));
    assert_eq!(agreed.code, Some(0), "{}{}", agreed.stdout, agreed.stderr);
    env.write("c1/next.yaml", &super::manifests::service("shop", "next", "next"));
    let next = ran(&mut env.on_fleet(&["sync", "--yes"]));
    assert_eq!(next.code, Some(0), "it was agreed to: {}", next.stderr);
}

#[test]
fn on_a_terminal_a_migration_is_a_second_question() {
    for (args, answers, code, is_moved) in [
        ("sync", "y\nn\n", 1, false),
        ("sync", "n\n", 1, false),
        ("sync", "y\ny\n", 0, true),
        ("sync --yes", "n\n", 1, false),
        ("sync --yes", "y\n", 0, true),
        ("sync --yes-migrate", "n\n", 1, false),
        ("sync --yes-migrate", "y\n", 0, true),
    ] {
        let env = changed_to("syncNamespace: other");
        let run = on_terminal(&env, args, answers);
        assert_eq!(run.code, Some(code), "{args} {answers:?}: {}", run.stdout);
        let asked = run.stdout.contains("This is a migration: the sync namespace changes from mesh-sync to other");
        assert_eq!(asked, !args.contains("migrate") && answers != "n\n" || args == "sync --yes", "{args} {answers:?}");
        assert_eq!(!files(&env, "c1", "other").is_empty(), is_moved, "{args} {answers:?}");
    }
}

#[test]
fn what_is_no_migration_is_not_called_one() {
    for line in ["vip: {range: 10.0.0.0/8}", "vip: \"off\"", "sans: serviceAccounts", "exclude: [checkout]"] {
        let env = changed_to(line);
        let plan = ran(&mut env.on_fleet(&["plan"])).stdout;
        assert!(!plan.contains("Migration"), "{line}: {plan}");
        assert_eq!(ran(&mut env.on_fleet(&["sync", "--yes"])).code, Some(0), "{line}");
    }
    // Nothing is live yet.
    let env = two_clusters();
    append(&env, "suffix: mesh");
    assert!(!ran(&mut env.on_fleet(&["plan"])).stdout.contains("Migration"));
    // What goes for another reason, and drift.
    let env = changed_to("");
    env.write("c2/web.yaml", &super::manifests::namespace("web"));
    let file = files(&env, "c1", "mesh-sync")
        .into_iter()
        .find(|file| file.ends_with("serviceentry-stage.checkout.global-se.yaml"));
    let file = file.unwrap();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace("    identity: checkout\n", "").replace("- stage.checkout.global", "- stage.other.mesh"),
    )
    .unwrap();
    let plan = ran(&mut env.on_fleet(&["plan"])).stdout;
    assert!(plan.ends_with("Plan: 0 to add, 1 to change, 2 to delete, 0 held in 2 clusters.\n"), "{plan}");
    assert!(!plan.contains("Migration"), "{plan}");
}

#[test]
fn adopting_admiral_s_objects_is_no_migration() {
    let env = changed_to("syncNamespace: mesh-sync\nadopt: admiral\nsuffix: mesh");
    for cluster in ["c1", "c2"] {
        for file in files(&env, cluster, "mesh-sync") {
            let text = fs::read_to_string(&file).unwrap();
            let adopted = text.replace("created-by: kubectl-mesh", "created-by: admiral");
            fs::write(&file, adopted.replace("240.", "240.0.10.").replace("240.0.10.0.10.", "240.0.10.")).unwrap();
        }
    }
    let plan = ran(&mut env.on_fleet(&["plan"])).stdout;
    assert!(plan.contains("4 to delete") && !plan.contains("Migration"), "{plan}");
}

#[test]
fn moving_to_another_namespace_keeps_what_came_from_an_unseen_cluster() {
    let env = changed_to("syncNamespace: other");
    env.write("c1/.unseen", "");
    let plan = ran(&mut env.on_fleet(&["plan"])).stdout;
    assert!(plan.contains("neutral") && !plan.contains("removes traffic"), "{plan}");
    env.on_fleet(&["sync", "--yes", "--yes-migrate", "--allow-unseen", "1"]).assert().success();
    assert!(files(&env, "c2", "mesh-sync").is_empty() && files(&env, "c2", "other").len() == 2);
    let text = fs::read_to_string(env.fleet().join("c2/other/serviceentry-stage.checkout.global-se.yaml")).unwrap();
    assert!(text.contains("address: c1-gw.example."), "{text}");
    assert_eq!(files(&env, "c1", "mesh-sync").len(), 2, "what is unseen stays where it is");
}

#[test]
fn what_is_left_in_the_former_namespace_tells_nothing_once_there_is_an_object_in_the_new_one() {
    // Before and after `mesh-sync` in the order of names.
    for namespace in ["generated", "other"] {
        let env = changed_to(&format!("syncNamespace: {namespace}"));
        let former = env.fleet().join("c2/mesh-sync/serviceentry-stage.checkout.global-se.yaml");
        let text = fs::read_to_string(&former).unwrap();
        env.on_fleet(&["sync", "--yes", "--yes-migrate"]).assert().success();
        fs::write(former, text.replace("c1-gw.example.", "stale-gw.example.")).unwrap();
        env.write("c1/.unseen", "");
        let plan = ran(&mut env.on_fleet(&["plan"])).stdout;
        assert!(plan.contains("it moves from mesh-sync to"), "{plan}");
        assert!(plan.contains("Plan: 0 to add, 0 to change, 1 to delete,"), "{namespace}: {plan}");
    }
}

#[test]
fn an_object_stays_in_the_former_namespace_until_what_takes_its_place_is_written() {
    let env = changed_to("syncNamespace: other");
    env.write("c2/other", "a file where a folder should be");
    let run = ran(&mut env.on_fleet(&["sync", "--yes", "--yes-migrate"]));
    assert_eq!(run.code, Some(3), "{}{}", run.stdout, run.stderr);
    assert!(
        run.stdout.contains("ServiceEntry mesh-sync/stage.checkout.global-se: what takes its place was not written")
    );
    assert_eq!((files(&env, "c1", "mesh-sync").len(), files(&env, "c2", "mesh-sync").len()), (0, 2));
    fs::remove_file(env.fleet().join("c2/other")).unwrap();
    env.on_fleet(&["sync", "--yes", "--yes-migrate"]).assert().success();
    assert_eq!((files(&env, "c2", "mesh-sync").len(), files(&env, "c2", "other").len()), (0, 2));
}

/// Every file of the fleet with its text.
fn snapshot(env: &TestEnv) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for cluster in ["c1", "c2"] {
        for folder in ["mesh-sync", "other"] {
            found.extend(
                files(env, cluster, folder).into_iter().map(|file| (file.clone(), fs::read_to_string(file).unwrap())),
            );
        }
    }
    found.sort();
    found
}
