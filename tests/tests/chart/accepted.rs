//! A real API server takes what is rendered, and would run it where the strictest level of pod security is enforced.

use std::io::Write as _;
use std::process::{Command, Stdio};

use mesh_testkit::helm::Helm;
use mesh_testkit::servers::{ApiServer, ApiServers};
use mesh_tests::skipped_without;
use serde_json::{Value, json};

use super::{FOREIGN, NAMESPACE, VARIANTS, manifests, objects, pods, text};

#[test]
fn a_real_api_server_takes_every_object_and_knows_every_field() {
    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        return skipped_without("kubectl");
    }
    let Some((helm, servers)) = Helm::find().zip(cluster()) else { return };
    for (name, set) in VARIANTS {
        let manifests = manifests(&helm, set);
        let documents = manifests.split("\n---\n").filter(|text| text.contains("\nkind: "));
        let served: Vec<&str> =
            documents.filter(|text| !FOREIGN.iter().any(|kind| text.contains(&format!("\nkind: {kind}\n")))).collect();
        let mut kubectl = Command::new("kubectl")
            .args([
                "apply",
                "--server-side",
                "--force-conflicts",
                "--dry-run=server",
                "--validate=strict",
                "--filename=-",
            ])
            .args(["--context", CLUSTER, "--kubeconfig"])
            .arg(servers.kubeconfig())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        kubectl.stdin.take().unwrap().write_all(served.join("\n---\n").as_bytes()).unwrap();
        let output = kubectl.wait_with_output().unwrap();
        let taken = String::from_utf8_lossy(&output.stdout).lines().count();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name}: no warning");
        assert_eq!(taken, served.len(), "{name}");
    }
}

#[test]
fn pods_run_where_pod_security_is_restricted() {
    let Some((helm, servers)) = Helm::find().zip(cluster()) else { return };
    let server = servers.cluster(CLUSTER);
    make_namespace(server, "restricted", &json!({"pod-security.kubernetes.io/enforce": "restricted"}));
    let create = |pod: &Value| {
        let mut pod = json!({"metadata": {"name": "try"}, "spec": pod["spec"]});
        pod["spec"]["serviceAccountName"] = json!("default");
        server.create("/api/v1/namespaces/restricted/pods?dryRun=All&fieldValidation=Strict", &pod)
    };
    for (name, set) in VARIANTS {
        for pod in pods(&objects(&helm, set)) {
            let (code, answer) = create(pod);
            assert_eq!(code, 201, "{name}: {}", text(&answer, "/message"));
        }
    }
    let (code, answer) = create(&json!({"spec": {"containers": [{"name": "root", "image": "root"}]}}));
    assert_eq!(code, 403, "{answer}");
    assert!(text(&answer, "/message").contains("violates PodSecurity \"restricted"), "{answer}");
}

/// The cluster that tests of the chart share, with the namespaces that the chart needs.
fn cluster() -> Option<&'static ApiServers> {
    let servers = ApiServers::shared(&[CLUSTER])?;
    for namespace in [NAMESPACE, "mesh-sync"] {
        make_namespace(servers.cluster(CLUSTER), namespace, &json!({}));
    }
    Some(servers)
}

pub(super) const CLUSTER: &str = "chart";

/// Makes a namespace, unless it is there.
pub(super) fn make_namespace(server: &ApiServer, name: &str, labels: &Value) {
    let (code, answer) = server.create("/api/v1/namespaces", &json!({"metadata": {"name": name, "labels": labels}}));
    assert!(matches!(code, 201 | 409), "{answer}");
}
