//! The command line: exit statuses, what goes where, and that nothing from a fleet reaches a terminal unescaped.

use std::fs;
use std::process::{Command, Stdio};

use mesh_tests::TestEnv;
use serde_json::Value;

mod bad_input;
mod documents;
mod graph;
mod interrupts;
mod manifests;
mod migration;
mod names;
mod suppressions;
mod sync;
mod terminal;
mod traffic;
mod unreadable;
mod waves;

use manifests::two_clusters;

/// What a run printed, and how it ended.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn ran(command: &mut assert_cmd::Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A run of the program on a terminal of its own (by util-linux's `script`, which every Linux has), to which somebody types
/// `answers`. Everything is shown on one stream.
fn on_terminal(env: &TestEnv, args: &str, answers: &str) -> Ran {
    let command = format!("'{}' {args} --fleet fleet", mesh_tests::program().display());
    let mut script = assert_cmd::Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).current_dir(env.root()).env("TERM", "xterm");
    script.env_remove("MESH_FLEET").env_remove("NO_COLOR");
    ran(script.write_stdin(answers))
}

#[test]
fn a_plan_ends_with_a_count_and_status_0_or_1_when_asked() {
    let env = two_clusters();
    let plan = ran(&mut env.on_fleet(&["plan"]));
    let last = plan.stdout.lines().last().unwrap();
    assert_eq!(last, "Plan: 4 to add, 0 to change, 0 to delete, 0 held in 2 clusters.", "{}", plan.stdout);
    assert_eq!((plan.code, &*plan.stderr), (Some(0), ""));
    assert_eq!(ran(&mut env.on_fleet(&["plan", "--exit-code"])).code, Some(1));
    env.on_fleet(&["sync", "--yes"]).assert().success();
    let again = ran(&mut env.on_fleet(&["plan", "--exit-code"]));
    assert_eq!(again.code, Some(0), "{}", again.stdout);
    assert!(again.stdout.ends_with("No changes. 2 clusters hold what they should.\n"), "{}", again.stdout);
}

#[test]
fn usage_and_bad_input_are_status_2_with_a_hint() {
    let env = TestEnv::new();
    for (args, wanted) in [
        (&["plan"][..], "no fleet is given"),
        (&["plan", "--fleet", "nowhere"], "nowhere does not exist"),
        (&["plan", "--fleet", ""], "--fleet names no fleet"),
        (&["plan", "--fleet", "fleet"], "is empty"),
        (&["plan", "--fleet", "contexts:*"], "there is no kubeconfig"),
        (&["plan", "--fleet", "contexts:"], "name contexts"),
        (&["plan", "--fleet", "fleet", "--parallel", "0"], "from 1 to 1000"),
        (&["plan", "--fleet", "fleet", "--timeout", "soon"], "expected a time"),
        (&["plan", "--fleet", "fleet", "-o", "xml"], "invalid value 'xml'"),
        (&["plan", "--fleet", "fleet", "--allow-unseen", "lots"], "expected a number"),
        (&["plan", "--fleet", "fleet", "--policy", "none.yaml"], "cannot read the policy none.yaml"),
        (&["sync", "--fleet", "fleet", "--prune-ex-sources=soon"], "expected an age"),
        (&["sync", "--fleet", "fleet", "--plan", "none.json"], "cannot read the saved plan none.json"),
        (&["plan", "--fleet", "fleet", "--policy", "/dev/zero"], "has more than 1024 KiB"),
        (&["policy", "show", "--policy", "/dev/zero"], "has more than 1024 KiB"),
        (&["policy", "import", "--admiral-flags", "/dev/zero"], "has more than 1024 KiB"),
        (&["render", "--fleet", "fleet"], "--output-dir"),
        (&["check", "--fleet", "fleet", "--short", "-o", "json"], "cannot be used with"),
        (&["frobnicate"], "unrecognized subcommand"),
        (&[], "Usage: kubectl mesh"),
    ] {
        let run = ran(&mut env.mesh(args));
        assert_eq!(run.code, Some(2), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(wanted), "{args:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{args:?}");
    }
    let hinted = ran(&mut env.mesh(&["plan"]));
    assert!(hinted.stderr.contains("\nhint: "), "{}", hinted.stderr);
}

#[test]
fn the_fleet_comes_from_the_flag_then_the_environment_then_the_configuration() {
    let env = two_clusters();
    let wanted = ran(&mut env.on_fleet(&["plan"])).stdout;
    assert_eq!(ran(env.mesh(&["plan"]).env("MESH_FLEET", "dir:fleet")).stdout, wanted);
    assert_eq!(ran(env.on_fleet(&["plan"]).env("MESH_FLEET", "nowhere")).stdout, wanted, "the flag wins");
    let folder = env.config().join("kubectl-mesh");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("fleet.yaml"), "fleet: ../../fleet\n").unwrap();
    assert_eq!(ran(&mut env.mesh(&["plan"])).stdout, wanted, "relative to the file");
    fs::write(folder.join("fleet.yaml"), "fleets: x\n").unwrap();
    let broken = ran(&mut env.mesh(&["plan"]));
    assert!(broken.code == Some(2) && broken.stderr.contains("fleet.yaml"), "{}", broken.stderr);
}

#[test]
fn a_name_that_matches_nothing_is_status_1_with_the_closest_and_3_when_something_is_unseen() {
    let env = two_clusters();
    for verb in ["plan", "diff", "check", "sync"] {
        let run = ran(&mut env.on_fleet(&[verb, "chekout"]));
        assert_eq!(run.code, Some(1), "{verb}: {}", run.stderr);
        assert!(run.stderr.contains("no identity or global name matches \"chekout\""), "{}", run.stderr);
        assert!(run.stderr.contains("the closest name is checkout"), "{}", run.stderr);
        let run = ran(&mut env.on_fleet(&[verb, "-n", "shopp"]));
        assert_eq!(run.code, Some(1), "{verb}: {}", run.stderr);
        assert!(run.stderr.contains("no namespace is called \"shopp\""), "{}", run.stderr);
        assert!(run.stderr.contains("the closest name is shop"), "{}", run.stderr);
    }
    assert_eq!(
        ran(&mut env.on_fleet(&["plan", "-n", "web"])).code,
        Some(0),
        "nothing is served from there, and may not be"
    );
    let unknown = ran(&mut env.on_fleet(&["plan", "--cluster", "c9"]));
    assert!(unknown.code == Some(2) && unknown.stderr.contains("--cluster \"c9\""), "{}", unknown.stderr);
    env.write("c2/.unseen", "");
    assert_eq!(ran(&mut env.on_fleet(&["plan", "chekout"])).code, Some(3));
    let unseen = ran(&mut env.on_fleet(&["plan", "-n", "web"]));
    assert!(unseen.code == Some(3) && unseen.stderr.contains("no namespace that was seen"), "{}", unseen.stderr);
}

#[test]
fn what_is_unseen_is_status_3_unless_it_is_tolerated_and_4_when_it_is_everything() {
    let env = two_clusters();
    env.on_fleet(&["sync", "--yes"]).assert().success();
    env.write("c2/.unseen", "");
    for verb in ["plan", "check", "diff", "status"] {
        assert_eq!(ran(&mut env.on_fleet(&[verb])).code, Some(3), "{verb}");
        for allowed in ["1", "50%"] {
            let run = ran(&mut env.on_fleet(&[verb, "--allow-unseen", allowed]));
            assert_eq!(run.code, Some(0), "{verb} {allowed}: {}{}", run.stdout, run.stderr);
        }
        assert_eq!(ran(&mut env.on_fleet(&[verb, "--allow-unseen", "49%"])).code, Some(3), "{verb}");
    }
    let plan = ran(&mut env.on_fleet(&["plan"]));
    assert!(plan.stdout.starts_with("Unseen: c2 ("), "{}", plan.stdout);
    assert!(plan.stdout.contains("(1 unseen, kept)"), "{}", plan.stdout);
    env.write("c1/.unseen", "");
    assert_eq!(ran(&mut env.on_fleet(&["plan", "--allow-unseen", "2"])).code, Some(4));
}

#[test]
fn check_fails_on_the_severity_that_is_asked_for() {
    let env = two_clusters();
    assert_eq!(ran(&mut env.on_fleet(&["check", "--fail-on", "warning"])).code, Some(0));
    env.write("c2/dead.yaml", &manifests::dependency("web", "typo", "cart", "chekout"));
    let table = ran(&mut env.on_fleet(&["check"]));
    assert_eq!(table.code, Some(0), "a warning is no error: {}", table.stdout);
    assert!(table.stdout.contains("dead-dependency") && table.stdout.contains("→ "), "{}", table.stdout);
    assert_eq!(ran(&mut env.on_fleet(&["check", "--fail-on", "warning"])).code, Some(1));
    assert_eq!(ran(&mut env.on_fleet(&["check", "-o", "name"])).stdout.matches("dead-dependency\n").count(), 1);
}

#[test]
fn a_policy_that_is_not_the_stored_one_shows_first_and_stops_sync() {
    let env = two_clusters();
    fs::write(env.root().join("other.yaml"), "kind: MeshPolicy\nsuffix: mesh\n").unwrap();
    let plan = ran(&mut env.on_fleet(&["plan", "--policy", "other.yaml"]));
    assert!(plan.stdout.starts_with("Policy: the policy other.yaml differs"), "{}", plan.stdout);
    let sync = ran(&mut env.on_fleet(&["sync", "--yes", "--policy", "other.yaml"]));
    assert_eq!(sync.code, Some(2), "{}", sync.stderr);
    assert!(!env.fleet().join("c1/mesh-sync").exists());
    let stored = env.fleet().join("mesh.yaml");
    let same = ran(&mut env.on_fleet(&["sync", "--yes", "--policy", stored.to_str().unwrap()]));
    assert_eq!(same.code, Some(0), "{}", same.stderr);
}

#[test]
fn diff_shows_hunks_once_and_runs_an_external_program_as_kubectl_does() {
    let env = two_clusters();
    let diff = ran(&mut env.on_fleet(&["diff"]));
    assert_eq!(diff.code, Some(1), "{}", diff.stderr);
    assert!(diff.stdout.contains("+++ planned/mesh-sync/ServiceEntry/stage.checkout.global-se\n"), "{}", diff.stdout);
    assert!(diff.stdout.contains("@@ c1\n") && diff.stdout.contains("@@ c2\n"), "{}", diff.stdout);
    let external = ran(env.on_fleet(&["diff"]).env("KUBECTL_EXTERNAL_DIFF", "diff -u -N"));
    assert_eq!(external.code, Some(1), "{}", external.stderr);
    assert!(external.stdout.contains("LIVE/c1.mesh-sync.serviceentry"), "{}", external.stdout);
    for (program, code, wanted) in
        [("no-such-program", 2, "cannot run"), ("false --x", 1, ""), ("sh -c exit+7", 4, "failed")]
    {
        let run = ran(env.on_fleet(&["diff"]).env("KUBECTL_EXTERNAL_DIFF", program));
        assert_eq!(run.code, Some(code), "{program}: {}", run.stderr);
        assert!(run.stderr.contains(wanted), "{program}: {}", run.stderr);
    }
    env.on_fleet(&["sync", "--yes"]).assert().success();
    let none = ran(&mut env.on_fleet(&["diff"]));
    assert_eq!((none.code, &*none.stdout, &*none.stderr), (Some(0), "", ""));
}

#[test]
fn render_writes_what_sync_writes() {
    let env = two_clusters();
    let rendered = ran(&mut env.on_fleet(&["render", "--output-dir", "out"]));
    assert_eq!(rendered.code, Some(0), "{}", rendered.stderr);
    env.on_fleet(&["sync", "--yes"]).assert().success();
    let mut files = 0;
    for cluster in ["c1", "c2"] {
        for file in fs::read_dir(env.root().join("out").join(cluster).join("mesh-sync")).unwrap() {
            let path = file.unwrap().path();
            let synced = env.fleet().join(cluster).join("mesh-sync").join(path.file_name().unwrap());
            assert_eq!(fs::read_to_string(&path).unwrap(), fs::read_to_string(synced).unwrap());
            files += 1;
        }
    }
    assert_eq!(files, 4);
    let scratch = ran(&mut env.on_fleet(&["render", "--from-scratch", "--output-dir", "out"]));
    assert!(scratch.stderr.contains("0 written, 4 unchanged"), "{}", scratch.stderr);
    let scoped = ran(&mut env.on_fleet(&["render", "checkout", "--cluster", "c2", "--output-dir", "two"]));
    assert!(scoped.stderr.contains("2 objects of 1 cluster"), "{}", scoped.stderr);
    fs::write(env.root().join("file"), "").unwrap();
    assert_eq!(ran(&mut env.on_fleet(&["render", "--output-dir", "file"])).code, Some(4));
}

#[test]
fn status_has_a_row_for_each_member() {
    let env = two_clusters();
    let status = ran(&mut env.on_fleet(&["status"]));
    assert_eq!(status.code, Some(0), "{}", status.stderr);
    let rows: Vec<Vec<&str>> = status.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["CLUSTER", "STATE", "REGION", "NETWORK", "GATEWAY", "SERVED", "USED", "DRIFT"]);
    assert_eq!(rows[1], ["c1", "seen", "west", "c1", "c1-gw.example.:15443", "1", "0", "2"]);
    assert_eq!(rows[2], ["c2", "seen", "east", "c2", "c2-gw.example.:15443", "0", "1", "2"]);
    let document: Value = serde_json::from_str(&ran(&mut env.on_fleet(&["status", "-o", "json"])).stdout).unwrap();
    assert_eq!(document["members"][0]["cluster"], "c1");
    assert_eq!(ran(&mut env.on_fleet(&["status", "-o", "name"])).stdout, "c1\nc2\n");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let env = two_clusters();
    assert_eq!(unread(&env, &["plan", "-o", "wide"]), (Some(0), String::new()));
    // What was found is told by the status all the same.
    assert_eq!(unread(&env, &["plan", "--exit-code"]), (Some(1), String::new()));
    assert_eq!(unread(&env, &["diff"]), (Some(1), String::new()));
    fs::write(env.fleet().join("c1/.unseen"), "").unwrap();
    assert_eq!(unread(&env, &["plan"]).0, Some(3));
}

#[test]
fn what_was_agreed_to_is_written_whoever_reads_about_it_and_nothing_else_is() {
    let env = two_clusters();
    let file = env.fleet().join("c1/mesh-sync/serviceentry-stage.checkout.global-se.yaml");
    let (code, stderr) = unread(&env, &["sync"]);
    assert!(code == Some(1) && stderr.contains("declined: nothing was written"), "{code:?} {stderr}");
    assert!(!file.exists());
    assert_eq!(unread(&env, &["sync", "--yes"]), (Some(0), String::new()));
    assert!(file.exists());
    let retire = ["fleet", "retire", "c2", "--yes"];
    assert_eq!(unread(&env, &retire), (Some(0), "wrote fleet/mesh.yaml\n".to_owned()));
    assert!(fs::read_to_string(env.fleet().join("mesh.yaml")).unwrap().contains("retired"));
}

/// How a run ends whose output nobody reads, and what it says on stderr.
fn unread(env: &TestEnv, args: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(mesh_tests::program());
    command.args(args).args(["--fleet", "fleet"]).current_dir(env.root()).stdin(Stdio::null());
    let output = command.stdout(writer).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}
