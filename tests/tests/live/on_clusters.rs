//! An example fleet on real clusters, and the program run on it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use mesh_testkit::servers::{ApiServer, ApiServers, Crds, User};
use mesh_tests::{TestEnv, example};
use serde_json::Value;

use super::small;

/// Real clusters with the manifests of a directory fleet.
pub(crate) struct OnClusters {
    pub(crate) servers: ApiServers,
    pub(crate) env: TestEnv,
    pub(super) clusters: Vec<String>,
}

/// What a run of the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl OnClusters {
    /// Starts one API server for each cluster folder of the example, and loads its manifests. None where servers cannot
    /// be started, which was said.
    pub(super) fn example(name: &str) -> Option<Self> {
        let folder = example(name);
        let mut clusters: Vec<String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        clusters.sort();
        let names: Vec<&str> = clusters.iter().map(String::as_str).collect();
        let live = Self::of(&names)?;
        for cluster in live.servers.clusters() {
            let loaded = cluster.load(&folder.join(cluster.name()));
            assert_eq!(loaded.refused, Vec::<String>::new());
        }
        Some(live)
    }

    /// Starts clusters of these names with CRDs and nothing else. What is generated can be counted there: they keep no
    /// claims.
    pub(crate) fn of(names: &[&str]) -> Option<Self> {
        Self::with(names, &[Crds::Admiral, Crds::ClusterProfiles, Crds::Istio, Crds::Rollouts])
    }

    /// The same with the CRDs of claims.
    pub(crate) fn with_claims(names: &[&str]) -> Option<Self> {
        Self::with(names, &Crds::ALL)
    }

    fn with(names: &[&str], crds: &[Crds]) -> Option<Self> {
        let servers = ApiServers::start(names)?;
        servers.install_crds(crds);
        Some(Self { servers, env: TestEnv::new(), clusters: names.iter().map(|&name| name.to_owned()).collect() })
    }

    /// Stores this policy in all clusters, with their UIDs in it: lines of members end with `uid: NAME`.
    pub(crate) fn push_policy(&self, text: &str) {
        let file = self.env.root().join("mesh.yaml");
        std::fs::write(&file, small::with_uids(&self.servers, text)).unwrap();
        self.mesh(&["policy", "push", file.to_str().unwrap(), "--yes"]).exits(0);
    }

    /// Runs the program on every context of the kubeconfig.
    pub(crate) fn mesh(&self, args: &[&str]) -> Said {
        self.on("contexts:*", args)
    }

    /// Runs the program on a fleet.
    pub(super) fn on(&self, fleet: &str, args: &[&str]) -> Said {
        self.run(self.servers.kubeconfig(), fleet, args)
    }

    /// Runs the program with another kubeconfig for one cluster; the contexts of the others are as ever.
    pub(super) fn with_kubeconfig(&self, text: &str, args: &[&str]) -> Said {
        let file = self.env.root().join("kubeconfig");
        std::fs::write(&file, text).unwrap();
        // The first file that has a context, a cluster or a user of some name counts.
        let files = std::env::join_paths([file.as_path(), self.servers.kubeconfig()]).unwrap();
        self.run(Path::new(&files), "contexts:*", args)
    }

    fn run(&self, kubeconfig: &Path, fleet: &str, args: &[&str]) -> Said {
        let mut command = self.env.mesh(args);
        command.env("KUBECONFIG", kubeconfig).env("MESH_FLEET", fleet).env("COLUMNS", "160");
        Said::of(&command.output().unwrap())
    }

    /// The generated objects of a cluster as they are served, without what a server adds.
    pub(crate) fn generated(&self, cluster: &str) -> BTreeMap<String, Value> {
        let mut objects = BTreeMap::new();
        for kind in ["serviceentries", "destinationrules"] {
            let path = format!("/apis/networking.istio.io/v1/namespaces/mesh-sync/{kind}");
            let (status, list) = self.servers.cluster(cluster).get(&path);
            assert_eq!(status, 200, "{list}");
            for item in list["items"].as_array().unwrap() {
                let mut item = item.clone();
                item.as_object_mut().unwrap().remove("status");
                let metadata = item["metadata"].as_object_mut().unwrap();
                for field in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"] {
                    metadata.remove(field);
                }
                objects.insert(format!("{kind}/{}", metadata["name"].as_str().unwrap()), item);
            }
        }
        objects
    }

    /// What `render` says that each cluster of a directory fleet should hold.
    pub(super) fn rendered(&self, fleet: &Path) -> BTreeMap<String, BTreeMap<String, Value>> {
        let out = tempfile::tempdir_in(self.env.root()).unwrap();
        let mut command = self.env.mesh(&["render", "--output-dir"]);
        let said = Said::of(&command.arg(out.path()).arg("--fleet").arg(fleet).output().unwrap());
        assert!(matches!(said.exit, Some(0 | 3)), "{said:?}");
        let mut rendered = BTreeMap::new();
        for cluster in &self.clusters {
            let mut objects = BTreeMap::new();
            let folder = out.path().join(cluster).join("mesh-sync");
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
                let object: Value = serde_saphyr::from_str(&text).unwrap();
                let kind = if object["kind"] == "ServiceEntry" { "serviceentries" } else { "destinationrules" };
                objects.insert(format!("{kind}/{}", object["metadata"]["name"].as_str().unwrap()), object);
            }
            rendered.insert(cluster.clone(), objects);
        }
        rendered
    }

    /// Asserts that every cluster holds what `render` says of the directory fleet, and nothing else.
    #[track_caller]
    pub(super) fn holds_what_renders(&self, fleet: &Path) {
        for (cluster, wanted) in self.rendered(fleet) {
            let live = self.generated(&cluster);
            let names = |objects: &BTreeMap<String, Value>| objects.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&live), names(&wanted), "{cluster}");
            for (name, wanted) in &wanted {
                assert_eq!(&live[name], wanted, "{cluster}: {name}");
            }
        }
    }

    /// Writes that all servers were asked for so far.
    pub(super) fn writes(&self) -> u64 {
        self.servers.clusters().iter().map(ApiServer::writes).sum()
    }
}

/// Grants a user what `permissions` says, changed a little.
pub(super) fn granted(
    live: &OnClusters,
    cluster: &ApiServer,
    user: &User,
    permissions: &[&str],
    change: &dyn Fn(&mut Vec<Value>),
) {
    let mut role: Value = serde_saphyr::from_str(&live.mesh(permissions).exits(0).stdout).unwrap();
    role["metadata"]["name"] = user.name.clone().into();
    change(role["rules"].as_array_mut().unwrap());
    cluster.grant(user, &role);
}

/// Waits until it holds, half a minute at most.
pub(super) fn until(holds: &dyn Fn() -> bool, what: &str) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed().as_secs() < 30, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            exit: output.status.code(),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// Asserts the exit status, and shows everything where it is another.
    #[track_caller]
    pub(crate) fn exits(self, exit: i32) -> Self {
        assert_eq!(self.exit, Some(exit), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that stdout or stderr has this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "{text:?} is not in\n{}\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}
