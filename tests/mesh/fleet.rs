//! The mesh that all tests share, and the program run on it.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mesh_testkit::rig::{Load, Rig};
use mesh_tests::TestEnv;
use serde_json::Value;

/// The clusters with their regions, in the order of their addresses.
const CLUSTERS: [(&str, &str); 4] =
    [("c1", "us-east-1"), ("c2", "us-west-2"), ("c3", "us-south-1"), ("c4", "us-east-1")];

/// How long connections that were open before a change go on under the old rules, and a little more: sidecars drain for a
/// second here.
pub(crate) const DRAINED: Duration = Duration::from_millis(1_500);

const CLUSTER: &str = include_str!("manifests/cluster.yaml");
const SERVER: &str = include_str!("manifests/server.yaml");
const CLIENT: &str = include_str!("manifests/client.yaml");
const TRAFFIC: &str = include_str!("manifests/traffic.yaml");
/// The policy, but for its members.
const POLICY: &str = include_str!("manifests/mesh.yaml");

/// Clusters that run.
pub(crate) struct Fleet {
    pub(crate) rig: Rig,
    env: TestEnv,
}

/// What a run of the program said.
#[derive(Debug)]
pub(crate) struct Said {
    exit: Option<i32>,
    stdout: String,
    stderr: String,
}

static SHARED: Mutex<Option<&'static Fleet>> = Mutex::new(None);

impl Fleet {
    /// The one of this process, started by the first that asks. None where programs were not built, which was said.
    pub(crate) fn shared() -> Option<&'static Self> {
        // Whatever panicked while it was held, it is whole.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.is_none() {
            *shared = Self::start().map(|fleet| &*Box::leak(Box::new(fleet)));
        }
        *shared
    }

    fn start() -> Option<Self> {
        let fleet = Self { rig: Rig::start(&CLUSTERS)?, env: TestEnv::new() };
        for cluster in fleet.rig.clusters() {
            let gateway = cluster.gateway_address().to_string();
            fleet.apply(cluster.name(), CLUSTER, &[("CLUSTER", cluster.name()), ("GATEWAY", &gateway)]);
        }
        let mut policy = POLICY.to_owned();
        for cluster in fleet.rig.clusters() {
            policy.push_str(&format!("    - name: {}\n      uid: {}\n", cluster.name(), cluster.server().uid()));
        }
        let file = fleet.env.root().join("mesh.yaml");
        fs::write(&file, policy).expect("a folder of the test's own");
        fleet.mesh(&["policy", "push", "mesh.yaml", "--yes"]).exits(0);
        fleet.run();
        Some(fleet)
    }

    /// Runs a service of this identity in a namespace of its name.
    pub(crate) fn serve(&self, cluster: &str, identity: &str) {
        self.apply(cluster, SERVER, &[("NAMESPACE", identity), ("IDENTITY", identity)]);
    }

    /// Runs a client in a namespace of its name that calls another identity.
    pub(crate) fn call(&self, cluster: &str, identity: &str, destination: &str) {
        let names = [("NAMESPACE", identity), ("IDENTITY", identity), ("DESTINATION", destination)];
        self.apply(cluster, CLIENT, &names);
    }

    /// Says how requests to an identity are shared: the items of a GlobalTrafficPolicy.
    pub(crate) fn share(&self, cluster: &str, identity: &str, items: Value) {
        self.apply(cluster, TRAFFIC, &[("IDENTITY", identity), ("POLICY", &items.to_string())]);
    }

    /// Sends requests from a client to a host.
    pub(crate) fn load(&self, cluster: &str, client: &str, host: &str, count: usize) -> Load {
        let client = self.rig.cluster(cluster).pod(&format!("{client}/{client}"));
        client.load(&format!("http://{host}/"), count)
    }

    /// Creates objects in a cluster, with names put in.
    pub(crate) fn apply(&self, cluster: &str, manifest: &str, names: &[(&str, &str)]) {
        let text = names.iter().fold(manifest.to_owned(), |text, (from, to)| text.replace(from, to));
        let folder = tempfile::tempdir_in(self.env.root()).expect("a folder of the test's own");
        fs::write(folder.path().join("objects.yaml"), text).expect("a folder of the test's own");
        let loaded = self.rig.cluster(cluster).server().load(folder.path());
        assert_eq!(loaded.refused, Vec::<String>::new());
    }

    /// Lets all clusters run what their Deployments want.
    pub(crate) fn run(&self) {
        for cluster in self.rig.clusters() {
            cluster.run();
        }
    }

    /// Runs the program on the whole fleet.
    pub(crate) fn mesh(&self, args: &[&str]) -> Said {
        let mut command = self.env.mesh(args);
        command.env("KUBECONFIG", self.rig.kubeconfig()).env("MESH_FLEET", "contexts:*").env("COLUMNS", "160");
        let output = command.output().expect("the program starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { exit: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Syncs, and waits until all proxies have what was written. Nothing was refused by any of them.
    pub(crate) fn sync(&self, args: &[&str]) {
        let args: Vec<&str> = ["sync", "--yes"].into_iter().chain(args.iter().copied()).collect();
        self.mesh(&args).exits(0);
        self.rig.settle();
        for cluster in self.rig.clusters() {
            assert_eq!(cluster.refused(), Vec::<String>::new(), "{}", cluster.name());
        }
    }
}

impl Said {
    /// Asserts how it ended.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.exit, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that it said something, on either stream.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text) || self.stderr.contains(text), "{}\n{}", self.stdout, self.stderr);
        self
    }
}
