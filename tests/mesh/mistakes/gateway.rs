//! The way into the serving cluster.

use serde_json::json;

use super::scene::Scene;
use super::step::Step::{Add, AddBut, Edit, Redeploy, Take};
use super::{ACCEPTS, GATEWAY, GATEWAY_DEPLOYMENT, Mistake, NOT_ASKED};
use crate::fleet::Fleet;

/// What is in the way at the gateway.
pub(super) fn closed(fleet: &Fleet) {
    Scene::set(fleet, "door", &["c1"]).tries("the gateway of the serving cluster", "200 by c1", CLOSED);
}

/// Two sources in one region, whose entries each have the other's gateway.
pub(super) fn relaying(fleet: &Fleet) {
    let scene = Scene::set(fleet, "hall", &["c1", "c4"]);
    scene.tries("the gateway of one of two sources in a region", "200 by c1 and c4", RELAYING);
}

/// One more Gateway for the gateway.
const SECOND: &str = "\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: second, namespace: istio-system}
spec:
  selector: {istio: eastwestgateway}
  servers:
    - port: {number: 15443, name: tls-second, protocol: TLS}
      tls: {mode: PASSTHROUGH}
      hosts: ['*.global']
";

const CLOSED: &[Mistake] = &[
    Mistake {
        what: "the Gateway's hosts are `*.mesh`",
        steps: &[Edit("c1", GATEWAY, |it| it["spec"]["servers"][0]["hosts"] = json!(["*.mesh"]))],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_refused",
        code: "gateway-closed",
        hop: "sni",
    },
    Mistake {
        what: "the Gateway's hosts are `./*.global`",
        steps: &[Edit("c1", GATEWAY, |it| it["spec"]["servers"][0]["hosts"] = json!(["./*.global"]))],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "the Gateway's hosts are `other/*.global`",
        steps: &[Edit("c1", GATEWAY, |it| it["spec"]["servers"][0]["hosts"] = json!(["other/*.global"]))],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "the Gateway's mode is PASSTHROUGH",
        steps: &[Edit("c1", GATEWAY, |it| it["spec"]["servers"][0]["tls"] = json!({"mode": "PASSTHROUGH"}))],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_refused",
        code: "gateway-closed",
        hop: "sni",
    },
    Mistake {
        what: "the Gateway's mode is ISTIO_MUTUAL",
        steps: &[Edit("c1", GATEWAY, |it| it["spec"]["servers"][0]["tls"] = json!({"mode": "ISTIO_MUTUAL"}))],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_refused",
        code: "gateway-closed",
        hop: "sni",
    },
    Mistake {
        what: "the Gateway's mode is SIMPLE",
        steps: &[Edit("c1", GATEWAY, |it| {
            it["spec"]["servers"][0]["tls"] = json!({"mode": "SIMPLE", "credentialName": "door"});
        })],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_refused",
        code: "gateway-closed",
        hop: "sni",
    },
    Mistake {
        what: "the Gateway is for port 15444",
        steps: &[Edit("c1", GATEWAY, |it| it["spec"]["servers"][0]["port"]["number"] = json!(15444))],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_refused",
        code: "gateway-closed",
        hop: "sni",
    },
    Mistake {
        what: "the Gateway's selector matches no gateway",
        steps: &[Edit("c1", GATEWAY, |it| it["spec"]["selector"] = json!({"istio": "ingressgateway"}))],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_refused",
        code: "gateway-closed",
        hop: "sni",
    },
    Mistake {
        what: "the Gateway is deleted",
        steps: &[Take("c1", GATEWAY)],
        istiod: NOT_ASKED,
        sees: "503 URX,UF Connection_refused",
        code: "gateway-closed",
        hop: "sni",
    },
    Mistake {
        what: "a younger Gateway for the same port and hosts, with mode PASSTHROUGH",
        steps: &[Add("c1", SECOND)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "a younger Gateway for the same port and all hosts, with mode ISTIO_MUTUAL",
        steps: &[AddBut("c1", SECOND, |it| {
            it["spec"]["servers"][0]["tls"] = json!({"mode": "ISTIO_MUTUAL"});
            it["spec"]["servers"][0]["hosts"] = json!(["*"]);
        })],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "the gateway has no pod",
        steps: &[Redeploy("c1", GATEWAY_DEPLOYMENT, |it| it["spec"]["replicas"] = json!(0))],
        istiod: NOT_ASKED,
        sees: "503 URX,UF Connection_refused",
        code: "gateway-not-ready",
        hop: "gateway",
    },
];

const RELAYING: &[Mistake] = &[Mistake {
    what: "the gateway asks for the endpoints of all networks",
    steps: &[Redeploy("c1", GATEWAY_DEPLOYMENT, |it| {
        it["spec"]["template"]["spec"]["containers"][0]["env"] = json!([]);
    })],
    istiod: NOT_ASKED,
    sees: "200 by c1 and c4, also through the gateway of the other",
    code: "network-view",
    hop: "",
}];
