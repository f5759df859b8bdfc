//! An API server that is away for long, and one that comes back as it was before.

use std::time::Duration;

use mesh_testkit::callers::Question;
use mesh_testkit::servers::{ApiServer, ApiServers, Crds, until};
use serde_json::{Value, json};

use super::process::{Addresses, Certificates, Setup, Webhook};
use super::running::{collection, deployment};

/// How long watches may take to come back: they wait longer after each failure.
const AT_LENGTH: Duration = Duration::from_mins(3);
/// How old a view may be here.
const STALE: &str = "--max-view-age=8s";

/// A cluster with two teams. What is deployed there is not asked about: reviews come from the test.
fn cluster(name: &str) -> Option<ApiServers> {
    let servers = ApiServers::start(&[name])?;
    let server = servers.cluster(name);
    server.install_crds(&Crds::ALL);
    for namespace in ["shop", "pay"] {
        let labels = json!({"istio-injection": "enabled", "kubectl-mesh.io/owner": format!("team-{namespace}")});
        let (code, answer) =
            server.create("/api/v1/namespaces", &json!({"metadata": {"name": namespace, "labels": labels}}));
        assert_eq!(code, 201, "{answer}");
    }
    Some(servers)
}

fn webhook(servers: &ApiServers, arguments: &[&str]) -> Webhook {
    let kubeconfig = servers.kubeconfig_for(servers.clusters()[0].name());
    let setup = Setup { arguments, ..Certificates::Folder.into() };
    let webhook = Webhook::spawn(&kubeconfig, Addresses::free(), &setup);
    webhook.gets_ready();
    webhook
}

fn deploys(server: &ApiServer, namespace: &str, identity: &str) {
    let deployment = deployment(identity, identity, "stage");
    let (code, answer) = server.create(&collection(namespace, &deployment), &deployment);
    assert_eq!(code, 201, "{answer}");
}

/// The refusal of a Deployment of an identity in a namespace, empty where it passes, and the warnings.
fn answered(webhook: &Webhook, namespace: &str, identity: &str) -> (String, String) {
    let question = Question::of_deployment(namespace, identity, "stage");
    let answer = question.asked_of(webhook.address, &webhook.ca_pem).unwrap();
    let response = &answer["response"];
    assert_eq!(response["allowed"] == false, response["status"]["message"].is_string(), "{answer}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&response["status"]["message"]), response["warnings"].to_string())
}

fn is_kept_from(webhook: &Webhook, namespace: &str, identity: &str) -> bool {
    answered(webhook, namespace, identity).0.contains("[MESH-E101]")
}

fn is_stale(webhook: &Webhook) -> bool {
    answered(webhook, "shop", "checkout").1.contains("MESH-W202")
}

#[test]
fn while_the_api_server_is_away_reviews_are_answered_from_memory() {
    let Some(servers) = cluster("away") else { return };
    let server = servers.cluster("away");
    let (lenient, strict) = (webhook(&servers, &[STALE]), webhook(&servers, &[STALE, "--on-stale=refuse"]));
    deploys(server, "shop", "checkout");
    let claim = "/apis/kubectl-mesh.io/v1alpha1/globalnames/stage.checkout.global";
    assert!(until(AT_LENGTH, || server.get(claim).0 == 200), "{}", lenient.log());
    for webhook in [&lenient, &strict] {
        let is_known = || is_kept_from(webhook, "pay", "checkout") && !is_stale(webhook);
        assert!(until(AT_LENGTH, is_known), "{}", webhook.log());
    }
    server.stop();
    for webhook in [&lenient, &strict] {
        assert!(until(AT_LENGTH, || is_stale(webhook)), "{}", webhook.log());
        // A name that is known is its holder's, and nobody else's.
        assert_eq!(answered(webhook, "shop", "checkout").0, "");
        assert!(is_kept_from(webhook, "pay", "checkout"));
        assert!(webhook.metric("mesh_index_age_seconds", "") > 8.0);
        assert!(webhook.log().contains("the API server is not reached"), "{}", webhook.log());
        assert!(webhook.is_ready(), "it can be asked: who else could");
    }
    // One that is not known may be claimed meanwhile, unseen.
    let (refusal, warnings) = answered(&lenient, "shop", "new");
    assert!(refusal.is_empty() && warnings.contains("MESH-W202") && warnings.contains("MESH-W201"), "{warnings}");
    assert!(answered(&strict, "shop", "new").0.contains("[MESH-E108]"));
    server.start_again();
    for webhook in [&lenient, &strict] {
        assert!(until(AT_LENGTH, || !is_stale(webhook)), "{}", webhook.log());
        assert_eq!(answered(webhook, "shop", "new").0, "");
    }
    deploys(server, "shop", "later");
    assert!(until(AT_LENGTH, || is_kept_from(&strict, "pay", "later")), "{}", strict.log());
}

#[test]
fn a_cluster_that_was_put_back_to_an_older_state_is_followed() {
    let Some(mut servers) = cluster("restored") else { return };
    let webhook = webhook(&servers, &[]);
    let backup = servers.back_up();
    let server = servers.cluster("restored");
    assert!(until(AT_LENGTH, || server.get("/readyz").0 == 200));
    deploys(server, "shop", "ghost");
    let claim = "/apis/kubectl-mesh.io/v1alpha1/globalnames/stage.ghost.global";
    assert!(until(AT_LENGTH, || server.get(claim).0 == 200), "{}", webhook.log());
    assert!(until(AT_LENGTH, || is_kept_from(&webhook, "pay", "ghost")), "{}", webhook.log());
    server.stop();
    // As long as it takes somebody to restore a backup.
    assert!(until(AT_LENGTH, || webhook.metric("mesh_index_age_seconds", "") > 20.0));
    assert!(is_kept_from(&webhook, "pay", "ghost"), "what is known counts as long as nothing else is known");
    servers.restore(&backup);
    let server = servers.cluster("restored");
    server.start_again();
    assert!(until(AT_LENGTH, || !is_kept_from(&webhook, "pay", "ghost")), "{}", webhook.log());
    assert!(webhook.metric("mesh_index_restarts_total", "") > 0.0);
    // And it goes on from there.
    deploys(server, "pay", "ghost");
    assert!(until(AT_LENGTH, || is_kept_from(&webhook, "shop", "ghost")), "{}", webhook.log());
}
