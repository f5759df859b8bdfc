//! A watching run of the program. The tests of it and `cargo xtask bench watch` share it.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mesh_tests::{NOW, TestEnv, program};

/// Longest wait for anything here; the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_mins(3);

/// `sync --watch`, from its start to its end.
pub(crate) struct Watching {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Watching {
    /// Starts one on every context of a kubeconfig, and waits until it has looked at the fleet.
    pub(crate) fn start(env: &TestEnv, kubeconfig: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(["sync", "--watch", "--yes", "-v", "--listen", "127.0.0.1:0"]).args(more);
        command.current_dir(env.root()).env("HOME", env.root()).env_remove("XDG_CACHE_HOME").env("MESH_NOW", NOW);
        command.env("KUBECONFIG", kubeconfig).env("MESH_FLEET", "contexts:*");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (lines, heard) = (BufReader::new(child.stderr.take().unwrap()).lines(), Arc::clone(&said));
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *heard.lock().unwrap() += &(line + "\n");
            }
        });
        let watching = Self { child, said };
        watching.says("listening on http://");
        until("it is ready", || watching.ask("/readyz").starts_with("HTTP/1.1 200"));
        watching
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said this.
    pub(crate) fn says(&self, text: &str) {
        until_or(&format!("it says {text:?}"), || self.said().contains(text), || self.said());
    }

    /// What it answers at a path.
    pub(crate) fn ask(&self, path: &str) -> String {
        let said = self.said();
        let address = said.split_once("listening on http://").unwrap().1.lines().next().unwrap().to_owned();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: mesh\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// One of its figures.
    pub(crate) fn figure(&self, name: &str) -> u64 {
        let metrics = self.ask("/metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in\n{metrics}")).parse().unwrap()
    }

    /// Stops it as a kubelet does. Its exit status, and how long it took.
    pub(crate) fn stop(mut self) -> (Option<i32>, Duration, String) {
        let start = Instant::now();
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(killed.unwrap().success());
        let status = self.child.wait().unwrap();
        let took = start.elapsed();
        until("its last line", || self.said().contains("stopped: "));
        (status.code(), took, self.said())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a condition, within bounds.
#[track_caller]
pub(crate) fn until(what: &str, holds: impl FnMut() -> bool) {
    until_or(what, holds, String::new);
}

#[track_caller]
pub(crate) fn until_or(what: &str, holds: impl FnMut() -> bool, else_say: impl Fn() -> String) {
    until_within(PATIENCE, what, holds, else_say);
}

/// The same with a patience of its own.
#[track_caller]
pub(crate) fn until_within(
    patience: Duration,
    what: &str,
    mut holds: impl FnMut() -> bool,
    else_say: impl Fn() -> String,
) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < patience, "not in time: {what}\n{}", else_say());
        std::thread::sleep(Duration::from_millis(5));
    }
}
