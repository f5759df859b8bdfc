//! `sync --waves` on folders.

use mesh_tests::TestEnv;

use super::manifests::{dependency, deployment, namespace, service};
use super::{Ran, ran};

/// checkout runs in c0 and is called by cart in c1 to c4.
fn five_clusters() -> TestEnv {
    let env = TestEnv::new();
    let members = [0, 1, 2, 3, 4]
        .map(|number| format!("  - {{name: c{number}, region: west, gateway: \"c{number}-gw.example:15443\"}}\n"))
        .concat();
    env.write(
        "mesh.yaml",
        &format!("apiVersion: kubectl-mesh.io/v1alpha1\nkind: MeshPolicy\nfleet:\n  members:\n{members}"),
    );
    env.write("c0/shop.yaml", &(namespace("shop") + &service("shop", "checkout", "checkout")));
    for number in 1..5 {
        let calls = namespace("web") + &deployment("web", "cart", "cart");
        env.write(&format!("c{number}/web.yaml"), &(calls + &dependency("web", "cart", "cart", "checkout")));
    }
    env
}

fn waves(run: &Ran) -> Vec<&str> {
    run.stderr.lines().filter(|line| line.contains("wave")).collect()
}

#[test]
fn callers_are_written_in_waves_that_are_counted_in_all() {
    let env = five_clusters();
    let dry = ran(&mut env.on_fleet(&["sync", "--dry-run", "--waves", "1,50%"]));
    assert_eq!((dry.code, waves(&dry)), (Some(0), vec!["in 3 waves: c1; c2; c3, c4"]), "{}", dry.stderr);
    let run = ran(&mut env.on_fleet(&["sync", "--yes", "--waves", "1,50%"]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let said = ["in 3 waves: c1; c2; c3, c4", "wave 1 of 3: c1", "wave 2 of 3: c2", "wave 3 of 3: c3, c4"];
    assert_eq!(waves(&run), said, "{}", run.stderr);
    assert!(run.stdout.ends_with("10 steps written.\n"), "{}", run.stdout);
    let again = ran(&mut env.on_fleet(&["sync", "--yes", "--waves", "1,50%"]));
    assert_eq!((again.code, waves(&again).len()), (Some(0), 0), "nothing to do: {}", again.stderr);
}

#[test]
fn a_wave_that_cannot_be_written_is_the_last_and_says_what_is_left() {
    let env = five_clusters();
    env.write("c2/mesh-sync", "a file where a folder should be");
    let run = ran(&mut env.on_fleet(&["sync", "--yes", "--waves", "1,2"]));
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("stopped after wave 2 of 3: 4 steps are left in c3, c4"), "{}", run.stderr);
    assert!(run.stdout.contains("4 steps written, 6 not"), "{}", run.stdout);
    assert!(run.stdout.contains("the sync stopped after wave 2 of 3"), "{}", run.stdout);
    for (cluster, is_written) in [("c0", true), ("c1", true), ("c3", false), ("c4", false)] {
        assert_eq!(env.fleet().join(cluster).join("mesh-sync").is_dir(), is_written, "{cluster}");
    }
    std::fs::remove_file(env.fleet().join("c2/mesh-sync")).unwrap();
    let again = ran(&mut env.on_fleet(&["sync", "--yes", "--waves", "1,2"]));
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(waves(&again)[0], "in 3 waves: c2; c3; c4", "those that are left are divided");
}

#[test]
fn waves_that_make_no_sense_are_usage_errors() {
    let env = five_clusters();
    for (given, says) in [
        ("", "expected numbers"),
        ("0", "at least one cluster"),
        ("20%,10%", "counted in all"),
        ("rest,1", "nothing comes after the rest"),
        ("200%", "more than 100%"),
    ] {
        let run = ran(&mut env.on_fleet(&["sync", "--yes", "--waves", given]));
        assert_eq!(run.code, Some(2), "{given}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{given}: {}", run.stderr);
    }
    let run = ran(&mut env.on_fleet(&["sync", "--yes", "--waves", "1", "--plan", "plan.json"]));
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(!env.fleet().join("c0/mesh-sync").exists());
}
