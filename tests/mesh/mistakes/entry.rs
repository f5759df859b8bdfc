//! The ServiceEntry that the product wrote, after somebody has changed it.

use serde_json::json;

use super::scene::Scene;
use super::step::Step::{Edit, Take};
use super::{ACCEPTS, ENTRY, Mistake, NOT_ASKED};
use crate::fleet::Fleet;

/// In the serving cluster and in that of the client.
pub(super) fn changed(fleet: &Fleet) {
    // With other hosts of the same port, gateway and client have a listener whatever becomes of this one.
    for cluster in ["c1", "c2"] {
        fleet.serve(cluster, "neighbour");
    }
    let scene = Scene::set(fleet, "list", &["c1"]);
    fleet.sync(&["neighbour"]);
    scene.tries("the entry in the serving cluster", "200 by c1", SERVING);
    scene.tries("the entry in the cluster of the client", "200 by c1", CALLING);
}

const SERVING: &[Mistake] = &[
    Mistake {
        what: "the location is MESH_EXTERNAL",
        steps: &[Edit("c1", ENTRY, |it| it["spec"]["location"] = json!("MESH_EXTERNAL"))],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_reset_by_peer",
        code: "entry-external",
        hop: "sni",
    },
    Mistake {
        what: "the endpoint has no label `security.istio.io/tlsMode`",
        steps: &[Edit("c1", ENTRY, |it| it["spec"]["endpoints"][0]["labels"] = json!({}))],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_reset_by_peer",
        code: "entry-plaintext",
        hop: "sni",
    },
    Mistake {
        what: "`exportTo` lacks the namespace of the gateway",
        steps: &[Edit("c1", ENTRY, |it| it["spec"]["exportTo"] = json!(["list"]))],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_reset_by_peer",
        code: "not-exported",
        hop: "sni",
    },
    Mistake {
        what: "`exportTo` is its own namespace, `.`",
        steps: &[Edit("c1", ENTRY, |it| it["spec"]["exportTo"] = json!(["."]))],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_reset_by_peer",
        code: "not-exported",
        hop: "sni",
    },
    Mistake {
        what: "the port's number is another",
        steps: &[Edit("c1", ENTRY, |it| it["spec"]["ports"][0]["number"] = json!(8080))],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_reset_by_peer",
        code: "entry-ports",
        hop: "sni",
    },
    Mistake {
        what: "the resolution is STATIC",
        steps: &[Edit("c1", ENTRY, |it| it["spec"]["resolution"] = json!("STATIC"))],
        istiod: "refuses: configuration is invalid: endpoint address \"list.list.svc.cluster.local\" is not a valid IP address",
        sees: "503 URX,UF Connection_reset_by_peer",
        code: "entry-leads-nowhere",
        hop: "sni",
    },
    Mistake {
        what: "the endpoint is the cluster's own gateway",
        steps: &[Edit("c1", ENTRY, |it| {
            // Of the first cluster's load balancer on the rig.
            it["spec"]["endpoints"][0]["address"] = json!("198.18.0.101");
            it["spec"]["endpoints"][0]["ports"]["http"] = json!(15443);
        })],
        istiod: ACCEPTS,
        sees: "no answer",
        code: "drifted",
        hop: "sni",
    },
    Mistake {
        what: "the entry is deleted",
        steps: &[Take("c1", ENTRY)],
        istiod: NOT_ASKED,
        sees: "503 URX,UF Connection_reset_by_peer",
        code: "entry-missing",
        hop: "sni",
    },
];

const CALLING: &[Mistake] = &[
    Mistake {
        what: "the location is MESH_EXTERNAL, beside our rule",
        steps: &[Edit("c2", ENTRY, |it| it["spec"]["location"] = json!("MESH_EXTERNAL"))],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "drifted",
        hop: "",
    },
    Mistake {
        what: "the endpoint has no label `security.istio.io/tlsMode`, beside our rule",
        steps: &[Edit("c2", ENTRY, |it| it["spec"]["endpoints"][0]["labels"] = json!({}))],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "drifted",
        hop: "",
    },
    Mistake {
        what: "`exportTo` lacks the namespace of the client",
        steps: &[Edit("c2", ENTRY, |it| it["spec"]["exportTo"] = json!(["somebody"]))],
        istiod: ACCEPTS,
        sees: "the name is unknown",
        code: "not-exported",
        hop: "entry",
    },
    Mistake {
        what: "`exportTo` is its own namespace, `.`",
        steps: &[Edit("c2", ENTRY, |it| it["spec"]["exportTo"] = json!(["."]))],
        istiod: ACCEPTS,
        sees: "the name is unknown",
        code: "not-exported",
        hop: "entry",
    },
    Mistake {
        what: "the port's number is another",
        steps: &[Edit("c2", ENTRY, |it| it["spec"]["ports"][0]["number"] = json!(8080))],
        istiod: ACCEPTS,
        sees: "502 - direct_response",
        code: "entry-ports",
        hop: "route",
    },
    Mistake {
        what: "the endpoint has no port",
        steps: &[Edit("c2", ENTRY, |it| it["spec"]["endpoints"][0]["ports"] = json!({}))],
        istiod: ACCEPTS,
        sees: "503 URX,UF Connection_refused",
        code: "entry-ports",
        hop: "endpoints",
    },
    Mistake {
        what: "the endpoint's port has another name",
        steps: &[Edit("c2", ENTRY, |it| it["spec"]["endpoints"][0]["ports"] = json!({"web": 15443}))],
        istiod: "refuses: configuration is invalid: endpoint port 15443 is not defined by the service entry",
        sees: "503 URX,UF Connection_refused",
        code: "entry-ports",
        hop: "endpoints",
    },
    Mistake {
        what: "the resolution is STATIC, and the endpoint has a name",
        steps: &[Edit("c2", ENTRY, |it| {
            it["spec"]["resolution"] = json!("STATIC");
            it["spec"]["endpoints"][0]["address"] = json!("gateway.example.com");
        })],
        istiod: "refuses: configuration is invalid: endpoint address \"gateway.example.com\" is not a valid IP address",
        sees: "503 UH no_healthy_upstream",
        code: "entry-leads-nowhere",
        hop: "endpoints",
    },
    Mistake {
        what: "the endpoint has a name that nobody resolves",
        steps: &[Edit("c2", ENTRY, |it| it["spec"]["endpoints"][0]["address"] = json!("gateway.example.com"))],
        istiod: ACCEPTS,
        sees: "503 UH no_healthy_upstream",
        code: "drifted",
        hop: "",
    },
    Mistake {
        what: "there are no endpoints",
        steps: &[Edit("c2", ENTRY, |it| it["spec"]["endpoints"] = json!([]))],
        istiod: ACCEPTS,
        sees: "503 UH no_healthy_upstream",
        code: "entry-leads-nowhere",
        hop: "endpoints",
    },
    Mistake {
        what: "a server of another account is expected",
        steps: &[Edit("c2", ENTRY, |it| {
            it["spec"]["subjectAltNames"] = json!(["spiffe://cluster.local/ns/list/sa/other"]);
        })],
        istiod: ACCEPTS,
        sees: "503 URX,UF CERTIFICATE_VERIFY_FAILED",
        code: "wrong-sans",
        hop: "trust",
    },
    Mistake {
        what: "a server is expected as Admiral writes it",
        steps: &[Edit("c2", ENTRY, |it| it["spec"]["subjectAltNames"] = json!(["spiffe://cluster.local/list"]))],
        istiod: ACCEPTS,
        sees: "503 URX,UF CERTIFICATE_VERIFY_FAILED",
        code: "wrong-sans",
        hop: "trust",
    },
    Mistake {
        what: "the host has upper-case letters",
        steps: &[Edit("c2", ENTRY, |it| it["spec"]["hosts"] = json!(["Stage.List.global"]))],
        istiod: ACCEPTS,
        sees: "503 NC cluster_not_found",
        code: "drifted",
        hop: "name",
    },
    Mistake {
        what: "the entry is deleted",
        steps: &[Take("c2", ENTRY)],
        istiod: NOT_ASKED,
        sees: "the name is unknown",
        code: "entry-missing",
        hop: "entry",
    },
];
