//! A watching run of the program, and the bookstore on fake clusters for it to watch.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mesh_model::kind::Kind;
use mesh_testkit::apiserver::{ApiServer, FakeFleet};
use mesh_tests::{NOW, TestEnv, example, program};
use serde_json::{Value, json};

use super::on_clusters::Said;

/// Longest wait for anything here; the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(90);

/// `sync --watch`, from its start to its end.
pub(super) struct Watching {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Watching {
    /// Starts one on every context of a kubeconfig, and waits until it has looked at the fleet.
    pub(super) fn start(env: &TestEnv, kubeconfig: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(["sync", "--watch", "--yes", "-v", "--listen", "127.0.0.1:0"]).args(more);
        command.current_dir(env.root()).env("HOME", env.root()).env("MESH_NOW", NOW);
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

    pub(super) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said this.
    pub(super) fn says(&self, text: &str) {
        until_or(&format!("it says {text:?}"), || self.said().contains(text), || self.said());
    }

    /// What it answers at a path.
    pub(super) fn ask(&self, path: &str) -> String {
        let said = self.said();
        let address = said.split_once("listening on http://").unwrap().1.lines().next().unwrap().to_owned();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: mesh\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// One of its figures.
    pub(super) fn figure(&self, name: &str) -> u64 {
        let metrics = self.ask("/metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in\n{metrics}")).parse().unwrap()
    }

    /// Stops it as a kubelet does. Its exit status, and how long it took.
    pub(super) fn stop(mut self) -> (Option<i32>, Duration, String) {
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

/// The bookstore on fake clusters, with its policy stored and synced once.
pub(super) struct Fake {
    pub(super) fleet: FakeFleet,
    pub(super) env: TestEnv,
}

impl Fake {
    pub(super) fn bookstore() -> Self {
        let folder = example("bookstore");
        let fleet = FakeFleet::loaded_from(&folder).unwrap();
        let fake = Self { fleet, env: TestEnv::new() };
        fake.mesh(&["policy", "push", folder.join("mesh.yaml").to_str().unwrap(), "--yes"]).exits(0);
        fake.mesh(&["sync", "--yes"]).exits(0);
        fake
    }

    pub(super) fn mesh(&self, args: &[&str]) -> Said {
        let mut command = self.env.mesh(args);
        command.env("KUBECONFIG", self.fleet.kubeconfig()).env("MESH_FLEET", "contexts:*");
        Said::of(&command.output().unwrap())
    }

    pub(super) fn watch(&self, more: &[&str]) -> Watching {
        Watching::start(&self.env, self.fleet.kubeconfig(), more)
    }

    pub(super) fn server(&self, name: &str) -> &ApiServer {
        self.fleet.server(name)
    }

    /// Writes that all clusters were asked for.
    pub(super) fn writes(&self) -> usize {
        self.fleet.servers().map(|(_, server)| server.writes().len()).sum()
    }

    /// How many clusters hold a ServiceEntry of this host.
    pub(super) fn holders(&self, host: &str) -> usize {
        let name = format!("{host}-se");
        self.fleet
            .servers()
            .filter(|(_, server)| server.object(Kind::ServiceEntry, "mesh-sync", &name).is_some())
            .count()
    }
}

/// A workload with its Service.
pub(super) fn workload(namespace: &str, name: &str) -> [Value; 2] {
    let labels = json!({"app": name, "identity": name, "admiral.io/env": "prod"});
    [
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": labels}, "spec": {
                    "serviceAccountName": "default",
                    "containers": [{"name": name, "image": "example/image:1", "ports": [{"name": "http", "containerPort": 8080}]}],
                }},
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        }),
    ]
}

/// A Dependency.
pub(super) fn dependency(namespace: &str, source: &str, destinations: &[String]) -> Value {
    json!({
        "apiVersion": "admiral.io/v1alpha1", "kind": "Dependency",
        "metadata": {"name": format!("{source}-more"), "namespace": namespace},
        "spec": {"source": source, "identityLabel": "identity", "destinations": destinations},
    })
}

/// Waits for a condition, within bounds.
#[track_caller]
pub(super) fn until(what: &str, holds: impl FnMut() -> bool) {
    until_or(what, holds, String::new);
}

#[track_caller]
pub(super) fn until_or(what: &str, mut holds: impl FnMut() -> bool, else_say: impl Fn() -> String) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not in time: {what}\n{}", else_say());
        std::thread::sleep(Duration::from_millis(5));
    }
}
