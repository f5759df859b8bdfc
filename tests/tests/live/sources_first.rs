//! No client hears of an endpoint whose cluster was not written (law L10), shown with a user who may not write there.

use serde_json::{Value, json};

use super::on_clusters::{OnClusters, granted};
use super::small::{dependency, deployment, policy, service};

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
}

/// A ValidatingAdmissionPolicy that refuses every new ServiceEntry, once it is in force.
fn refuse_new_entries(cluster: &mesh_testkit::servers::ApiServer) {
    let policies = "/apis/admissionregistration.k8s.io/v1";
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
    assert_eq!(cluster.create(&format!("{policies}/validatingadmissionpolicies"), &policy).0, 201);
    assert_eq!(cluster.create(&format!("{policies}/validatingadmissionpolicybindings"), &binding).0, 201);
    let probe = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": {"generateName": "probe-"},
        "spec": {"hosts": ["probe.example"], "ports": [{"name": "http", "number": 80, "protocol": "HTTP"}], "resolution": "DNS"},
    });
    let probes = "/apis/networking.istio.io/v1/namespaces/default/serviceentries?dryRun=All";
    super::on_clusters::until(&|| cluster.create(probes, &probe).0 == 422, "the policy is in force");
}

/// Whether any entry of a cluster has an endpoint in another cluster.
fn leads_to(live: &OnClusters, cluster: &str, source: &str) -> bool {
    live.generated(cluster).values().any(|object| {
        let endpoints = object["spec"]["endpoints"].as_array().cloned().unwrap_or_default();
        endpoints.iter().any(|endpoint: &Value| endpoint["address"] == format!("gw.{source}.example."))
    })
}
