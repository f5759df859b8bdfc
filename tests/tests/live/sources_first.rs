//! No client hears of an endpoint whose cluster was not written (law L10), shown with a user who may not write there.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::on_clusters::{OnClusters, granted, until};
use super::small::{dependency, deployment, policy, service};

/// Each of the three clusters that are written gets an Event.
const EVENTS: u64 = 3;

#[test]
fn where_a_source_cannot_be_written_no_client_gets_its_endpoint() {
    let names = ["client", "second", "source"];
    let Some(live) = OnClusters::of(&names) else { return };
    live.push_policy(&policy(&names));
    let [client, second, source] = names.map(|name| live.servers.cluster(name));
    deployment(second, "greeting");
    service(second, "greeting", 8080);
    deployment(client, "caller");
    deployment(second, "caller");
    service(second, "caller", 8080);
    dependency(client, "caller", &["greeting"]);

    live.mesh(&["sync", "--yes"]).exits(0);
    deployment(source, "greeting");
    service(source, "greeting", 8080);

    // Its user may read everything, and write nothing. Nothing else is left to do, so the run did nothing.
    let reader = source.user();
    granted(&live, source, reader, &["permissions", "plan"], &|_| {});
    let kubeconfig = source.kubeconfig_as(&reader.token);
    let said = live.with_kubeconfig(&kubeconfig, &["sync", "--yes"]).exits(4).says("forbidden");
    let said = said.says("source cluster source was not written");
    assert!(said.stdout.contains("cannot create resource"), "{}", said.stdout);
    assert!(live.generated("source").is_empty());
    for cluster in ["client", "second"] {
        assert!(!leads_to(&live, cluster, "source"), "{cluster}: {:?}", live.generated(cluster));
    }

    // The rule that is missing, and the same command again.
    let writer = source.user();
    granted(&live, source, writer, &["permissions", "sync"], &|_| {});
    live.with_kubeconfig(&source.kubeconfig_as(&writer.token), &["sync", "--yes"]).exits(0);
    for cluster in ["client", "second"] {
        assert!(leads_to(&live, cluster, "source"), "{cluster}: {:?}", live.generated(cluster));
    }

    // A server that refuses one object for a reason of its own.
    for cluster in [second, source] {
        deployment(cluster, "farewell");
        service(cluster, "farewell", 8080);
        dependency(client, "caller", &["greeting", "farewell"]);
    }
    let known = live.generated("client");
    refuse_new_entries(source);
    live.mesh(&["sync", "--yes"]).exits(3).says("not today").says("source cluster source was not written");
    assert_eq!(live.generated("client"), known, "nothing of the name that is not served yet");
    // A source calls its own name, and is no different.
    assert!(live.generated("second").contains_key("serviceentries/prod.farewell.global-se"));
    assert!(!names_of_source(&live, "second").contains("serviceentries/prod.farewell.global-se"));
    assert_eq!(source.delete(&format!("{POLICIES}/validatingadmissionpolicybindings/closed")).0, 200);
    until(&|| source.create(PROBES, &probe()).0 == 201, "the policy is no more");

    let before = live.writes();
    live.mesh(&["sync", "--yes"]).exits(0);
    let all = names_of_source(&live, "second");
    assert!(all.contains("serviceentries/prod.farewell.global-se"), "{all:?}");
    assert_eq!(all, names_of_source(&live, "client"));
    // The entries of `second` (again) and `source`, which has its DestinationRule, and both objects of the client.
    assert_eq!(live.writes() - before, 4 + EVENTS);

    both_are_new(&live);
}

/// Two new sources of one name, each of which leads to the other: one write more than there are objects.
fn both_are_new(live: &OnClusters) {
    let [client, second, source] = ["client", "second", "source"].map(|name| live.servers.cluster(name));
    for cluster in [second, source] {
        deployment(cluster, "hello");
        service(cluster, "hello", 8080);
    }
    dependency(client, "caller", &["greeting", "farewell", "hello"]);
    let before = live.writes();
    live.mesh(&["sync", "--yes"]).exits(0).says("6 steps written.");
    assert_eq!(live.writes() - before, 7 + EVENTS);
    for (cluster, other) in [("second", "source"), ("source", "second")] {
        let entry = &live.generated(cluster)["serviceentries/prod.hello.global-se"];
        let endpoints: Vec<&Value> =
            entry["spec"]["endpoints"].as_array().unwrap().iter().map(|e| &e["address"]).collect();
        assert_eq!(endpoints, [&json!(format!("gw.{other}.example.")), &json!("hello.default.svc.cluster.local")]);
    }
    live.mesh(&["plan"]).exits(0).says("No changes.");
}

/// A ValidatingAdmissionPolicy that refuses every new ServiceEntry, once it is in force.
pub(super) fn refuse_new_entries(cluster: &mesh_testkit::servers::ApiServer) {
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "closed"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [
                {"apiGroups": ["networking.istio.io"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["serviceentries"]},
            ]},
            "validations": [{"expression": "false", "message": "not today"}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "closed"},
        "spec": {"policyName": "closed", "validationActions": ["Deny"]},
    });
    assert_eq!(cluster.create(&format!("{POLICIES}/validatingadmissionpolicies"), &policy).0, 201);
    assert_eq!(cluster.create(&format!("{POLICIES}/validatingadmissionpolicybindings"), &binding).0, 201);
    until(&|| cluster.create(PROBES, &probe()).0 == 422, "the policy is in force");
}

const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1";
const PROBES: &str = "/apis/networking.istio.io/v1/namespaces/default/serviceentries?dryRun=All";

fn probe() -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": {"generateName": "probe-"},
        "spec": {"hosts": ["probe.example"], "ports": [{"name": "http", "number": 80, "protocol": "HTTP"}], "resolution": "DNS"},
    })
}

/// Whether any entry of a cluster has an endpoint in another cluster.
fn leads_to(live: &OnClusters, cluster: &str, source: &str) -> bool {
    live.generated(cluster).values().any(|object| has_endpoint(object, source))
}

/// The entries of a cluster that have an endpoint in the cluster `source`.
fn names_of_source(live: &OnClusters, cluster: &str) -> BTreeSet<String> {
    let objects = live.generated(cluster).into_iter();
    objects.filter(|(_, object)| has_endpoint(object, "source")).map(|(name, _)| name).collect()
}

fn has_endpoint(object: &Value, source: &str) -> bool {
    let endpoints = object["spec"]["endpoints"].as_array();
    endpoints.into_iter().flatten().any(|endpoint| endpoint["address"] == format!("gw.{source}.example."))
}
