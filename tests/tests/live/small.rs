//! A fleet of a few words: workloads, Services and Dependencies in the namespace `default` of real clusters.

use std::fmt::Write as _;

use mesh_testkit::servers::{ApiServer, ApiServers};
use serde_json::{Value, json};

/// The policy of a fleet of these clusters, each with a gateway `gw.NAME.example:15443`.
pub(crate) fn policy(clusters: &[&str]) -> String {
    let mut text =
        "apiVersion: kubectl-mesh.io/v1alpha1\nkind: MeshPolicy\nrevision: 1\nfleet:\n  members:\n".to_owned();
    for name in clusters {
        let _ = writeln!(
            text,
            "    - name: {name}\n      region: r1\n      gateway: gw.{name}.example:15443\n      uid: {name}"
        );
    }
    text
}

/// A policy with the UIDs of clusters in it: lines of members end with `uid: NAME` before.
pub(crate) fn with_uids(servers: &ApiServers, policy: &str) -> String {
    servers.clusters().iter().fold(policy.to_owned(), |text, cluster| {
        text.replace(&format!("uid: {}\n", cluster.name()), &format!("uid: {}\n", cluster.uid()))
    })
}

/// Makes or changes a Deployment of an identity of its name.
pub(crate) fn deployment(cluster: &ApiServer, name: &str) {
    let labels = json!({"app": name, "identity": name, "admiral.io/env": "prod", "sidecar.istio.io/inject": "true"});
    applied(
        cluster,
        "/apis/apps/v1/namespaces/default/deployments",
        &json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
            },
        }),
    );
}

/// Makes or changes the Service of a Deployment.
pub(crate) fn service(cluster: &ApiServer, name: &str, port: u16) {
    applied(
        cluster,
        "/api/v1/namespaces/default/services",
        &json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": port}]},
        }),
    );
}

/// Makes or changes the Dependency of an identity.
pub(crate) fn dependency(cluster: &ApiServer, source: &str, destinations: &[&str]) {
    applied(
        cluster,
        "/apis/admiral.io/v1alpha1/namespaces/default/dependencies",
        &json!({
            "apiVersion": "admiral.io/v1alpha1", "kind": "Dependency", "metadata": {"name": source, "namespace": "default"},
            "spec": {"source": source, "identityLabel": "identity", "destinations": destinations},
        }),
    );
}

/// Takes a Deployment away.
pub(crate) fn gone(cluster: &ApiServer, deployment: &str) {
    let (status, answer) = cluster.delete(&format!("/apis/apps/v1/namespaces/default/deployments/{deployment}"));
    assert!(matches!(status, 200 | 404), "{answer}");
}

fn applied(cluster: &ApiServer, collection: &str, object: &Value) {
    let (status, answer) = cluster.create(collection, object);
    if status == 409 {
        let path = format!("{collection}/{}", object["metadata"]["name"].as_str().unwrap());
        let (status, answer) = cluster.patch(&path, &json!({"spec": object["spec"]}));
        assert_eq!(status, 200, "{answer}");
    } else {
        assert_eq!(status, 201, "{answer}");
    }
}
