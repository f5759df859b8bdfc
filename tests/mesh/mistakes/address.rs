//! Two hosts on one virtual address and port.

use serde_json::json;

use super::scene::Scene;
use super::step::Step::{Add, AddBut, Renew};
use super::{ACCEPTS, ENTRY, Mistake};
use crate::fleet::Fleet;

/// Another host has the address of ours: of a TCP service, and of an HTTP service.
pub(super) fn taken(fleet: &Fleet) {
    fleet.serve_on("c2", "cord-decoy", ("tcp", 9000));
    let tcp = Scene::set_tcp(fleet, "cord", &["c1"], 9000);
    tcp.tries("another host on the address and port of a TCP host", "c1 is heard", TCP);
    let http = Scene::set(fleet, "lace", &["c1"]);
    http.tries("another host on the address and port of an HTTP host", "200 by c1", HTTP);
}

/// A host on the address of ours, and on port 9000.
const OTHER: &str = "\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: other, namespace: elsewhere}
spec:
  hosts: [stage.a-cord.global]
  addresses: [VIP]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{name: tcp, number: 9000, protocol: tcp}]
  endpoints:
    - address: SERVER-decoy.SERVER-decoy.svc.cluster.local
      labels: {security.istio.io/tlsMode: istio}
      ports: {tcp: 9000}
";

const TCP: &[Mistake] = &[
    Mistake {
        what: "a younger TCP host of any other namespace",
        steps: &[Add("c2", OTHER)],
        istiod: ACCEPTS,
        sees: "c1 is heard",
        code: "address-taken",
        hop: "",
    },
    Mistake {
        what: "a younger TCP host of the client's namespace",
        steps: &[AddBut("c2", OTHER, |it| it["metadata"]["namespace"] = json!("cord-client"))],
        istiod: ACCEPTS,
        sees: "c1 is heard",
        code: "address-taken",
        hop: "",
    },
    Mistake {
        what: "an older TCP host of any other namespace",
        steps: &[Add("c2", OTHER), Renew("c2", ENTRY)],
        istiod: ACCEPTS,
        sees: "another service is heard",
        code: "address-taken",
        hop: "name",
    },
];

const HTTP: &[Mistake] = &[
    Mistake {
        what: "a TCP host",
        steps: &[AddBut("c2", OTHER, |it| it["spec"]["ports"][0]["number"] = json!(80))],
        istiod: ACCEPTS,
        sees: "no answer",
        code: "address-taken",
        hop: "name",
    },
    Mistake {
        what: "another HTTP host",
        steps: &[AddBut("c2", OTHER, |it| {
            it["spec"]["ports"] = json!([{"name": "http", "number": 80, "protocol": "http"}]);
            it["spec"]["endpoints"][0]["ports"] = json!({"http": 9000});
        })],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "address-taken",
        hop: "",
    },
];
