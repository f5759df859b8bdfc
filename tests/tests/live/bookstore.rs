//! The bookstore on three real clusters: synced, edited by hand, seen in part, cleaned up.

use mesh_tests::{copy_folder, example};
use serde_json::json;
use tempfile::TempDir;

use super::on_clusters::{OnClusters, until};

const ENTRY: &str = "/apis/networking.istio.io/v1/namespaces/mesh-sync/serviceentries";
const RULE: &str = "/apis/networking.istio.io/v1/namespaces/mesh-sync/destinationrules";

#[test]
fn the_bookstore_is_synced_repaired_held_and_cleaned_up_on_real_clusters() {
    let Some(live) = OnClusters::example("bookstore") else { return };
    let folder = TempDir::new().unwrap();
    let manifests = folder.path().join("bookstore");
    copy_folder(&example("bookstore"), &manifests);

    // Without a list of members a fleet can be read, and not written.
    live.mesh(&["plan"]).exits(0).says("in 3 clusters");
    live.mesh(&["sync", "--yes"]).exits(2).says("fleet init");
    let policy = manifests.join("mesh.yaml");
    live.mesh(&["policy", "push", policy.to_str().unwrap(), "--yes"]).exits(0).says("stored the policy, revision 1");

    first_sync(&live, &manifests);
    drift_is_named_and_repaired(&live);
    what_is_not_seen_is_held(&live);
    somebody_elses_objects_are_left_alone(&live);
    what_is_removed_is_cleaned_up(&live, &manifests);
    a_retired_member_is_cleaned_up(&live);
}

fn first_sync(live: &OnClusters, manifests: &std::path::Path) {
    live.mesh(&["sync", "--yes"]).exits(0).says("50 steps written.");
    live.holds_what_renders(manifests);
    let writes = live.writes();
    live.mesh(&["sync", "--yes"]).exits(0).says("No changes. 3 clusters hold what they should.");
    assert_eq!(live.writes(), writes, "a second sync writes nothing");
}

fn drift_is_named_and_repaired(live: &OnClusters) {
    let retail = live.servers.cluster("retail-us-west");
    let before = live.generated("retail-us-west");
    let path = format!("{ENTRY}/prod.payments.global-se");
    let edit = |path: &str, edit: &dyn Fn(&mut serde_json::Value)| {
        let (_, mut object) = retail.get(path);
        edit(&mut object);
        assert_eq!(retail.replace(&format!("{path}?fieldManager=kubectl-edit"), &object).0, 200);
    };
    edit(&path, &|object| object["spec"]["endpoints"][0]["address"] = json!("gw.elsewhere.example."));
    edit(&format!("{ENTRY}/prod.orders.global-se"), &|object| object["spec"]["exportTo"] = json!(["orders"]));
    assert_eq!(retail.delete(&format!("{RULE}/prod.orders.global-default-dr")).0, 200);
    let plan = live.mesh(&["plan"]).exits(0).says("kubectl-edit at ").says("gw.elsewhere.example.").says("exportTo");
    assert!(plan.stdout.contains("1 to add, 2 to change"), "{}", plan.stdout);
    live.mesh(&["sync", "--yes"]).exits(0).says("3 steps written.");
    assert_eq!(live.generated("retail-us-west"), before);
}

/// Nothing of this removes anything anywhere.
fn what_is_not_seen_is_held(live: &OnClusters) {
    let all: Vec<_> = live.clusters.iter().map(|cluster| live.generated(cluster)).collect();
    let unchanged = |what: &str| {
        for (cluster, before) in live.clusters.iter().zip(&all) {
            if cluster != "payments-us-east" || what != "a stopped member" {
                assert_eq!(&live.generated(cluster), before, "{what}: {cluster}");
            }
        }
    };

    live.on("contexts:edge-*,retail-*", &["sync", "--yes"]).exits(3).says("payments-us-east");
    unchanged("a context that the glob dropped");

    let payments = live.servers.cluster("payments-us-east");
    payments.stop();
    live.mesh(&["sync", "--yes"]).exits(3).says("payments-us-east").says("cannot be reached");
    unchanged("a stopped member");
    payments.start_again();

    let edge = live.servers.cluster("edge-us-west");
    let crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/dependencies.admiral.io";
    let dependencies = "/apis/admiral.io/v1alpha1/namespaces/edge/dependencies";
    let (_, kept) = edge.get(dependencies);
    assert_eq!(edge.delete(crd).0, 200);
    let gone = || edge.get(crd).0 == 404;
    until(&gone, "the CRD is gone");
    live.mesh(&["sync", "--yes"]).exits(3).says("is not served any more");
    unchanged("a removed CRD");
    edge.install_crds(&[mesh_testkit::servers::Crds::Admiral]);
    for mut dependency in kept["items"].as_array().unwrap().clone() {
        dependency["metadata"] = json!({"name": dependency["metadata"]["name"], "namespace": "edge"});
        until(&|| edge.create(dependencies, &dependency).0 == 201, "the Dependency is there again");
    }
    live.mesh(&["plan"]).exits(0).says("No changes.");
}

fn somebody_elses_objects_are_left_alone(live: &OnClusters) {
    let edge = live.servers.cluster("edge-us-west");
    let foreign = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
        "metadata": {"name": "handmade", "namespace": "edge", "annotations": {"app.kubernetes.io/created-by": "somebody"}},
        "spec": {"hosts": ["prod.orders.global"], "ports": [{"name": "http", "number": 80, "protocol": "HTTP"}], "resolution": "DNS", "location": "MESH_INTERNAL",
                 "endpoints": [{"address": "elsewhere.example"}]},
    });
    let list = "/apis/networking.istio.io/v1/namespaces/edge/serviceentries";
    assert_eq!(edge.create(list, &foreign).0, 201);
    let ours = edge.get(&format!("{ENTRY}/prod.orders.global-se")).1["metadata"]["resourceVersion"].clone();
    live.mesh(&["sync", "--yes"]).says("host-taken").says("handmade");
    let (_, after) = edge.get(&format!("{list}/handmade"));
    assert_eq!(after["spec"], foreign["spec"]);
    assert_eq!(edge.get(&format!("{ENTRY}/prod.orders.global-se")).1["metadata"]["resourceVersion"], ours);
    assert_eq!(edge.delete(&format!("{list}/handmade")).0, 200);
}

fn what_is_removed_is_cleaned_up(live: &OnClusters, manifests: &std::path::Path) {
    // A Dependency that shrinks, a service that goes, a prefix of a traffic policy that goes.
    let retail = live.servers.cluster("retail-us-west");
    assert_eq!(retail.delete("/apis/admiral.io/v1alpha1/namespaces/orders/dependencies/orders").0, 200);
    std::fs::write(
        manifests.join("retail-us-west/orders/orders.yaml"),
        without(&manifests.join("retail-us-west/orders/orders.yaml"), "kind: Dependency"),
    )
    .unwrap();
    live.mesh(&["sync", "--yes"]).exits(0);
    live.holds_what_renders(manifests);

    let payments = live.servers.cluster("payments-us-east");
    let gtp = "/apis/admiral.io/v1alpha1/namespaces/tax/globaltrafficpolicies/tax";
    let (_, mut policy) = payments.get(gtp);
    let items = policy["spec"]["policy"].as_array_mut().unwrap();
    items.pop().unwrap();
    assert_eq!(payments.replace(gtp, &policy).0, 200);
    let before: usize = live.clusters.iter().map(|cluster| live.generated(cluster).len()).sum();
    live.mesh(&["sync", "--yes"]).exits(0);
    let after: usize = live.clusters.iter().map(|cluster| live.generated(cluster).len()).sum();
    assert!(after < before, "the hosts of the prefix are gone: {before} → {after}");

    assert_eq!(retail.delete("/apis/apps/v1/namespaces/catalogue/deployments/covers").0, 200);
    live.mesh(&["plan"]).exits(0).says("prod.covers.global");
    live.mesh(&["sync", "--yes", "--allow-last", "covers"]).exits(0);
    for cluster in &live.clusters {
        assert!(!live.generated(cluster).keys().any(|name| name.contains("covers")), "{cluster}");
    }
}

fn a_retired_member_is_cleaned_up(live: &OnClusters) {
    live.mesh(&["fleet", "retire", "payments-us-east", "--yes"]).exits(0).says("revision 2");
    live.mesh(&["sync", "--yes", "--allow-last", "*", "--max-removals", "100"]).exits(0);
    assert_eq!(live.generated("payments-us-east").len(), 0);
    for cluster in ["edge-us-west", "retail-us-west"] {
        let objects = live.generated(cluster);
        assert!(!objects.contains_key("serviceentries/prod.payments.global-se"), "{cluster}");
    }
    let retail = live.generated("retail-us-west");
    assert!(retail.contains_key("serviceentries/prod.tax.global-se"), "tax runs there, too");
    live.mesh(&["plan"]).exits(0).says("No changes.");
}

/// The documents of a file but those that have this line.
fn without(file: &std::path::Path, line: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    text.split("---\n").filter(|document| !document.lines().any(|each| each == line)).collect::<Vec<_>>().join("---\n")
}
