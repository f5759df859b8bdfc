//! The servers themselves: they come up, serve what a cluster of a mesh serves, and leave nothing behind.

use std::path::Path;
use std::process::Command;

use mesh_testkit::servers::{ApiServers, Crds};
use mesh_tests::{example, skipped_without};
use serde_json::{Value, json};
use tempfile::TempDir;

const CLUSTERS: &[&str] = &["edge-us-west", "payments-us-east", "retail-us-west"];

#[test]
fn kubectl_reaches_every_cluster_by_the_kubeconfig() {
    let Some(servers) = ApiServers::shared(CLUSTERS) else { return };
    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        return skipped_without("kubectl");
    }
    let mut uids = Vec::new();
    for cluster in servers.clusters() {
        let namespace =
            kubectl(servers.kubeconfig(), cluster.name(), &["get", "namespace", "kube-system", "-o", "json"]);
        assert_eq!(namespace["metadata"]["uid"], json!(cluster.uid()), "{}", cluster.name());
        uids.push(cluster.uid());
    }
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), CLUSTERS.len(), "each cluster is one of its own");
}

#[test]
fn an_example_loads_with_every_object_accepted() {
    let Some(servers) = ApiServers::shared(CLUSTERS) else { return };
    servers.install_crds(&Crds::ALL);
    for cluster in servers.clusters() {
        let loaded = cluster.load(&example("bookstore").join(cluster.name()));
        assert_eq!(loaded.refused, Vec::<String>::new());
        assert!(loaded.created >= 4, "{}: only {} objects", cluster.name(), loaded.created);
    }
    let (_, policy) =
        servers.cluster("payments-us-east").get("/apis/admiral.io/v1alpha1/namespaces/tax/globaltrafficpolicies/tax");
    assert_eq!(
        policy["spec"]["policy"][2]["target"][0],
        json!({"region": "us-west-2", "weight": 0}),
        "nothing is pruned"
    );
}

#[test]
fn a_status_is_kept_whether_or_not_it_is_written_apart() {
    let Some(servers) = ApiServers::shared(CLUSTERS) else { return };
    let cluster = servers.cluster("edge-us-west");
    cluster.install_crds(&[Crds::Rollouts]);
    let folder = TempDir::new().unwrap();
    let manifests = "
apiVersion: v1
kind: Service
metadata: {name: gateway, namespace: status-kept, uid: 11111111-2222-3333-4444-555555555555, resourceVersion: '7'}
spec: {type: LoadBalancer, clusterIP: 172.30.4.4, clusterIPs: [172.30.4.4], ports: [{name: tls, port: 15443}]}
status: {loadBalancer: {ingress: [{hostname: gw.example}]}}
---
apiVersion: v1
kind: List
items:
  - apiVersion: argoproj.io/v1alpha1
    kind: Rollout
    metadata: {name: shop, namespace: status-kept}
    spec: {strategy: {canary: {}}}
    status: {stableRS: abc}
---
apiVersion: v1
kind: Node
metadata: {name: status-kept, labels: {topology.kubernetes.io/region: us-west-2}}
status: {conditions: [{type: Ready, status: 'True'}]}
";
    std::fs::write(folder.path().join("all.yaml"), manifests).unwrap();
    let loaded = cluster.load(folder.path());
    assert_eq!((loaded.created, loaded.refused), (3, vec![]));
    for (path, pointer, wanted) in [
        ("/api/v1/namespaces/status-kept/services/gateway", "/status/loadBalancer/ingress/0/hostname", "gw.example"),
        ("/apis/argoproj.io/v1alpha1/namespaces/status-kept/rollouts/shop", "/status/stableRS", "abc"),
        ("/api/v1/nodes/status-kept", "/status/conditions/0/type", "Ready"),
    ] {
        let (_, object) = cluster.get(path);
        assert_eq!(object.pointer(pointer), Some(&json!(wanted)), "{object}");
    }
}

#[test]
fn what_a_server_does_not_know_is_refused_with_the_reason() {
    let Some(servers) = ApiServers::shared(CLUSTERS) else { return };
    let cluster = servers.cluster("edge-us-west");
    cluster.install_crds(&[Crds::Admiral, Crds::Claims, Crds::ClusterProfiles]);
    let folder = TempDir::new().unwrap();
    let refused: &[(&str, &str)] = &[
        (
            "apiVersion: admiral.io/v1alpha1\nkind: GlobalTrafficPolicy\nmetadata: {name: a, namespace: default}\nspec: {polcy: []}",
            "unknown field \"spec.polcy\"",
        ),
        (
            "apiVersion: kubectl-mesh.io/v1alpha1\nkind: GlobalName\nmetadata: {name: a}\nspec: {host: a.global}",
            "spec.owner: Required value",
        ),
        (
            "apiVersion: multicluster.x-k8s.io/v1alpha1\nkind: ClusterProfile\nmetadata: {name: a, namespace: default}\nspec: {}",
            "spec.clusterManager: Required value",
        ),
        ("apiVersion: example.com/v1\nkind: Unheard\nmetadata: {name: a}", "the kind is not served"),
    ];
    let text = refused.iter().map(|(manifest, _)| *manifest).collect::<Vec<_>>().join("\n---\n");
    std::fs::write(folder.path().join("all.yaml"), text).unwrap();
    let loaded = cluster.load(folder.path());
    assert_eq!(loaded.created, 0);
    for ((_, reason), problem) in refused.iter().zip(&loaded.refused) {
        assert!(problem.contains(reason), "wanted {reason:?}, got {problem}");
    }
    assert_eq!(loaded.refused.len(), refused.len());
}

#[test]
fn a_user_may_do_what_was_granted_and_nothing_else() {
    let Some(servers) = ApiServers::shared(CLUSTERS) else { return };
    let cluster = servers.cluster("edge-us-west");
    let user = cluster.user();
    let get = |path: &str| cluster.request_as(&user.token, "GET", path, None);
    assert_eq!(get("/api/v1/namespaces").0, 403);
    let role = json!({
        "metadata": {"name": "sees-namespaces"},
        "rules": [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list"]}],
    });
    cluster.grant(user, &role);
    assert_eq!(get("/api/v1/namespaces").0, 200);
    assert_eq!(get("/api/v1/nodes").0, 403);
    assert_ne!(user, cluster.user(), "nobody gets another's user");
}

/// A set of its own: it is stopped, counted and dropped.
#[test]
fn data_outlives_a_stop_writes_are_counted_and_a_dropped_set_leaves_nothing() {
    let Some(servers) = ApiServers::start(&["c1"]) else { return };
    let cluster = servers.cluster("c1");
    let path = "/api/v1/namespaces/default/configmaps";

    let before = cluster.writes();
    assert_eq!(cluster.create(path, &json!({"metadata": {"name": "kept"}, "data": {"a": "1"}})).0, 201);
    assert_eq!(cluster.patch(&format!("{path}/kept"), &json!({"data": {"a": "2"}})).0, 200);
    let (_, mut object) = cluster.get(&format!("{path}/kept"));
    object["data"]["b"] = json!("3");
    assert_eq!(cluster.replace(&format!("{path}/kept"), &object).0, 200);
    assert_eq!(cluster.create(&format!("{path}?dryRun=All"), &json!({"metadata": {"name": "dry"}})).0, 201);
    assert_eq!(cluster.writes() - before, 3, "a dry run and a read are no writes");
    let requests = cluster.requests();
    assert_eq!(requests.get(&("PATCH".to_owned(), "configmaps".to_owned())), Some(&1), "{requests:?}");

    let (uid, url) = (cluster.uid(), cluster.url().to_owned());
    cluster.stop();
    assert!(std::net::TcpStream::connect(url.trim_start_matches("https://")).is_err(), "it is stopped");
    cluster.start_again();
    assert_eq!(cluster.uid(), uid);
    assert_eq!(cluster.get(&format!("{path}/kept")).1["data"], json!({"a": "2", "b": "3"}));
    assert_eq!(cluster.delete(&format!("{path}/kept")).0, 200);

    let processes = servers.processes();
    let folder = servers.kubeconfig().parent().unwrap().to_owned();
    assert_eq!(processes.len(), 2, "etcd and one API server");
    assert!(processes.iter().all(|id| is_there(*id)) && folder.is_dir());
    drop(servers);
    assert!(processes.iter().all(|id| !is_there(*id)), "{processes:?}");
    assert!(!folder.exists());
}

/// What kubectl prints, as JSON.
fn kubectl(kubeconfig: &Path, context: &str, args: &[&str]) -> Value {
    let home = TempDir::new().unwrap();
    let output = Command::new("kubectl")
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(["--context", context])
        .args(args)
        .env("HOME", home.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn is_there(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}
