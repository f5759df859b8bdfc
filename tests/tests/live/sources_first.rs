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
    // Callers run in a source, too, which is no different.
    assert!(live.generated("second").contains_key("serviceentries/prod.farewell.global-se"));
    assert!(!names_of_source(&live, "second").contains("serviceentries/prod.farewell.global-se"));
    leads_nowhere_where_nobody_calls(&live);
    assert_eq!(source.delete(&format!("{POLICIES}/validatingadmissionpolicybindings/closed")).0, 200);
    until(&|| source.create(PROBES, &probe()).0 == 201, "the policy is no more");

    let before = live.writes();
    live.mesh(&["sync", "--yes"]).exits(0);
    let mut all = names_of_source(&live, "second");
    assert!(all.contains("serviceentries/prod.farewell.global-se"), "{all:?}");
    all.insert("serviceentries/prod.aloha.global-se".to_owned());
    assert_eq!(all, names_of_source(&live, "client"));
    // Of the one name the entries of `second` (again) and `source`, which has its DestinationRule, and both objects of the
    // client; of the other one the entries of `client` (again) and `source`.
    assert_eq!(live.writes() - before, 6 + EVENTS);

    both_are_new(&live, "hello", 6);
    // Now callers run in both of them: one leads to the other only once that routes, which is a write more.
    deployment(source, "caller");
    both_are_new(&live, "goodbye", 7);
}

/// Where no caller runs, a new entry is written whole at once, and what leads to a source that fails is taken back.
fn leads_nowhere_where_nobody_calls(live: &OnClusters) {
    for cluster in [live.servers.cluster("client"), live.servers.cluster("source")] {
        deployment(cluster, "aloha");
        service(cluster, "aloha", 8080);
    }
    live.mesh(&["sync", "--yes"]).exits(3).says("written without what leads to source cluster source");
    let path = "/apis/networking.istio.io/v1/namespaces/mesh-sync/serviceentries/prod.aloha.global-se";
    let (_, entry) = live.servers.cluster("client").get(path);
    assert_eq!(addresses(&entry), ["aloha.default.svc.cluster.local"].into());
    // What was written first was more than that.
    assert_eq!(entry["metadata"]["generation"], 2);
}

/// Two new sources of one name, each of which leads to the other, written with so many writes.
fn both_are_new(live: &OnClusters, name: &str, writes: u64) {
    let [client, second, source] = ["client", "second", "source"].map(|name| live.servers.cluster(name));
    for cluster in [second, source] {
        deployment(cluster, name);
        service(cluster, name, 8080);
    }
    dependency(client, "caller", &["greeting", "farewell", "hello", name]);
    let before = live.writes();
    live.mesh(&["sync", "--yes"]).exits(0).says("6 steps written.");
    assert_eq!(live.writes() - before, writes + EVENTS);
    for (cluster, other) in [("second", "source"), ("source", "second")] {
        let entry = &live.generated(cluster)[&*format!("serviceentries/prod.{name}.global-se")];
        let wanted = [format!("gw.{other}.example."), format!("{name}.default.svc.cluster.local")];
        assert_eq!(addresses(entry), wanted.iter().map(String::as_str).collect());
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
    addresses(object).contains(&*format!("gw.{source}.example."))
}

fn addresses(object: &Value) -> BTreeSet<&str> {
    let endpoints = object["spec"]["endpoints"].as_array();
    endpoints.into_iter().flatten().filter_map(|endpoint| endpoint["address"].as_str()).collect()
}
