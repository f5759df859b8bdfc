//! Ctrl-C: at once while nothing is written, between two files while something is.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mesh_tests::{TestEnv, program};

use super::manifests::{namespace, service, two_clusters};

/// So many that writing them takes far longer than noticing the first.
const MANY: usize = 1_500;
/// Longest wait for anything here.
const PATIENCE: Duration = Duration::from_mins(2);

#[test]
fn an_interrupt_between_two_files_leaves_whole_files_and_status_130() {
    let env = two_clusters();
    let services: String = (0..MANY).map(|n| service("many", &format!("s{n}"), &format!("s{n}"))).collect();
    env.write("c1/many.yaml", &(namespace("many") + &services));
    let mut child = start(&env, &["sync", "--yes", "-o", "json", "--fleet", "fleet"]);
    // The pipes must not fill up: the plan of many names goes to stderr.
    let stderr = drain(child.stderr.take().unwrap());
    let stdout = drain(child.stdout.take().unwrap());
    let folder = env.fleet().join("c1/mesh-sync");
    wait_for("the first file", || {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be interrupted");
        folder.is_dir() && fs::read_dir(&folder).unwrap().next().is_some()
    });
    interrupt(&child);
    let status = child.wait().unwrap();
    let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
    assert_eq!(status.code(), Some(130), "{stdout}\n{}", stderr.chars().take(2_000).collect::<String>());
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["interrupted"], true);
    let files = yaml_files(&folder);
    assert!(!files.is_empty() && files.len() < 2 * MANY, "{}", files.len());
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        serde_saphyr::from_str::<serde_json::Value>(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    assert_eq!(report["written"], files.len() + yaml_files(&env.fleet().join("c2/mesh-sync")).len());
    env.on_fleet(&["sync", "--yes"]).assert().success();
    assert_eq!(yaml_files(&folder).len(), 2 * (MANY + 1), "running it again is the recovery");
}

#[test]
fn an_interrupt_before_writing_ends_at_once() {
    let env = two_clusters();
    let services: String = (0..MANY).map(|n| service("many", &format!("s{n}"), &format!("s{n}"))).collect();
    env.write("c1/many.yaml", &(namespace("many") + &services));
    let mut child = start(&env, &["sync", "--yes", "--fleet", "fleet"]);
    // The plan does not fit into the pipe, and nobody reads it: the program waits there.
    let mut first = [0];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    interrupt(&child);
    // Where SIGINT was ignored from the start, as a shell's background jobs have it, the program goes on.
    wait_for("the end after an interrupt; is SIGINT ignored here?", || child.try_wait().unwrap().is_some());
    let status = child.wait().unwrap();
    assert!(!status.success(), "{status}");
    assert!(!env.fleet().join("c1/mesh-sync").exists());
}

fn start(env: &TestEnv, args: &[&str]) -> Child {
    Command::new(program())
        .args(args)
        .current_dir(env.root())
        .env_remove("MESH_FLEET")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn drain(mut pipe: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        text
    })
}

fn interrupt(child: &Child) {
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come");
        std::thread::yield_now();
    }
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect()
}
