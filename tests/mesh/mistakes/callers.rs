//! Who may call, and how.

use super::scene::Scene;
use super::step::Step::Add;
use super::{ACCEPTS, Mistake};
use crate::fleet::Fleet;

/// AuthorizationPolicies and PeerAuthentications of the serving cluster.
pub(super) fn refused(fleet: &Fleet) {
    let scene = Scene::set(fleet, "safe", &["c1"]);
    scene.tries("an AuthorizationPolicy of the serving cluster", "200 by c1", DENIED);
    scene.tries("a PeerAuthentication of the serving cluster", "200 by c1", PLAIN);
}

const ALLOW_OTHERS: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mine, namespace: SERVER}
spec: {rules: [{from: [{source: {principals: [cluster.local/ns/friend/sa/friend]}}]}]}
";
const ALLOW_CALLER: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mine, namespace: SERVER}
spec: {rules: [{from: [{source: {principals: [cluster.local/ns/CLIENT/sa/CLIENT]}}]}]}
";
const ALLOW_OTHER_DOMAIN: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mine, namespace: SERVER}
spec: {rules: [{from: [{source: {principals: [example.com/ns/CLIENT/sa/CLIENT]}}]}]}
";
const ALLOW_BY_SPIFFE: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mine, namespace: SERVER}
spec: {rules: [{from: [{source: {principals: ['spiffe://cluster.local/ns/CLIENT/sa/CLIENT']}}]}]}
";
const ALLOW_OTHER_NAMESPACE: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mine, namespace: SERVER}
spec:
  selector: {matchLabels: {app: SERVER}}
  rules: [{from: [{source: {namespaces: [friend]}}]}]
";
const DENY_CALLER: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mine, namespace: SERVER}
spec: {action: DENY, rules: [{from: [{source: {namespaces: [CLIENT]}}]}]}
";
const ALLOW_NOBODY: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mine, namespace: SERVER}
spec: {}
";
const ALLOW_NOBODY_ANYWHERE: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mine, namespace: istio-system}
spec: {}
";
const ALLOW_BY_PRINCIPAL_AT_THE_GATEWAY: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mine, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: eastwestgateway}}
  rules: [{from: [{source: {principals: ['*']}}]}]
";

const DENIED: &[Mistake] = &[
    Mistake {
        what: "it allows the caller",
        steps: &[Add("c1", ALLOW_CALLER)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "it allows others by principal",
        steps: &[Add("c1", ALLOW_OTHERS)],
        istiod: ACCEPTS,
        sees: "403 - via_upstream",
        code: "caller-denied",
        hop: "authorization",
    },
    Mistake {
        what: "it allows others by namespace",
        steps: &[Add("c1", ALLOW_OTHER_NAMESPACE)],
        istiod: ACCEPTS,
        sees: "403 - via_upstream",
        code: "caller-denied",
        hop: "authorization",
    },
    Mistake {
        what: "it allows the caller's principal of another trust domain",
        steps: &[Add("c1", ALLOW_OTHER_DOMAIN)],
        istiod: ACCEPTS,
        sees: "403 - via_upstream",
        code: "caller-denied",
        hop: "authorization",
    },
    Mistake {
        what: "it allows the caller's principal with `spiffe://`",
        steps: &[Add("c1", ALLOW_BY_SPIFFE)],
        istiod: ACCEPTS,
        sees: "403 - via_upstream",
        code: "caller-denied",
        hop: "authorization",
    },
    Mistake {
        what: "it denies the caller's namespace",
        steps: &[Add("c1", DENY_CALLER)],
        istiod: ACCEPTS,
        sees: "403 - via_upstream",
        code: "caller-denied",
        hop: "authorization",
    },
    Mistake {
        what: "it has no rules",
        steps: &[Add("c1", ALLOW_NOBODY)],
        istiod: ACCEPTS,
        sees: "403 - via_upstream",
        code: "caller-denied",
        hop: "authorization",
    },
    Mistake {
        what: "that of the root namespace has no rules",
        steps: &[Add("c1", ALLOW_NOBODY_ANYWHERE)],
        istiod: ACCEPTS,
        sees: "403 - via_upstream",
        code: "caller-denied",
        hop: "authorization",
    },
    Mistake {
        what: "one for the gateway allows by principal, which a gateway does not see",
        steps: &[Add("c1", ALLOW_BY_PRINCIPAL_AT_THE_GATEWAY)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
];

const PLAIN_NAMESPACE: &str = "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: SERVER}
spec: {mtls: {mode: DISABLE}}
";
const PLAIN_WORKLOAD: &str = "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: mine, namespace: SERVER}
spec: {selector: {matchLabels: {app: SERVER}}, mtls: {mode: DISABLE}}
";
const PLAIN_PORT: &str = "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: mine, namespace: SERVER}
spec: {selector: {matchLabels: {app: SERVER}}, portLevelMtls: {8080: {mode: DISABLE}}}
";
const PLAIN_OTHER_PORT: &str = "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: mine, namespace: SERVER}
spec: {selector: {matchLabels: {app: SERVER}}, portLevelMtls: {80: {mode: DISABLE}}}
";
const PLAIN_MESH: &str = "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: DISABLE}}
";
const STRICT_MESH: &str = "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
";

const PLAIN: &[Mistake] = &[
    Mistake {
        what: "DISABLE for the namespace of the server",
        steps: &[Add("c1", PLAIN_NAMESPACE)],
        istiod: ACCEPTS,
        sees: "503 URX,UF WRONG_VERSION_NUMBER",
        code: "mtls-disabled",
        hop: "authentication",
    },
    Mistake {
        what: "DISABLE for the server by its labels",
        steps: &[Add("c1", PLAIN_WORKLOAD)],
        istiod: ACCEPTS,
        sees: "503 URX,UF WRONG_VERSION_NUMBER",
        code: "mtls-disabled",
        hop: "authentication",
    },
    Mistake {
        what: "DISABLE for the port of its pod",
        steps: &[Add("c1", PLAIN_PORT)],
        istiod: ACCEPTS,
        sees: "503 URX,UF WRONG_VERSION_NUMBER",
        code: "mtls-disabled",
        hop: "authentication",
    },
    Mistake {
        what: "DISABLE for the port of its Service, which no pod has",
        steps: &[Add("c1", PLAIN_OTHER_PORT)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "DISABLE for the mesh",
        steps: &[Add("c1", PLAIN_MESH)],
        istiod: ACCEPTS,
        sees: "503 URX,UF WRONG_VERSION_NUMBER",
        code: "mtls-disabled",
        hop: "authentication",
    },
    Mistake {
        what: "DISABLE for the mesh, and STRICT for the server's namespace",
        steps: &[Add("c1", PLAIN_MESH), Add("c1", STRICT_NAMESPACE)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "STRICT for the mesh",
        steps: &[Add("c1", STRICT_MESH)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
];

const STRICT_NAMESPACE: &str = "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: SERVER}
spec: {mtls: {mode: STRICT}}
";
