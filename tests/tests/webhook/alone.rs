//! A webhook without a real cluster, for what has nothing to do with one: an API server of ills tells it of two namespaces, of
//! which `shop` serves checkout.

use mesh_testkit::apiserver::{ApiServer, Objects, Setup as Cluster};
use mesh_testkit::callers::Question;
use serde_json::{Value, json};

use super::process::{Addresses, Setup, Webhook};
use super::running::deployment;

/// The cluster.
pub(super) fn cluster() -> ApiServer {
    let namespace = |name: &str| {
        let labels = json!({"istio-injection": "enabled", "kubectl-mesh.io/owner": format!("team-{name}")});
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    };
    let mut web = deployment("web", "checkout", "stage");
    web["metadata"]["namespace"] = "shop".into();
    ApiServer::start(Cluster::holding(Objects::of([namespace("shop"), namespace("pay"), web])))
}

/// A webhook of it. It is not waited for.
pub(super) fn webhook<'s>(server: &ApiServer, setup: impl Into<Setup<'s>>) -> Webhook {
    Webhook::spawn(&server.kubeconfig("c1"), Addresses::free(), &setup.into())
}

/// The owner deploys once more.
pub(super) fn honest() -> Question {
    Question::of_deployment("shop", "checkout", "stage")
}

/// What is answered to a question.
pub(super) fn asked(webhook: &Webhook, question: &Question) -> Value {
    question.asked_of(webhook.address, &webhook.ca_pem).unwrap()["response"].clone()
}

/// Whether somebody else may not deploy what `shop` serves.
pub(super) fn is_kept(webhook: &Webhook) -> bool {
    let response = asked(webhook, &Question::of_deployment("pay", "checkout", "stage"));
    response["status"]["message"].as_str().is_some_and(|message| message.contains("[MESH-E101]"))
}
