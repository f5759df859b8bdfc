//! The mesh that all tests share, and the program run on it.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use assert_cmd::Command;
use mesh_testkit::rig::{Load, Rig, Who};
use mesh_tests::TestEnv;
use serde_json::{Value, json};

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
    revision: AtomicU32,
    /// What is in the policy beside its members.
    policy: Mutex<String>,
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
        let fleet = Self {
            rig: Rig::start(&CLUSTERS)?,
            env: TestEnv::new(),
            revision: AtomicU32::new(0),
            policy: Mutex::default(),
        };
        for cluster in fleet.rig.clusters() {
            let gateway = cluster.gateway_address().to_string();
            fleet.apply(cluster.name(), CLUSTER, &[("CLUSTER", cluster.name()), ("GATEWAY", &gateway)]);
        }
        fleet.push_policy("");
        fleet.run();
        Some(fleet)
    }

    /// Stores the policy in all clusters, with more fields, as its next revision.
    pub(crate) fn push_policy(&self, more: &str) {
        let revision = self.revision.fetch_add(1, Ordering::Relaxed) + 1;
        let mut policy = format!("{more}{}", POLICY.replace("REVISION", &revision.to_string()));
        for cluster in self.rig.clusters() {
            let member = ["    - name: ", cluster.name(), "\n      uid: ", &cluster.server().uid(), "\n"];
            policy.extend(member);
        }
        let file = self.env.root().join("mesh.yaml");
        fs::write(&file, policy).expect("a folder of the test's own");
        self.mesh(&["policy", "push", "mesh.yaml", "--yes"]).exits(0);
        more.clone_into(&mut self.policy.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The same, where this is not what the policy says already.
    pub(crate) fn set_policy(&self, more: &str) {
        let is_other = *self.policy.lock().unwrap_or_else(PoisonError::into_inner) != more;
        if is_other {
            self.push_policy(more);
        }
    }

    /// Removes what a test brought: workloads, policies, and what was generated for them.
    pub(crate) fn clear(&self) {
        self.set_policy("");
        for cluster in self.rig.clusters() {
            let server = cluster.server();
            for kind in [
                "/apis/apps/v1/deployments",
                "/apis/admiral.io/v1alpha1/dependencies",
                "/apis/admiral.io/v1alpha1/globaltrafficpolicies",
                "/apis/security.istio.io/v1/authorizationpolicies",
                "/apis/security.istio.io/v1/peerauthentications",
                "/apis/networking.istio.io/v1/sidecars",
            ] {
                let (root, plural) = kind.rsplit_once('/').expect("paths have parts");
                let (code, list) = server.get(kind);
                assert_eq!(code, 200, "{list}");
                for object in list["items"].as_array().into_iter().flatten() {
                    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
                    if text("namespace") != "istio-system" {
                        let (code, answer) = server.delete(&format!(
                            "{root}/namespaces/{}/{plural}/{}",
                            text("namespace"),
                            text("name")
                        ));
                        assert_eq!(code, 200, "{answer}");
                    }
                }
            }
        }
        self.run();
        self.mesh(&["sync", "--yes", "--allow-last", "*", "--max-removals", "1000", "--prune-ex-sources"]).exits(0);
    }

    /// Runs a service of this identity in a namespace of its name.
    pub(crate) fn serve(&self, cluster: &str, identity: &str) {
        self.serve_by(cluster, identity, identity, ("http", 80));
    }

    /// The same under another service account than the identity's name.
    pub(crate) fn serve_as(&self, cluster: &str, identity: &str, account: &str) {
        self.serve_by(cluster, identity, account, ("http", 80));
    }

    /// The same in another protocol, on another port.
    pub(crate) fn serve_on(&self, cluster: &str, identity: &str, port: (&str, u16)) {
        self.serve_by(cluster, identity, identity, port);
    }

    fn serve_by(&self, cluster: &str, identity: &str, account: &str, (protocol, port): (&str, u16)) {
        let port = port.to_string();
        let names = [("NAMESPACE", identity), ("IDENTITY", identity), ("ACCOUNT", account)];
        self.apply(cluster, SERVER, &[&names[..], &[("PROTOCOL", protocol), ("PORT", &port)]].concat());
    }

    /// Runs a client in a namespace of its name that calls another identity.
    pub(crate) fn call(&self, cluster: &str, identity: &str, destination: &str) {
        let names = [("NAMESPACE", identity), ("IDENTITY", identity), ("DESTINATION", destination)];
        self.apply(cluster, CLIENT, &names);
    }

    /// Deletes the Deployment of a service. Its pod goes on until clusters are told to run what is wanted.
    pub(crate) fn stop_serving(&self, cluster: &str, identity: &str) {
        let path = format!("/apis/apps/v1/namespaces/{identity}/deployments/{identity}");
        let (code, answer) = self.rig.cluster(cluster).server().delete(&path);
        assert_eq!(code, 200, "{answer}");
    }

    /// Says how requests to an identity are shared: the items of a GlobalTrafficPolicy.
    pub(crate) fn share(&self, cluster: &str, identity: &str, items: &Value) {
        self.apply(cluster, TRAFFIC, &[("IDENTITY", identity), ("POLICY", &items.to_string())]);
    }

    /// Says it anew.
    pub(crate) fn share_again(&self, cluster: &str, identity: &str, items: &Value) {
        let path = format!("/apis/admiral.io/v1alpha1/namespaces/{identity}/globaltrafficpolicies/{identity}");
        let (code, answer) = self.rig.cluster(cluster).server().patch(&path, &json!({"spec": {"policy": items}}));
        assert_eq!(code, 200, "{answer}");
    }

    /// The addresses of the endpoints that a client's proxy is told for a host on port 80.
    pub(crate) fn told(&self, cluster: &str, namespace: &str, host: &str) -> Vec<String> {
        let seen = self.rig.cluster(cluster).probe(&Who::sidecar(namespace), host);
        let upstream = seen.only(&format!("outbound|80||{host}"));
        upstream.addresses().into_iter().map(str::to_owned).collect()
    }

    /// The address that a host has in a cluster.
    pub(crate) fn address_of(&self, cluster: &str, host: &str) -> String {
        let path = format!("/apis/networking.istio.io/v1/namespaces/mesh-sync/serviceentries/{host}-se");
        let (code, entry) = self.rig.cluster(cluster).server().get(&path);
        assert_eq!(code, 200, "{entry}");
        entry["spec"]["addresses"][0].as_str().expect("every host has an address").to_owned()
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
        let output = self.program(args).output().expect("the program starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { exit: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Starts a sync and kills it after a while, if it has not ended by then.
    pub(crate) fn killed_sync(&self, args: &[&str], after: Duration) {
        let args: Vec<&str> = ["sync", "--yes"].into_iter().chain(args.iter().copied()).collect();
        // What it said is lost with it.
        drop(self.program(&args).timeout(after).output());
    }

    fn program(&self, args: &[&str]) -> Command {
        let mut command = self.env.mesh(args);
        command.env("KUBECONFIG", self.rig.kubeconfig()).env("MESH_FLEET", "contexts:*").env("COLUMNS", "160");
        // The certificates of the mesh are of today.
        command.env_remove("MESH_NOW");
        command
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

    /// Whether it said something on standard error.
    pub(crate) fn is_said(&self, text: &str) -> bool {
        self.stderr.contains(text)
    }

    /// The document that it printed.
    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{}\n{}", self.stdout, self.stderr))
    }

    /// Asserts that it said something, on either stream.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text) || self.stderr.contains(text), "{}\n{}", self.stdout, self.stderr);
        self
    }
}

/// The first hop of a trace that is broken.
pub(crate) fn broken_hop(trace: &Value) -> Option<String> {
    let of_ways = trace["ways"].as_array().into_iter().flatten().filter_map(|way| way["hops"].as_array());
    let mut hops = trace["hops"].as_array().into_iter().chain(of_ways).flatten();
    hops.find(|hop| hop["state"] == "broken").and_then(|hop| hop["step"].as_str()).map(str::to_owned)
}
