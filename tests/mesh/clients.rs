//! Who calls: any workload, whether it carries an identity or not.

use mesh_testkit::rig::Outcome;
use serde_json::{Value, json};

use crate::Test;
use crate::fleet::{Fleet, broken_hop};

pub(crate) const TESTS: &[Test] = &[("clients::a_client_without_an_identity_is_followed", without_identity)];

/// A workload that nobody named.
const PASSER: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: passer, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: passer, namespace: passer}
spec:
  selector: {matchLabels: {app: passer}}
  template:
    metadata: {labels: {app: passer}}
    spec: {serviceAccountName: passer, containers: [{name: app, image: app}]}
";
const DENY_PASSER: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mine, namespace: open}
spec: {action: DENY, rules: [{from: [{source: {principals: [cluster.local/ns/passer/sa/passer]}}]}]}
";

fn without_identity(fleet: &Fleet) {
    fleet.serve("c1", "open");
    fleet.call("c2", "open-client", "open");
    fleet.apply("c2", PASSER, &[]);
    fleet.run();
    fleet.sync(&["open"]);
    fleet.rig.settle();
    assert_eq!(asks(fleet), "200");
    let trace = traced(fleet, 0);
    assert_eq!(trace["client"]["identity"], Value::Null, "{trace}");
    assert_eq!(broken_hop(&trace), None, "{trace}");

    let policy = serde_saphyr::from_str(DENY_PASSER).expect("a manifest");
    let change = fleet.rig.cluster("c1").server().add(&policy);
    fleet.rig.settle();
    assert_eq!(asks(fleet), "403");
    assert_eq!(broken_hop(&traced(fleet, 1)).as_deref(), Some("authorization"));
    drop(change);

    let hides = json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": {"name": "mine", "namespace": "passer"},
        "spec": {"egress": [{"hosts": ["./*"]}]},
    });
    let change = fleet.rig.cluster("c2").server().add(&hides);
    fleet.rig.settle();
    assert_eq!(asks(fleet), "the name is unknown");
    assert_eq!(broken_hop(&traced(fleet, 1)).as_deref(), Some("entry"));
    drop(change);
}

/// What the client is answered.
fn asks(fleet: &Fleet) -> String {
    match fleet.rig.cluster("c2").pod("passer/passer").ask("http://stage.open.global/") {
        Outcome::Answered(answer) => answer.status.to_string(),
        Outcome::UnknownName => "the name is unknown".to_owned(),
        Outcome::NoAnswer(why) => why,
    }
}

fn traced(fleet: &Fleet, exit: i32) -> Value {
    let said = fleet.mesh(&["trace", "c2/passer/passer", "open", "-o", "json"]).exits(exit);
    said.document()["traces"][0].clone()
}
