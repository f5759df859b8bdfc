//! Entries that somebody wrote by hand, for a host that the product does not know: there is no rule of ours beside them.

use serde_json::{Value, json};

use super::scene::Scene;
use super::step::Step::{Add, AddBut};
use super::{ACCEPTS, Mistake};
use crate::fleet::Fleet;

/// In the serving cluster and in that of the client.
pub(super) fn by_hand(fleet: &Fleet) {
    let scene = Scene::set(fleet, "craft", &["c1"]).asking("stage.legacy.global");
    scene.tries("entries by hand, without a rule", "the name is unknown", BY_HAND);
}

const SERVING: &str = "\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: stage, namespace: legacy}
spec:
  hosts: [HOST]
  addresses: [240.99.0.1]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{name: http, number: 80, protocol: http}]
  endpoints:
    - address: SERVER.SERVER.svc.cluster.local
      labels: {security.istio.io/tlsMode: istio}
      ports: {http: 80}
";
const CALLING: &str = "\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: stage, namespace: legacy}
spec:
  hosts: [HOST]
  addresses: [240.99.0.1]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{name: http, number: 80, protocol: http}]
  endpoints:
    - address: GATEWAY
      labels: {security.istio.io/tlsMode: istio}
      ports: {http: 15443}
";

const BY_HAND: &[Mistake] = &[
    Mistake {
        what: "nothing: both are as ours would be",
        steps: &[Add("c1", SERVING), Add("c2", CALLING)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "the client's entry has no address",
        steps: &[Add("c1", SERVING), AddBut("c2", CALLING, |it| it["spec"]["addresses"] = json!([]))],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "the client's entry is MESH_EXTERNAL",
        steps: &[Add("c1", SERVING), AddBut("c2", CALLING, external)],
        istiod: ACCEPTS,
        sees: "503 UC connection_termination",
        code: "entry-external",
        hop: "endpoints",
    },
    Mistake {
        what: "the client's endpoint has no label `security.istio.io/tlsMode`",
        steps: &[Add("c1", SERVING), AddBut("c2", CALLING, |it| it["spec"]["endpoints"][0]["labels"] = json!({}))],
        istiod: ACCEPTS,
        sees: "503 UC connection_termination",
        code: "entry-plaintext",
        hop: "rule",
    },
    Mistake {
        what: "the serving cluster's entry is MESH_EXTERNAL",
        steps: &[AddBut("c1", SERVING, external), Add("c2", CALLING)],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_reset_by_peer",
        code: "entry-external",
        hop: "sni",
    },
    Mistake {
        what: "the serving cluster has no entry",
        steps: &[Add("c2", CALLING)],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_reset_by_peer",
        code: "entry-missing",
        hop: "sni",
    },
];

fn external(entry: &mut Value) {
    entry["spec"]["location"] = json!("MESH_EXTERNAL");
}
