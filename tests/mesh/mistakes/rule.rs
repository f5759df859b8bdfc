//! The DestinationRule that the product wrote, after somebody has changed it.

use serde_json::{Value, json};

use super::scene::Scene;
use super::step::Step::{Edit, Take};
use super::{ACCEPTS, ENTRY, Mistake, NOT_ASKED, RULE};
use crate::fleet::Fleet;

/// In the serving cluster and in that of the client.
pub(super) fn changed(fleet: &Fleet) {
    let scene = Scene::set(fleet, "pen", &["c1"]);
    scene.tries("our rule in the cluster of the client", "200 by c1", CALLING);
    scene.tries("our rule in the serving cluster", "200 by c1", SERVING);
}

const CALLING: &[Mistake] = &[
    Mistake {
        what: "`tls` is DISABLE",
        steps: &[Edit("c2", RULE, |it| it["spec"]["trafficPolicy"]["tls"] = json!({"mode": "DISABLE"}))],
        istiod: ACCEPTS,
        sees: "503 UC connection_termination",
        code: "rule-tls",
        hop: "rule",
    },
    Mistake {
        what: "`tls` is SIMPLE",
        steps: &[Edit("c2", RULE, |it| it["spec"]["trafficPolicy"]["tls"] = json!({"mode": "SIMPLE"}))],
        istiod: ACCEPTS,
        sees: "503 URX,UF Secret_is_not_supplied_by_SDS",
        code: "rule-tls",
        hop: "rule",
    },
    Mistake {
        what: "`tls` has another SNI",
        steps: &[Edit("c2", RULE, |it| it["spec"]["trafficPolicy"]["tls"]["sni"] = json!("stage.pen.global"))],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_reset_by_peer",
        code: "rule-tls",
        hop: "rule",
    },
    Mistake {
        what: "`tls` expects a server of another account",
        steps: &[Edit("c2", RULE, |it| {
            it["spec"]["trafficPolicy"]["tls"]["subjectAltNames"] = json!(["spiffe://cluster.local/ns/pen/sa/other"]);
        })],
        istiod: ACCEPTS,
        sees: "503 URX,UF CERTIFICATE_VERIFY_FAILED",
        code: "wrong-sans",
        hop: "trust",
    },
    Mistake {
        what: "there is no `tls`",
        steps: &[Edit("c2", RULE, without_tls)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "drifted",
        hop: "",
    },
    Mistake {
        what: "there is no `tls`, and the endpoint has no label `security.istio.io/tlsMode`",
        steps: &[Edit("c2", RULE, without_tls), Edit("c2", ENTRY, without_labels)],
        istiod: ACCEPTS,
        sees: "503 UC connection_termination",
        code: "entry-plaintext",
        hop: "rule",
    },
    Mistake {
        what: "there is no `tls`, and the entry is MESH_EXTERNAL",
        steps: &[
            Edit("c2", RULE, without_tls),
            Edit("c2", ENTRY, |it| it["spec"]["location"] = json!("MESH_EXTERNAL")),
        ],
        istiod: ACCEPTS,
        sees: "503 UC connection_termination",
        code: "entry-external",
        hop: "endpoints",
    },
    Mistake {
        what: "it is not exported to the client",
        steps: &[Edit("c2", RULE, |it| it["spec"]["exportTo"] = json!(["somebody"]))],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "drifted",
        hop: "",
    },
    Mistake {
        what: "it is not exported to the client, and the endpoint has no label `security.istio.io/tlsMode`",
        steps: &[
            Edit("c2", RULE, |it| it["spec"]["exportTo"] = json!(["somebody"])),
            Edit("c2", ENTRY, without_labels),
        ],
        istiod: ACCEPTS,
        sees: "503 UC connection_termination",
        code: "entry-plaintext",
        hop: "rule",
    },
    Mistake {
        what: "it is deleted",
        steps: &[Take("c2", RULE)],
        istiod: NOT_ASKED,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
];

const SERVING: &[Mistake] = &[
    Mistake {
        what: "`tls` is DISABLE",
        steps: &[Edit("c1", RULE, |it| it["spec"]["trafficPolicy"]["tls"] = json!({"mode": "DISABLE"}))],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_reset_by_peer",
        code: "rule-tls",
        hop: "sni",
    },
    Mistake {
        what: "it is deleted",
        steps: &[Take("c1", RULE)],
        istiod: NOT_ASKED,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
];

fn without_tls(rule: &mut Value) {
    rule["spec"]["trafficPolicy"]["tls"] = Value::Null;
}

fn without_labels(entry: &mut Value) {
    entry["spec"]["endpoints"][0]["labels"] = json!({});
}
