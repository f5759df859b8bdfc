//! What a user may not read or write. Root may do everything, so that as root the program runs as somebody else.
#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use mesh_tests::{TestEnv, program, skipped};

use super::manifests::two_clusters;
use super::{Ran, ran};

#[test]
fn what_may_not_be_read_is_named_and_the_rest_is_planned() {
    let env = two_clusters();
    for (path, mode, code, words) in [
        (".", 0o000, 2, "error: cannot use the fleet: fleet fleet cannot be read: Permission denied"),
        (".", 0o444, 2, "error: cannot use the fleet: fleet fleet cannot be read: Permission denied"),
        ("mesh.yaml", 0o000, 2, "policy fleet/mesh.yaml cannot be read: Permission denied"),
        ("c1", 0o000, 3, "Unseen: c1 (c1 cannot be read: Permission denied"),
        ("c1", 0o444, 3, "Unseen: c1 (c1 cannot be read: Permission denied"),
        ("c1", 0o111, 3, "Unseen: c1 (c1 cannot be read)"),
        ("c1/shop.yaml", 0o000, 3, "Unseen: c1 (c1/shop.yaml cannot be read)"),
    ] {
        let path = env.fleet().join(path);
        let before = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let run = unprivileged(&env, &["plan"]);
        fs::set_permissions(&path, before).unwrap();
        let Some(run) = run else { return skipped("nobody without rights can run the program") };
        assert_eq!(run.code, Some(code), "{path:?}: {}{}", run.stdout, run.stderr);
        let said = run.stdout + &run.stderr;
        assert_eq!(said.matches(words).count(), 1, "{path:?} {mode:o}: {said}");
        assert!(code == 3 || said.matches("Permission denied").count() == 1, "it is said once: {said}");
    }
}

#[test]
fn what_may_not_be_written_is_named_and_nothing_is_left_behind() {
    let env = two_clusters();
    for folder in ["", "c1", "c2"] {
        fs::set_permissions(env.fleet().join(folder), Permissions::from_mode(0o555)).unwrap();
    }
    let Some(sync) = unprivileged(&env, &["sync", "--yes"]) else {
        return skipped("nobody without rights can run the program");
    };
    assert_eq!(sync.code, Some(4), "{}{}", sync.stdout, sync.stderr);
    assert!(sync.stdout.contains(": c1/mesh-sync: Permission denied (os error 13)\n"), "{}", sync.stdout);
    let init = unprivileged(&env, &["fleet", "retire", "c1", "--yes"]).unwrap();
    assert_eq!(init.code, Some(4), "{}", init.stderr);
    let words = "error: cannot write fleet/mesh.yaml: Permission denied (os error 13)\n";
    assert!(init.stderr.ends_with(words), "{}", init.stderr);
    assert_eq!(fs::read_dir(env.fleet()).unwrap().count(), 3, "mesh.yaml and two clusters");
}

/// A run of the program by somebody who is bound to permissions, if that can be arranged.
fn unprivileged(env: &TestEnv, args: &[&str]) -> Option<Ran> {
    // What nobody may read: whoever reads it all the same is root.
    let probe = env.root().join("probe");
    fs::write(&probe, "").unwrap();
    fs::set_permissions(&probe, Permissions::from_mode(0o000)).unwrap();
    if fs::read(&probe).is_err() {
        return Some(ran(&mut env.on_fleet(args)));
    }
    fs::set_permissions(env.root(), Permissions::from_mode(0o755)).unwrap();
    let run = |program: &Path, args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program).args(args);
        command.current_dir(env.root()).env("XDG_CONFIG_HOME", env.config()).env_remove("MESH_FLEET").output().ok()
    };
    run(program(), &["version"]).filter(|output| output.status.success())?;
    let output = run(program(), &[args, &["--fleet", "fleet"]].concat())?;
    Some(Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    })
}
