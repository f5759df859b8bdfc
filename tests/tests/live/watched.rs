//! The bookstore on fake clusters, for a run to watch.

use mesh_model::kind::Kind;
use mesh_testkit::apiserver::{ApiServer, FakeFleet};
use mesh_tests::{TestEnv, example};
use serde_json::{Value, json};

use super::on_clusters::Said;
use super::watching::Watching;

/// The bookstore on fake clusters, with its policy stored and synced once.
pub(super) struct Fake {
    pub(super) fleet: FakeFleet,
    pub(super) env: TestEnv,
}

impl Fake {
    pub(super) fn bookstore() -> Self {
        let folder = example("bookstore");
        let fleet = FakeFleet::loaded_without(&[Kind::GlobalName, Kind::GlobalNameSet], &folder).unwrap();
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
