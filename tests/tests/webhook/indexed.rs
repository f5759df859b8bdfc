//! A cluster that comes to be indexed: workloads from before the webhook have no label, each gets one when it is deployed again,
//! and `whereis` and `sync NAME` ask by label once all have one.

use std::time::Duration;

use mesh_testkit::helm::Helm;
use mesh_testkit::servers::{ApiServer, ApiServers, Crds, until};
use mesh_tests::TestEnv;
use serde_json::{Value, json};

use super::process::Certificates;
use super::running::{Installed, collection, deployment, helm_installs};
use super::status::fleet_status;
use crate::live::{Said, small};

const CLUSTER: &str = "indexed";
const LABEL: &str = "kubectl-mesh.io/identity";
/// How long a replica may take to say something, and to follow again what it watches.
const AT_LENGTH: Duration = Duration::from_mins(3);
/// What runs before there is a webhook: each in its namespace, of an identity of its name.
const BEFORE: [(&str, &str); 3] = [("shop", "orders"), ("shop", "web"), ("pay", "cart")];

/// A cluster with workloads, and then a webhook; what it should hold is written.
struct Fleet {
    installed: Installed,
    env: TestEnv,
}

impl Fleet {
    fn start() -> Option<Self> {
        let setup = Certificates::SelfManaged.into();
        let installed = Installed::start_by(installs_late, CLUSTER, &[], &setup, &[Crds::Istio])?;
        calls(installed.server());
        let fleet = Self { installed, env: TestEnv::new() };
        fleet.env.write("mesh.yaml", &small::with_uids(&fleet.installed.servers, &small::policy(&[CLUSTER])));
        let file = fleet.env.fleet().join("mesh.yaml");
        fleet.runs(&["policy", "push", file.to_str().unwrap(), "--yes"]).exits(0);
        fleet.runs(&["sync", "--yes"]).exits(0);
        Some(fleet)
    }

    fn runs(&self, args: &[&str]) -> Said {
        let mut command = self.env.mesh(args);
        command.env("KUBECONFIG", self.installed.servers.kubeconfig()).env("MESH_FLEET", "contexts:*");
        Said::of(&command.env_remove("MESH_NOW").output().unwrap())
    }

    fn server(&self) -> &ApiServer {
        self.installed.server()
    }

    /// The answer to `orders`, and whether workloads were asked for by label. It is that of a full listing.
    #[track_caller]
    fn asks(&self) -> (Value, bool) {
        let said = self.runs(&["whereis", "orders", "-o", "json", "-v"]).exits(0);
        let all = self.runs(&["whereis", "orders", "-o", "json", "--full"]).exits(0);
        let mut answer: Value = serde_json::from_str(&said.stdout).unwrap();
        let all: Value = serde_json::from_str(&all.stdout).unwrap();
        assert_eq!(answer["lookup"], "by-label", "{said:?}");
        answer["lookup"] = all["lookup"].clone();
        assert_eq!(answer, all, "{said:?}");
        (answer, said.stderr.contains(&format!("workloads by label in {CLUSTER}")))
    }

    /// What a sync of `orders` shows, and whether workloads were asked for by label. Then nothing is left to write.
    #[track_caller]
    fn syncs(&self) -> (String, bool) {
        let said = self.runs(&["sync", "orders", "--yes", "-v"]).exits(0);
        self.runs(&["plan", "orders", "--exit-code"]).exits(0);
        (said.stdout, said.stderr.contains(&format!("workloads by label in {CLUSTER}")))
    }

    /// How many labels are missing or wrong, as `webhook status` shows it.
    fn left(&self) -> Value {
        fleet_status(&self.installed)["members"][0]["unlabelled"].clone()
    }

    #[track_caller]
    fn comes_to_be(&self, what: &str, is_so: impl Fn() -> bool) {
        assert!(until(AT_LENGTH, is_so), "{what} did not come: {}\n{}", self.left(), self.installed.webhook.log());
    }

    /// Deploys it again, and tells its label.
    fn deploys_again(&self, (namespace, name): (&str, &str), labels: &Value) -> Value {
        let path = format!("{}/{name}", collection(namespace, &deployment(name, name, "prod")));
        let template = json!({"metadata": {"annotations": {"deployed": "again"}, "labels": labels}});
        let (code, answer) = self.server().patch(&path, &json!({"spec": {"template": template}}));
        assert_eq!(code, 200, "{answer}");
        answer["metadata"]["labels"][LABEL].clone()
    }
}

/// What runs already, then the chart.
fn installs_late(helm: &Helm, servers: &ApiServers, values: &str) {
    let server = servers.cluster(CLUSTER);
    for (namespace, name) in BEFORE {
        runs(server, namespace, name);
    }
    helm_installs(helm, servers, values);
}

/// Says that `web` calls `orders`.
fn calls(server: &ApiServer) {
    let dependency = json!({
        "apiVersion": "admiral.io/v1alpha1", "kind": "Dependency", "metadata": {"name": "web"},
        "spec": {"source": "web", "identityLabel": "identity", "destinations": ["orders"]},
    });
    let (code, answer) = server.create(&collection("shop", &dependency), &dependency);
    assert_eq!(code, 201, "{answer}");
}

/// A Deployment of an identity of its name, and its Service. The webhook's label, if it got one.
fn runs(server: &ApiServer, namespace: &str, name: &str) -> Value {
    let object = deployment(name, name, "prod");
    let (code, made) = server.create(&collection(namespace, &object), &object);
    assert_eq!(code, 201, "{made}");
    let service = json!({
        "metadata": {"name": name}, "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 8080}]},
    });
    let (code, answer) = server.create(&format!("/api/v1/namespaces/{namespace}/services"), &service);
    assert_eq!(code, 201, "{answer}");
    made["metadata"]["labels"][LABEL].clone()
}

#[test]
fn workloads_are_asked_for_by_label_once_every_one_of_them_has_its_own() {
    let Some(mut fleet) = Fleet::start() else { return };
    fleet.comes_to_be("a count of labels", || fleet.left() == json!(BEFORE.len()));
    assert!(!fleet.asks().1, "workloads from before the webhook have no label");
    for (at, one) in BEFORE.into_iter().enumerate() {
        assert!(!fleet.asks().1, "{at} of them have one");
        assert!(fleet.deploys_again(one, &json!({})).is_string());
    }
    fleet.comes_to_be("the index", || fleet.left() == json!(0));
    let (answer, is_by_label) = fleet.asks();
    assert!(is_by_label && answer["names"][0]["places"].as_array().unwrap().len() == 1, "{answer}");
    let (shown, is_by_label) = fleet.syncs();
    assert!(is_by_label && shown.contains("No changes"), "{shown}");

    // Written while the webhook is away, and what it said last still counts.
    fleet.installed.webhook.dies();
    assert_eq!(runs(fleet.server(), "more", "orders"), Value::Null, "nobody gave it a label");
    let (answer, is_by_label) = fleet.asks();
    assert!(is_by_label && answer["names"][0]["places"].as_array().unwrap().len() == 2, "{answer}");
    let (shown, is_by_label) = fleet.syncs();
    assert!(is_by_label && shown.contains("+ endpoints/orders.more.svc.cluster.local"), "{shown}");

    // An identity that changes meanwhile leaves a label that is wrong, beside the one that is missing.
    let label = fleet.deploys_again(("shop", "web"), &json!({"identity": "orders"}));
    assert!(label.is_string(), "its label stays");
    let second = fleet.installed.replica();
    fleet.comes_to_be("a word of the other replica", || fleet.left() == json!(2));
    let (answer, is_by_label) = fleet.asks();
    let is_there = answer.to_string().contains(r#""workload":"web""#);
    assert!(!is_by_label && is_there, "{answer}\n{}", second.log());
}
