//! What `kubectl mesh trace --probe` learns from gateways.

use serde_json::{Value, json};

use crate::Test;
use crate::fleet::Fleet;

pub(crate) const TESTS: &[Test] = &[("probes::a_probe_sees_who_is_behind_a_gateway", behind)];

const GATEWAY: &str = "/apis/networking.istio.io/v1/namespaces/istio-system/gateways/cross-network";

fn behind(fleet: &Fleet) {
    fleet.serve("c1", "mirror");
    fleet.call("c2", "mirror-client", "mirror");
    fleet.run();
    fleet.sync(&["mirror"]);
    let (verdict, handshake) = probe(fleet, 0);
    assert_eq!(verdict, "unknown", "the settings of the mesh are not there: {handshake}");
    assert_eq!(handshake["state"], "ok", "{handshake}");
    let says = handshake["says"].as_str().expect("a text");
    assert!(says.contains("spiffe://cluster.local/ns/mirror/sa/mirror") && says.contains("left"), "{says}");

    let c1 = fleet.rig.cluster("c1");
    let change = c1.server().edit(GATEWAY, |it| it["spec"]["servers"][0]["hosts"] = json!(["*.mesh"]));
    fleet.rig.settle();
    let (verdict, handshake) = probe(fleet, 1);
    // Its proxy does not even listen: from here that may be anybody's fault, and the Gateway tells whose it is.
    assert_eq!((verdict.as_str(), &handshake["state"]), ("broken", &json!("unknown")), "{handshake}");
    drop(change);
    fleet.rig.settle();

    // A certificate of another root, with a proxy that runs under it.
    c1.leave_root();
    let (verdict, handshake) = probe(fleet, 1);
    assert_eq!((verdict.as_str(), &handshake["state"]), ("broken", &json!("broken")), "{handshake}");
    assert_eq!(handshake["findings"][0]["name"], "different-roots", "{handshake}");
    c1.return_to_root();
}

/// The verdict of a trace, and its hop of the connection to the gateway.
fn probe(fleet: &Fleet, exit: i32) -> (String, Value) {
    let said = fleet.mesh(&["trace", "c2/mirror-client/mirror-client", "mirror", "--probe", "-o", "json"]).exits(exit);
    let trace = said.document()["traces"][0].clone();
    let hops = trace["ways"][0]["hops"].as_array().cloned().unwrap_or_default();
    let handshake = hops.into_iter().find(|hop| hop["step"] == "handshake").expect("a hop of the connection");
    (trace["verdict"].as_str().expect("a verdict").to_owned(), handshake)
}
