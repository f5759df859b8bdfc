//! An example fleet on real clusters, and the program run on it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use mesh_testkit::servers::{ApiServers, Crds};
use mesh_tests::{TestEnv, example};
use serde_json::Value;

/// Real clusters with the manifests of a directory fleet.
pub(super) struct OnClusters {
    pub(super) servers: ApiServers,
    pub(super) env: TestEnv,
    pub(super) clusters: Vec<String>,
}

/// What a run of the program said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) exit: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
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
        let servers = ApiServers::start(&names)?;
        servers.install_crds(&Crds::ALL);
        for cluster in servers.clusters() {
            let loaded = cluster.load(&folder.join(cluster.name()));
            assert_eq!(loaded.refused, Vec::<String>::new());
        }
        Some(Self { servers, env: TestEnv::new(), clusters })
    }

    /// Runs the program on every context of the kubeconfig.
    pub(super) fn mesh(&self, args: &[&str]) -> Said {
        self.on("contexts:*", args)
    }

    /// Runs the program on a fleet.
    pub(super) fn on(&self, fleet: &str, args: &[&str]) -> Said {
        let mut command = self.env.mesh(args);
        command.env("KUBECONFIG", self.servers.kubeconfig()).env("MESH_FLEET", fleet).env("COLUMNS", "160");
        Said::of(&command.output().unwrap())
    }

    /// The generated objects of a cluster as they are served, without what a server adds.
    pub(super) fn generated(&self, cluster: &str) -> BTreeMap<String, Value> {
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
        self.servers.clusters().iter().map(mesh_testkit::servers::ApiServer::writes).sum()
    }
}

impl Said {
    pub(super) fn of(output: &Output) -> Self {
        Self {
            exit: output.status.code(),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// Asserts the exit status, and shows everything where it is another.
    #[track_caller]
    pub(super) fn exits(self, exit: i32) -> Self {
        assert_eq!(self.exit, Some(exit), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that stdout or stderr has this text.
    #[track_caller]
    pub(super) fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "{text:?} is not in\n{}\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}
