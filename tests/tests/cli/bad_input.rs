//! How the program ends on each sort of bad input, and that it says where. What the reader makes of each is tested in
//! `bad_input`.

use std::fs;
use std::os::unix::fs::symlink;

use mesh_tests::TestEnv;

use super::manifests::two_clusters;
use super::ran;
use crate::bad_input::alias_bomb;
use crate::bad_input::mounted::Mounted;

const POLICY: &str = "apiVersion: kubectl-mesh.io/v1alpha1\nkind: MeshPolicy\n";
const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: bad, namespace: shop}\n";

/// What is wrong with a fleet: how it is made so, the status, and a text that names the place.
type Bad = (&'static str, fn(&TestEnv), i32, &'static str);

const BAD: [Bad; 17] = [
    ("an empty folder", |env| fs::remove_file(env.fleet().join("c2/web.yaml")).unwrap(), 3, "c2"),
    ("a link that leaves", |env| symlink("/etc", env.fleet().join("c1/out")).unwrap(), 3, "c1/out"),
    ("a cluster behind a link", behind_a_link, 3, "c2"),
    ("broken YAML", |env| env.write("c1/bad.yaml", "kind: [\n"), 3, "c1/bad.yaml"),
    ("a tab", |env| env.write("c1/bad.yaml", &format!("{SERVICE}spec:\n\tports: []\n")), 3, "c1/bad.yaml:"),
    (
        "a duplicate key",
        |env| env.write("c1/bad.yaml", &format!("{SERVICE}spec: {{}}\nspec: {{}}\n")),
        3,
        "c1/bad.yaml:",
    ),
    ("an alias bomb", |env| env.write("c1/bad.yaml", &format!("{SERVICE}{}", alias_bomb())), 3, "c1/bad.yaml:"),
    (
        "nesting without end",
        |env| env.write("c1/bad.yaml", &format!("{SERVICE}x: {}\n", "[".repeat(100_000))),
        3,
        "c1/bad.yaml:",
    ),
    ("50 MB", |env| large(env, "c1/bad.yaml"), 3, "c1/bad.yaml"),
    (
        "two clusters of one UID",
        |env| ["c1", "c2"].iter().for_each(|name| system(env, name)),
        2,
        "c1 and c2 are one cluster",
    ),
    ("a member listed twice", |env| policy(env, "fleet: {members: [{name: c1}, {name: c1}]}\n"), 2, "mesh.yaml"),
    ("an unknown field", |env| policy(env, "sufix: mesh\n"), 2, "mesh.yaml"),
    ("an impossible suffix", |env| policy(env, "suffix: 'a b'\n"), 2, "mesh.yaml"),
    ("a small range of addresses", |env| policy(env, "vip: {range: 240.0.0.0/30}\n"), 2, "mesh.yaml"),
    ("a newer version", |env| env.write("mesh.yaml", &POLICY.replace("v1alpha1", "v9")), 2, "v9"),
    ("a policy that is a bomb", |env| env.write("mesh.yaml", &format!("{POLICY}{}", alias_bomb())), 2, "mesh.yaml"),
    ("a policy of 50 MB", |env| large(env, "mesh.yaml"), 2, "mesh.yaml"),
];

#[test]
fn bad_input_ends_as_the_table_says_and_names_its_place() {
    for (what, make, status, place) in BAD {
        let env = two_clusters();
        make(&env);
        let plan = ran(&mut env.on_fleet(&["plan"]));
        let said = format!("{}{}", plan.stdout, plan.stderr);
        assert_eq!(plan.code, Some(status), "{what}: {said}");
        assert!(said.contains(place), "{what}: {said}");
        assert!(!said.contains("panicked"), "{what}: {said}");
        // A fleet that cannot be opened is not written either.
        let sync = ran(&mut env.on_fleet(&["sync", "--yes"]));
        assert_eq!(sync.code, Some(status), "{what}: {}{}", sync.stdout, sync.stderr);
        assert!(status == 3 || !env.fleet().join("c2/mesh-sync").exists(), "{what}");
    }
}

#[test]
fn a_fleet_that_is_a_file_is_status_2() {
    let env = two_clusters();
    fs::write(env.root().join("file"), "x").unwrap();
    let run = ran(&mut env.mesh(&["plan", "--fleet", "file"]));
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("file"), "{}", run.stderr);
}

#[test]
fn a_name_that_nothing_has_is_status_1_whatever_is_asked() {
    let env = two_clusters();
    env.on_fleet(&["sync", "--yes"]).assert().success();
    for verb in ["plan", "diff", "sync --yes", "render --output-dir out", "check", "whereis", "explain"] {
        let words: Vec<&str> = verb.split(' ').chain(["chekout"]).collect();
        let run = ran(&mut env.on_fleet(&words));
        assert_eq!(run.code, Some(1), "{verb}: {}{}", run.stdout, run.stderr);
        assert!(run.stderr.contains("\"chekout\""), "{verb}: {}", run.stderr);
        assert!(run.stderr.contains("checkout"), "{verb} asks whether that was meant: {}", run.stderr);
    }
    assert!(!env.root().join("out").exists(), "nothing is written for nobody");
}

#[test]
fn a_fleet_without_a_name_is_status_2() {
    let env = two_clusters();
    for fleet in ["", "dir:"] {
        let run = ran(&mut env.mesh(&["plan", "--fleet", fleet]));
        assert_eq!(run.code, Some(2), "{fleet:?}: {}", run.stderr);
        assert!(run.stderr.contains("PATH"), "{fleet:?}: {}", run.stderr);
    }
}

#[test]
fn a_full_disk_is_status_4_where_nothing_can_be_written_and_3_where_something_can() {
    let env = two_clusters();
    let manifests = fs::read_to_string(env.fleet().join("c1/shop.yaml")).unwrap();
    let Some(small) = Mounted::at(&env.fleet().join("c1")) else { return };
    env.write("c1/shop.yaml", &manifests);
    small.fill();
    let run = |status: i32| {
        let sync = ran(&mut env.on_fleet(&["sync", "--yes"]));
        assert_eq!(sync.code, Some(status), "{}{}", sync.stdout, sync.stderr);
        assert!(sync.stdout.contains("No space left on device"), "{}", sync.stdout);
    };
    // The client in c2 is not to hear of a source that could not be written.
    run(4);
    assert!(!env.fleet().join("c2/mesh-sync").exists());
    env.write("c2/own.yaml", &super::manifests::service("web", "page", "page"));
    run(3);
    assert!(env.fleet().join("c2/mesh-sync/serviceentry-stage.page.global-se.yaml").exists());
    assert!(!env.fleet().join("c1/mesh-sync/serviceentry-stage.checkout.global-se.yaml").exists());
}

#[test]
fn a_standard_output_that_is_full_is_status_4() {
    let env = two_clusters();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = std::process::Command::new(mesh_tests::program());
    command.args(["plan", "--fleet", "fleet"]).current_dir(env.root()).env_remove("MESH_FLEET").stdout(full);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("error: cannot write to standard output: No space left on device"), "{said}");
}

fn policy(env: &TestEnv, line: &str) {
    env.write("mesh.yaml", &format!("{POLICY}{line}"));
}

fn system(env: &TestEnv, cluster: &str) {
    let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system, uid: u-1}\n";
    env.write(&format!("{cluster}/system.yaml"), text);
}

fn behind_a_link(env: &TestEnv) {
    let (folder, elsewhere) = (env.fleet().join("c2"), env.root().join("elsewhere"));
    fs::rename(&folder, &elsewhere).unwrap();
    symlink(elsewhere, folder).unwrap();
}

/// A file of 50 MB, most of which takes no room.
fn large(env: &TestEnv, path: &str) {
    env.write(path, SERVICE);
    fs::OpenOptions::new().append(true).open(env.fleet().join(path)).unwrap().set_len(50 << 20).unwrap();
}
