//! What keeps a name from a client, or a server from a name.

use serde_json::json;

use super::scene::Scene;
use super::step::Step::{Add, Redeploy};
use super::{ACCEPTS, CLIENT_DEPLOYMENT, Mistake, NOT_ASKED, SERVER_DEPLOYMENT};
use crate::fleet::Fleet;

/// Sidecars, a proxy that answers no names, and a server without a pod.
pub(super) fn hidden(fleet: &Fleet) {
    Scene::set(fleet, "lantern", &["c1"]).tries("what a client sees, and who is there", "200 by c1", HIDDEN);
}

const SIDECAR: &str = "\
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: CLIENT}
spec:
  egress:
    - hosts: [./*, istio-system/*]
";

const SIDECAR_OF_ALL: &str = "\
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: istio-system}
spec:
  egress:
    - hosts: [./*]
";

const SIDECAR_OF_ONE: &str = "\
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: narrow, namespace: CLIENT}
spec:
  workloadSelector: {labels: {app: CLIENT}}
  egress:
    - hosts: [./*, istio-system/*]
";

const SIDECAR_OF_ONE_HOST: &str = "\
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: CLIENT}
spec:
  egress:
    - hosts: [./*, mesh-sync/stage.other.global]
";

const HIDDEN: &[Mistake] = &[
    Mistake {
        what: "a Sidecar of the client's namespace does not list `mesh-sync/*`",
        steps: &[Add("c2", SIDECAR)],
        istiod: ACCEPTS,
        sees: "the name is unknown",
        code: "sidecar-hides",
        hop: "entry",
    },
    Mistake {
        what: "a Sidecar for the client alone does not list `mesh-sync/*`",
        steps: &[Add("c2", SIDECAR_OF_ONE)],
        istiod: ACCEPTS,
        sees: "the name is unknown",
        code: "sidecar-hides",
        hop: "entry",
    },
    Mistake {
        what: "a Sidecar lists another host of `mesh-sync`",
        steps: &[Add("c2", SIDECAR_OF_ONE_HOST)],
        istiod: ACCEPTS,
        sees: "the name is unknown",
        code: "sidecar-hides",
        hop: "entry",
    },
    Mistake {
        what: "the Sidecar of the root namespace does not list `mesh-sync/*`",
        steps: &[Add("c2", SIDECAR_OF_ALL)],
        istiod: ACCEPTS,
        sees: "the name is unknown",
        code: "sidecar-hides",
        hop: "entry",
    },
    Mistake {
        what: "the client's proxy does not answer its questions for names",
        steps: &[Redeploy("c2", CLIENT_DEPLOYMENT, |it| {
            it["spec"]["template"]["metadata"]["annotations"] =
                json!({"proxy.istio.io/config": "proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'false'}"});
        })],
        istiod: NOT_ASKED,
        sees: "the name is unknown",
        code: "no-dns-capture",
        hop: "name",
    },
    Mistake {
        what: "the server has no pod",
        steps: &[Redeploy("c1", SERVER_DEPLOYMENT, |it| it["spec"]["replicas"] = json!(0))],
        istiod: NOT_ASKED,
        sees: "503 URX,UF Connection_reset_by_peer",
        code: "nobody-ready",
        hop: "pods",
    },
];
