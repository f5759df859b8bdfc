//! What others have set up stays in force: namespaces that see less, and servers that demand more.

use std::thread;

use mesh_testkit::rig::Who;
use serde_json::json;

use crate::Test;
use crate::fleet::{DRAINED, Fleet};
use crate::routes::serves;

pub(crate) const TESTS: &[Test] = &[
    ("limits::an_exported_host_is_seen_by_its_clients_and_its_gateway_only", exported_to_clients_only),
    ("limits::a_namespace_with_a_sidecar_sees_what_it_lists", a_namespace_with_a_sidecar_sees_what_it_lists),
    ("limits::a_server_that_demands_mutual_tls_gets_it", a_server_that_demands_mutual_tls_gets_it),
];

/// What somebody else has set up.
const SIDECAR: &str = "\
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: narrow}
spec:
  egress:
    - hosts: [./*, istio-system/*, mesh-sync/*]
";
const STRICT: &str = "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: castle}
spec:
  mtls: {mode: STRICT}
";

/// `exportTo` in the policy: the namespaces of clients, and that of the serving gateway (D19).
fn exported_to_clients_only(fleet: &Fleet) {
    let host = "stage.secret.global";
    fleet.push_policy(&format!("exportTo: {{hosts: [{host}]}}\n"));
    fleet.serve("c1", "secret");
    fleet.call("c2", "friend", "secret");
    fleet.call("c2", "stranger", "nobody");
    fleet.run();
    fleet.sync(&["secret"]);
    serves(&fleet.rig, "c1", host, &["secret.secret.svc.cluster.local:80"]);
    let other = fleet.rig.cluster("c2");
    let answer = other.pod("friend/friend").get(&format!("http://{host}/")).expect("an answer");
    assert_eq!(answer.status, 200);
    let unknown = other.pod("stranger/stranger").get(&format!("http://{host}/")).expect_err("it is hidden from others");
    assert!(unknown.contains("no such name"), "{unknown}");
    assert!(other.probe(&Who::sidecar("stranger"), host).upstreams.is_empty());
    fleet.push_policy("");
}

/// A Sidecar of the client's namespace has to list the sync namespace.
fn a_namespace_with_a_sidecar_sees_what_it_lists(fleet: &Fleet) {
    fleet.serve("c1", "shelf");
    fleet.call("c2", "narrow", "shelf");
    fleet.run();
    fleet.sync(&["shelf"]);
    let client = fleet.rig.cluster("c2").pod("narrow/narrow");
    let asks = || client.get("http://stage.shelf.global/").map(|answer| answer.status);
    let path = "/apis/networking.istio.io/v1/namespaces/narrow/sidecars/default";
    fleet.apply("c2", SIDECAR, &[]);
    fleet.rig.settle();
    assert_eq!(asks(), Ok(200));
    let fewer = json!({"spec": {"egress": [{"hosts": ["./*", "istio-system/*"]}]}});
    let (code, answer) = fleet.rig.cluster("c2").server().patch(path, &fewer);
    assert_eq!(code, 200, "{answer}");
    fleet.rig.settle();
    assert!(asks().expect_err("the name is hidden").contains("no such name"));
}

/// A PeerAuthentication STRICT of the server's namespace.
fn a_server_that_demands_mutual_tls_gets_it(fleet: &Fleet) {
    fleet.serve("c1", "castle");
    fleet.call("c2", "knight", "castle");
    fleet.run();
    fleet.sync(&["castle"]);
    fleet.apply("c1", STRICT, &[]);
    fleet.rig.settle();
    thread::sleep(DRAINED);
    let load = fleet.load("c2", "knight", "stage.castle.global", 20);
    assert_eq!((load.failed, load.requests), (vec![], 20));
}
