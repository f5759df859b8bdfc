//! The bookstore on fake clusters, which start in no time: for what must be tried a hundred times, and for faults at a
//! chosen request.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use mesh_model::kind::Kind;
use mesh_testkit::apiserver::{ApiServer, FakeFleet, Objects, Setup};
use mesh_tests::{NOW, TestEnv, example, program};
use serde_json::{Value, json};

use super::on_clusters::Said;

/// Longest wait for anything here.
const PATIENCE: Duration = Duration::from_mins(2);

/// What the clusters hold of ours, by cluster and object, without what a server adds.
pub(super) type Generated = BTreeMap<String, BTreeMap<String, Value>>;

/// Fake clusters, and the program run on them.
pub(super) struct OnFakes {
    pub(super) fleet: FakeFleet,
    env: TestEnv,
}

/// What fleets start with: read once, shared by all.
pub(super) struct Start(Vec<(String, Objects)>);

impl Start {
    /// The bookstore with its policy, and nothing generated.
    pub(super) fn bookstore() -> Self {
        let folder = example("bookstore");
        let policy = std::fs::read_to_string(folder.join("mesh.yaml")).unwrap();
        let clusters = ["edge-us-west", "payments-us-east", "retail-us-west"];
        let objects = clusters.map(|cluster| {
            let mut objects = Objects::loaded_from(&folder.join(cluster)).unwrap();
            objects.add(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mesh-sync"}}));
            objects.add(stored_policy(&policy));
            (cluster.to_owned(), objects)
        });
        Self(objects.into())
    }

    /// The same, with what is generated.
    pub(super) fn holding(mut self, generated: &Generated) -> Self {
        for (cluster, objects) in &mut self.0 {
            generated[cluster].values().for_each(|object| objects.add(object.clone()));
        }
        self
    }

    /// The same, with another policy.
    pub(super) fn under(mut self, policy: &str) -> Self {
        self.0.iter_mut().for_each(|(_, objects)| objects.add(stored_policy(policy)));
        self
    }

    /// The same, with an object of one cluster changed or added.
    pub(super) fn with(mut self, cluster: &str, object: &Value) -> Self {
        self.0.iter_mut().filter(|(name, _)| name == cluster).for_each(|(_, objects)| objects.add(object.clone()));
        self
    }

    pub(super) fn fleet(&self) -> OnFakes {
        // What is generated can be counted: the clusters keep no claims.
        let unserved = [Kind::GlobalName, Kind::GlobalNameSet];
        let setups = self.0.iter().map(|(name, objects)| {
            (name.clone(), Setup { unserved: unserved.into(), ..Setup::holding(objects.clone()) })
        });
        OnFakes { fleet: FakeFleet::start(setups), env: TestEnv::new() }
    }

    /// What the clusters hold once nothing has gone wrong.
    pub(super) fn undisturbed(&self, args: &[&str]) -> (Generated, OnFakes) {
        let fakes = self.fleet();
        fakes.mesh(args).exits(0);
        (fakes.generated(), fakes)
    }

    pub(super) fn clusters(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// The ConfigMap of a policy.
pub(super) fn stored_policy(text: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mesh-policy", "namespace": "mesh-sync"},
        "data": {"mesh.yaml": text},
    })
}

impl OnFakes {
    /// Runs the program to its end.
    pub(super) fn mesh(&self, args: &[&str]) -> Said {
        Said::of(&self.command(args).output().unwrap())
    }

    /// Starts the program. What it says goes nowhere.
    pub(super) fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Starts the program, which is heard.
    pub(super) fn start_heard(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(args)
            .current_dir(self.env.root())
            .env_clear()
            .env("HOME", self.env.root().join("home"))
            .env("XDG_CONFIG_HOME", self.env.config())
            .env("MESH_NOW", NOW)
            .env("MESH_FLEET", "contexts:*")
            .env("KUBECONFIG", self.fleet.kubeconfig())
            .stdin(Stdio::null());
        command
    }

    pub(super) fn generated(&self) -> Generated {
        self.fleet.servers().map(|(name, server)| (name.to_owned(), generated(server))).collect()
    }
}

/// What one cluster holds of ours.
fn generated(server: &ApiServer) -> BTreeMap<String, Value> {
    let kinds = [Kind::ServiceEntry, Kind::DestinationRule];
    let objects = kinds.into_iter().flat_map(|kind| server.objects(kind));
    objects.filter(|object| object["metadata"]["namespace"] == "mesh-sync").map(bare).collect()
}

fn bare(mut object: Value) -> (String, Value) {
    let metadata = object["metadata"].as_object_mut().unwrap();
    for field in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"] {
        metadata.remove(field);
    }
    (format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap()), object)
}

/// Sends a signal to a program that this test started.
pub(super) fn signal(child: &Child, signal: &str) {
    // It may have ended by now.
    Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
}

/// Waits until it holds, or the program has ended.
pub(super) fn wait_for(child: &mut Child, what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() && child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until the program has ended.
pub(super) fn ended(mut child: Child) -> std::process::ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(start.elapsed() < PATIENCE, "the program does not end");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Does `work` for every item, on two threads.
pub(super) fn two_by_two<T: Send>(items: Vec<T>, work: impl Fn(T) + Sync) {
    let items = Mutex::new(items);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(item) = items.lock().unwrap().pop() else { return };
                    work(item);
                }
            });
        }
    });
}
