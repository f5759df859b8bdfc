//! The bank on four real clusters: what may not be read, is somebody else's, is gone or is another cluster removes nothing.

use std::collections::BTreeMap;

use mesh_testkit::servers::ApiServer;
use mesh_tests::example;
use serde_json::{Value, json};

use super::on_clusters::{OnClusters, granted, until};

const ENTRIES: &str = "/apis/networking.istio.io/v1/namespaces/mesh-sync/serviceentries";

#[test]
fn the_bank_is_synced_and_nothing_unknown_removes_anything() {
    let Some(live) = OnClusters::example("bank") else { return };
    let folder = example("bank");
    let policy = std::fs::read_to_string(folder.join("mesh.yaml")).unwrap();
    let policy: String = policy
        .lines()
        .map(|line| match line.strip_prefix("    - name: ") {
            Some(name) => format!("{line}\n      uid: {name}\n"),
            None => format!("{line}\n"),
        })
        .collect();
    live.push_policy(&policy);
    live.mesh(&["sync", "--yes"]).exits(0);
    live.holds_what_renders(&folder);
    let writes = live.writes();
    live.mesh(&["sync", "--yes"]).exits(0).says("No changes. 4 clusters hold what they should.");
    assert_eq!(live.writes(), writes, "a second sync writes nothing");

    let all = everything(&live);
    let unchanged = |what: &str| assert_eq!(everything(&live), all, "{what}");
    a_forbidden_kind(&live, &unchanged);
    another_cluster(&live, &unchanged);
    a_foreign_object_of_our_name(&live);
    unchanged("what was ours before");
    a_sync_namespace_that_is_gone(&live, &all);
    live.holds_what_renders(&folder);
}

fn everything(live: &OnClusters) -> BTreeMap<String, BTreeMap<String, Value>> {
    live.clusters.iter().map(|cluster| (cluster.clone(), live.generated(cluster))).collect()
}

/// A user without one rule: nothing is taken for gone, and the rule is named.
fn a_forbidden_kind(live: &OnClusters, unchanged: &dyn Fn(&str)) {
    let core = live.servers.cluster("core-dublin");
    for resource in ["services", "deployments", "dependencies", "globaltrafficpolicies", "serviceentries"] {
        let user = core.user();
        granted(live, core, user, &["permissions", "sync"], &|rules| {
            for rule in rules.iter_mut() {
                rule["resources"].as_array_mut().unwrap().retain(|each| each != resource);
            }
            rules.retain(|rule| !rule["resources"].as_array().unwrap().is_empty());
        });
        let said = live.with_kubeconfig(&core.kubeconfig_as(&user.token), &["sync", "--yes"]);
        said.exits(3).says(&format!("cannot list resource \"{resource}\"")).says("core-dublin");
        unchanged(resource);
    }
}

/// The context of a member leads to another cluster by now.
fn another_cluster(live: &OnClusters, unchanged: &dyn Fn(&str)) {
    let channels = live.servers.cluster("channels-dublin");
    let token = channels.admin_token();
    let elsewhere = channels.kubeconfig_as("TOKEN").replace("channels-dublin", "core-dublin").replace("TOKEN", token);
    let said = live.with_kubeconfig(&elsewhere, &["sync", "--yes"]);
    said.exits(3).says("other UID: core-dublin reaches another cluster than the member");
    unchanged("a context that leads elsewhere");
}

fn a_foreign_object_of_our_name(live: &OnClusters) {
    let cluster = live.servers.cluster("channels-frankfurt");
    let path = format!("{ENTRIES}/prod.accounts.global-se");
    let (status, ours) = cluster.get(&path);
    assert_eq!(status, 200, "{ours}");
    assert_eq!(cluster.delete(&path).0, 200);
    let mut theirs = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
        "metadata": {"name": "prod.accounts.global-se", "namespace": "mesh-sync"},
        "spec": ours["spec"],
    });
    theirs["spec"]["hosts"] = json!(["somewhere.example"]);
    let (status, theirs) = cluster.create(ENTRIES, &theirs);
    assert_eq!(status, 201, "{theirs}");
    live.mesh(&["sync", "--yes"]).exits(3).says("host-taken").says("prod.accounts.global-se");
    assert_eq!(cluster.get(&path).1, theirs, "not touched");
    assert_eq!(cluster.delete(&path).0, 200);
    live.mesh(&["sync", "--yes"]).exits(0).says("1 step written.");
}

/// Somebody deleted it. What is elsewhere stays; once it is there again it is filled again.
fn a_sync_namespace_that_is_gone(live: &OnClusters, all: &BTreeMap<String, BTreeMap<String, Value>>) {
    let core = live.servers.cluster("core-frankfurt");
    delete_namespace(core, "mesh-sync");
    live.mesh(&["sync", "--yes"]).exits(3).says("its sync namespace mesh-sync is not there");
    for cluster in live.clusters.iter().filter(|cluster| *cluster != "core-frankfurt") {
        assert_eq!(&live.generated(cluster), &all[cluster], "{cluster}");
    }
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mesh-sync"}});
    assert_eq!(core.create("/api/v1/namespaces", &namespace).0, 201);
    live.mesh(&["sync", "--yes"]).exits(0);
    live.mesh(&["plan"]).exits(0).says("No changes.");
}

/// With what the controller of namespaces would do: first its content, then it may go.
fn delete_namespace(cluster: &ApiServer, name: &str) {
    let path = format!("/api/v1/namespaces/{name}");
    assert_eq!(cluster.delete(&path).0, 200);
    for collection in [
        format!("/apis/networking.istio.io/v1/namespaces/{name}/serviceentries"),
        format!("/apis/networking.istio.io/v1/namespaces/{name}/destinationrules"),
        format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{name}/roles"),
        format!("/api/v1/namespaces/{name}/configmaps"),
    ] {
        assert_eq!(cluster.delete(&collection).0, 200, "{collection}");
    }
    let (_, mut namespace) = cluster.get(&path);
    namespace["spec"]["finalizers"] = json!([]);
    let (status, answer) = cluster.replace(&format!("{path}/finalize"), &namespace);
    assert_eq!(status, 200, "{answer}");
    until(&|| cluster.get(&path).0 == 404, "the namespace is gone");
}
