//! Objects of others on our host.

use serde_json::{Value, json};

use super::scene::Scene;
use super::step::Step::{Add, AddBut, Renew};
use super::{ACCEPTS, ENTRY, Mistake};
use crate::fleet::Fleet;

/// VirtualServices, DestinationRules and ServiceEntries. Beside the client runs another service.
pub(super) fn diverted(fleet: &Fleet) {
    fleet.serve("c1", "errand-decoy");
    fleet.serve("c2", "errand-decoy");
    let scene = Scene::set(fleet, "errand", &["c1"]);
    scene.tries("objects of others on the host: VirtualServices", "200 by c1", ROUTES);
    scene.tries("objects of others on the host: DestinationRules", "200 by c1", RULES);
    scene.tries("objects of others on the host: ServiceEntries", "200 by c1", ENTRIES);
}

/// A VirtualService of the client's namespace that leads to another service.
const ROUTE: &str = "\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mine, namespace: CLIENT}
spec:
  hosts: [HOST]
  http: [{route: [{destination: {host: SERVER-decoy.SERVER-decoy.svc.cluster.local}}]}]
";

/// One that has routes for some requests only.
const ROUTE_BY_HEADER: &str = "\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mine, namespace: elsewhere}
spec:
  hosts: [HOST]
  http: [{match: [{headers: {x-canary: {exact: 'yes'}}}], route: [{destination: {host: HOST}}]}]
";

/// One that wants a subset.
const ROUTE_TO_SUBSET: &str = "\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mine, namespace: elsewhere}
spec:
  hosts: [HOST]
  http: [{route: [{destination: {host: HOST, subset: v2}}]}]
";

const ROUTES: &[Mistake] = &[
    Mistake {
        what: "a VirtualService in the namespace of the client leads elsewhere",
        steps: &[Add("c2", ROUTE)],
        istiod: ACCEPTS,
        sees: "200 by another service",
        code: "host-diverted",
        hop: "route",
    },
    Mistake {
        what: "a VirtualService in any namespace leads elsewhere",
        steps: &[AddBut("c2", ROUTE, elsewhere)],
        istiod: ACCEPTS,
        sees: "200 by another service",
        code: "host-diverted",
        hop: "route",
    },
    Mistake {
        what: "a VirtualService for `*.global` in any namespace leads elsewhere",
        steps: &[AddBut("c2", ROUTE, |it| {
            elsewhere(it);
            it["spec"]["hosts"] = json!(["*.global"]);
        })],
        istiod: ACCEPTS,
        sees: "200 by another service",
        code: "host-diverted",
        hop: "route",
    },
    Mistake {
        what: "a VirtualService has routes for some requests only",
        steps: &[Add("c2", ROUTE_BY_HEADER)],
        istiod: ACCEPTS,
        sees: "404 NR route_not_found",
        code: "host-diverted",
        hop: "route",
    },
    Mistake {
        what: "a VirtualService leads to a subset that our rule does not have",
        steps: &[Add("c2", ROUTE_TO_SUBSET)],
        istiod: ACCEPTS,
        sees: "503 NC cluster_not_found",
        code: "host-diverted",
        hop: "route",
    },
    Mistake {
        what: "a VirtualService of another namespace that is not exported",
        steps: &[AddBut("c2", ROUTE, |it| {
            elsewhere(it);
            it["spec"]["exportTo"] = json!(["."]);
        })],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "a VirtualService in the serving cluster, for sidecars",
        steps: &[AddBut("c1", ROUTE, elsewhere)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "a VirtualService in the serving cluster, for the gateway",
        steps: &[AddBut("c1", ROUTE, |it| {
            elsewhere(it);
            it["spec"]["gateways"] = json!(["istio-system/cross-network"]);
        })],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
];

/// A DestinationRule of the client's namespace.
const RULE: &str = "\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mine, namespace: CLIENT}
spec:
  host: HOST
  trafficPolicy: {tls: {mode: DISABLE}}
";

const RULES: &[Mistake] = &[
    Mistake {
        what: "a DestinationRule in the namespace of the client, with `tls` DISABLE",
        steps: &[Add("c2", RULE)],
        istiod: ACCEPTS,
        sees: "503 UC connection_termination",
        code: "rule-tls",
        hop: "rule",
    },
    Mistake {
        what: "a DestinationRule for `*.global` in the namespace of the client, with `tls` DISABLE",
        steps: &[AddBut("c2", RULE, |it| it["spec"]["host"] = json!("*.global"))],
        istiod: ACCEPTS,
        sees: "503 UC connection_termination",
        code: "rule-tls",
        hop: "rule",
    },
    Mistake {
        what: "a DestinationRule in the namespace of the client expects another account",
        steps: &[AddBut("c2", RULE, |it| {
            it["spec"]["trafficPolicy"]["tls"] =
                json!({"mode": "ISTIO_MUTUAL", "subjectAltNames": ["spiffe://cluster.local/ns/errand/sa/other"]});
        })],
        istiod: ACCEPTS,
        sees: "503 URX,UF CERTIFICATE_VERIFY_FAILED",
        code: "wrong-sans",
        hop: "trust",
    },
    Mistake {
        what: "a DestinationRule in any other namespace, with `tls` DISABLE",
        steps: &[AddBut("c2", RULE, elsewhere)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "a younger DestinationRule in `mesh-sync`, with `tls` DISABLE",
        steps: &[AddBut("c2", RULE, |it| it["metadata"]["namespace"] = json!("mesh-sync"))],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "a DestinationRule in the root namespace, with `tls` DISABLE",
        steps: &[AddBut("c2", RULE, in_root)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "a DestinationRule in the root namespace of the serving cluster, where its gateway is, with `tls` DISABLE",
        steps: &[AddBut("c1", RULE, in_root)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "a DestinationRule in any other namespace of the serving cluster, with `tls` DISABLE",
        steps: &[AddBut("c1", RULE, elsewhere)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
];

/// A ServiceEntry of the client's namespace that leads to another service, with an address of its own.
const OTHER: &str = "\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: mine, namespace: CLIENT}
spec:
  hosts: [HOST]
  addresses: [240.98.0.1]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{name: http, number: 80, protocol: http}]
  endpoints:
    - address: SERVER-decoy.SERVER-decoy.svc.cluster.local
      labels: {security.istio.io/tlsMode: istio}
      ports: {http: 80}
";

const OTHER_FOR_ALL_HOSTS: &str = "\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: mine, namespace: CLIENT}
spec:
  hosts: ['*.global']
  location: MESH_EXTERNAL
  resolution: NONE
  ports: [{name: http, number: 80, protocol: http}]
";

const ENTRIES: &[Mistake] = &[
    Mistake {
        what: "a younger ServiceEntry in the namespace of the client",
        steps: &[Add("c2", OTHER)],
        istiod: ACCEPTS,
        sees: "200 by another service",
        code: "host-taken",
        hop: "entry",
    },
    Mistake {
        what: "a younger ServiceEntry in any other namespace",
        steps: &[AddBut("c2", OTHER, elsewhere)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "host-taken",
        hop: "",
    },
    Mistake {
        what: "a younger ServiceEntry in `mesh-sync`",
        steps: &[AddBut("c2", OTHER, |it| it["metadata"]["namespace"] = json!("mesh-sync"))],
        istiod: ACCEPTS,
        sees: "200 by another service and c1",
        code: "host-taken",
        hop: "",
    },
    Mistake {
        what: "an older ServiceEntry in any other namespace",
        steps: &[AddBut("c2", OTHER, elsewhere), Renew("c2", ENTRY)],
        istiod: ACCEPTS,
        sees: "200 by another service",
        code: "host-taken",
        hop: "entry",
    },
    // Of entries in one namespace the youngest says who is expected, and all of them have endpoints. So every other connection
    // fails here, and is tried again, which a client does not see.
    Mistake {
        what: "an older ServiceEntry in `mesh-sync`",
        steps: &[AddBut("c2", OTHER, |it| it["metadata"]["namespace"] = json!("mesh-sync")), Renew("c2", ENTRY)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "host-taken",
        hop: "",
    },
    Mistake {
        what: "a ServiceEntry for `*.global` in the namespace of the client",
        steps: &[Add("c2", OTHER_FOR_ALL_HOSTS)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "",
        hop: "",
    },
    Mistake {
        what: "a younger ServiceEntry in any other namespace of the serving cluster",
        steps: &[AddBut("c1", OTHER, elsewhere)],
        istiod: ACCEPTS,
        sees: "200 by c1",
        code: "host-taken",
        hop: "",
    },
    Mistake {
        what: "an older ServiceEntry in any other namespace of the serving cluster",
        steps: &[AddBut("c1", OTHER, elsewhere), Renew("c1", ENTRY)],
        istiod: ACCEPTS,
        sees: "503 URX,UF CERTIFICATE_VERIFY_FAILED",
        code: "host-taken",
        hop: "sni",
    },
];

fn elsewhere(object: &mut Value) {
    object["metadata"]["namespace"] = json!("elsewhere");
}

fn in_root(object: &mut Value) {
    object["metadata"]["namespace"] = json!("istio-system");
}
