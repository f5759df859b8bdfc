//! Writing: asked for, limited, compared with a saved plan, reported.

use std::fs;

use super::manifests::{dependency, namespace, service, two_clusters};
use super::{on_terminal, ran};

#[test]
fn sync_writes_nothing_when_nobody_can_be_asked() {
    let env = two_clusters();
    let run = ran(&mut env.on_fleet(&["sync"]));
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("not a terminal") && run.stderr.contains("hint: add --yes"), "{}", run.stderr);
    assert!(run.stdout.contains("Plan: 4 to add"), "the plan is shown: {}", run.stdout);
    assert!(!env.fleet().join("c1/mesh-sync").exists());
}

#[test]
fn a_dry_run_writes_nothing() {
    let env = two_clusters();
    for dry_run in ["--dry-run", "--dry-run=client"] {
        let run = ran(&mut env.on_fleet(&["sync", dry_run]));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(!env.fleet().join("c1/mesh-sync").exists());
    }
    let run = ran(&mut env.on_fleet(&["sync", "--yes", "--dry-run=server"]));
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("is a folder: there is no server to ask"), "{}", run.stderr);
    assert_eq!(ran(&mut env.on_fleet(&["sync", "--yes", "--dry-run=serve"])).code, Some(2));
    assert!(!env.fleet().join("c1/mesh-sync").exists());
}

#[test]
fn sync_reports_a_row_for_each_cluster_and_the_second_time_writes_nothing() {
    let env = two_clusters();
    let run = ran(&mut env.on_fleet(&["sync", "--yes"]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let report = "CLUSTER  CREATED  UPDATED  DELETED  NOT WRITTEN\n\
                  c1       2        0        0        0\n\
                  c2       2        0        0        0\n\n\
                  4 steps written.\n";
    assert!(run.stdout.ends_with(report), "{}", run.stdout);
    let again = ran(&mut env.on_fleet(&["sync"]));
    assert_eq!(again.code, Some(0), "nothing to do needs no leave: {}", again.stderr);
    assert!(again.stdout.ends_with("No changes. 2 clusters hold what they should.\n"), "{}", again.stdout);
}

#[test]
fn a_target_that_cannot_be_written_is_reported_and_the_others_go_on() {
    let env = two_clusters();
    env.write("c2/mesh-sync", "a file where a folder should be");
    let run = ran(&mut env.on_fleet(&["sync", "--yes"]));
    assert_eq!(run.code, Some(3), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("2 steps written, 2 not; run `kubectl mesh sync` again to go on."), "{}", run.stdout);
    assert!(env.fleet().join("c1/mesh-sync").is_dir());
    let again = ran(&mut env.on_fleet(&["sync", "--yes"]));
    assert!(again.code == Some(4) && again.stdout.contains("0 steps written, 2 not"), "{}", again.stdout);
    fs::remove_file(env.fleet().join("c2/mesh-sync")).unwrap();
    assert_eq!(ran(&mut env.on_fleet(&["sync", "--yes"])).code, Some(0), "running it again is the recovery");
}

#[test]
fn a_saved_plan_goes_on_only_while_it_is_what_would_be_planned() {
    let env = two_clusters();
    let saved = env.root().join("plan.json");
    fs::write(&saved, ran(&mut env.on_fleet(&["plan", "-o", "json"])).stdout).unwrap();
    env.write("c2/more.yaml", &(namespace("more") + &service("more", "more", "more")));
    let stale = ran(&mut env.on_fleet(&["sync", "--yes", "--plan", "plan.json"]));
    assert_eq!(stale.code, Some(5), "{}", stale.stderr);
    assert!(stale.stderr.contains("+ c2: create ServiceEntry mesh-sync/stage.more.global-se"), "{}", stale.stderr);
    assert!(!env.fleet().join("c1/mesh-sync").exists());
    fs::remove_file(env.fleet().join("c2/more.yaml")).unwrap();
    assert_eq!(ran(&mut env.on_fleet(&["sync", "--yes", "--plan", "plan.json"])).code, Some(0));

    let text = fs::read_to_string(&saved).unwrap();
    fs::write(&saved, text.replacen("\"cluster\": \"c1\"", "\"cluster\": \"c2\"", 1)).unwrap();
    let changed = ran(&mut env.on_fleet(&["sync", "--yes", "--plan", "plan.json"]));
    assert!(changed.code == Some(2) && changed.stderr.contains("digest"), "{}", changed.stderr);
}

#[test]
fn a_saved_plan_remembers_what_it_was_asked_about() {
    let env = two_clusters();
    env.write("c2/more.yaml", &(namespace("more") + &service("more", "more", "more")));
    let saved = ran(&mut env.on_fleet(&["plan", "more", "-o", "yaml"])).stdout;
    fs::write(env.root().join("plan.yaml"), saved).unwrap();
    let run = ran(&mut env.on_fleet(&["sync", "--yes", "--plan", "plan.yaml"]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!env.fleet().join("c1/mesh-sync").exists(), "checkout was not asked for");
    assert!(env.fleet().join("c2/mesh-sync").is_dir());
}

#[test]
fn the_last_endpoint_of_a_name_with_clients_needs_leave_that_yes_does_not_give() {
    let env = two_clusters();
    env.on_fleet(&["sync", "--yes"]).assert().success();
    fs::remove_file(env.fleet().join("c1/shop.yaml")).unwrap();
    env.write("c1/shop.yaml", &namespace("shop"));
    let held = ran(&mut env.on_fleet(&["sync", "--yes"]));
    assert_eq!(held.code, Some(3), "{}", held.stdout);
    assert!(held.stderr.contains("--allow-last stage.checkout.global"), "{}", held.stderr);
    assert!(env.fleet().join("c2/mesh-sync/serviceentry-stage.checkout.global-se.yaml").exists());
    let gone = ran(&mut env.on_fleet(&["sync", "--yes", "--allow-last", "checkout"]));
    assert_eq!(gone.code, Some(0), "{}{}", gone.stdout, gone.stderr);
    assert!(!env.fleet().join("c2/mesh-sync/serviceentry-stage.checkout.global-se.yaml").exists());
}

#[test]
fn over_the_removal_budget_additions_are_written_and_removals_held() {
    let env = two_clusters();
    for n in 0..5 {
        let name = format!("s{n}");
        let text = service("shop", &name, &name) + &dependency("shop", &name, "cart", &name);
        env.write(&format!("c1/{name}.yaml"), &text);
    }
    env.on_fleet(&["sync", "--yes"]).assert().success();
    for n in 0..5 {
        fs::remove_file(env.fleet().join(format!("c1/s{n}.yaml"))).unwrap();
    }
    env.write("c1/new.yaml", &service("shop", "new", "new"));
    let held = ran(&mut env.on_fleet(&["sync", "--yes"]));
    assert_eq!(held.code, Some(3), "{}{}", held.stdout, held.stderr);
    assert!(held.stderr.contains("5 removals, and one run may do 3"), "{}", held.stderr);
    let file = |name: &str| env.fleet().join(format!("c1/mesh-sync/serviceentry-stage.{name}.global-se.yaml"));
    assert!(file("new").exists() && file("s0").exists());
    let gone = ran(&mut env.on_fleet(&["sync", "--yes", "--max-removals", "5"]));
    assert_eq!(gone.code, Some(0), "{}{}", gone.stdout, gone.stderr);
    assert!(!file("s0").exists());
}

#[test]
fn a_former_source_stays_until_it_is_pruned() {
    let env = two_clusters();
    env.write("c2/shop.yaml", &(namespace("shop") + &service("shop", "checkout", "checkout")));
    env.write("c1/web.yaml", &dependency("web", "cart", "cart", "checkout"));
    env.on_fleet(&["sync", "--yes"]).assert().success();
    fs::remove_file(env.fleet().join("c1/web.yaml")).unwrap();
    env.write("c1/shop.yaml", &namespace("shop"));
    let file = env.fleet().join("c1/mesh-sync/serviceentry-stage.checkout.global-se.yaml");
    assert_eq!(ran(&mut env.on_fleet(&["sync", "--yes"])).code, Some(0));
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("kubectl-mesh.io/ex-source: \"2026-03-01T12:00:00Z\""), "{text}");
    let young = ran(&mut env.on_fleet(&["sync", "--yes", "--prune-ex-sources=30d"]));
    assert!(young.code == Some(0) && file.exists(), "{}", young.stdout);
    let old = ran(env.on_fleet(&["sync", "--yes", "--prune-ex-sources=30d"]).env("MESH_NOW", "2026-04-01T12:00:00Z"));
    assert_eq!(old.code, Some(0), "{}{}", old.stdout, old.stderr);
    assert!(!file.exists());
}

#[test]
fn on_a_terminal_it_asks_naming_fleet_clusters_additions_and_removals() {
    let env = two_clusters();
    for (answer, code, is_written) in [("n\n", 1, false), ("", 1, false), ("y\n", 0, true)] {
        let run = on_terminal(&env, "sync", answer);
        assert_eq!(run.code, Some(code), "{answer:?}: {}", run.stdout);
        let question = "Write to fleet (c1, c2): 4 additions, 0 changes, 0 removals? [y/N]";
        assert!(run.stdout.contains(question), "{}", run.stdout);
        assert!(run.stdout.contains("\u{1b}[32m+"), "a terminal gets colour: {:?}", run.stdout);
        assert_eq!(env.fleet().join("c1/mesh-sync").exists(), is_written, "{answer:?}");
    }
}
