//! Who gets how much, and what happens when somebody dies.

use serde_json::{Value, json};

use super::scene::Scene;
use super::step::Step::{Add, Die, Edit};
use super::{ACCEPTS, ENTRY, Mistake, RULE};
use crate::fleet::Fleet;

/// Two sources far from the client, and two of which one is beside it.
pub(super) fn changed(fleet: &Fleet) {
    let far = Scene::set(fleet, "scale", &["c1", "c3"]);
    far.tries("shares among two regions, neither of them the client's", "200 by c1 and c3", FAR);
    // Three errors in a row eject.
    fleet.serve("c1", "bench");
    fleet.share(
        "c1",
        "bench",
        &json!([{"dnsPrefix": "default", "lbType": 0, "outlier_detection": {
            "base_ejection_time": 300, "consecutive_gateway_errors": 3, "interval": 5,
        }}]),
    );
    let near = Scene::set(fleet, "bench", &["c2"]);
    near.tries("shares among two regions, one of them the client's", "200 by c2", NEAR);
}

const FAR: &[Mistake] = &[
    Mistake {
        what: "the weight of an endpoint is 0",
        steps: &[Edit("c2", ENTRY, |it| it["spec"]["endpoints"][0]["weight"] = json!(0))],
        istiod: ACCEPTS,
        sees: "200 by c1 and c3",
        code: "entry-weight",
        hop: "",
    },
    Mistake {
        what: "all goes to a region that has no endpoint",
        steps: &[Edit("c2", RULE, |it| distribute(it, &json!([{"from": "us-west-2/*", "to": {"eu-west-1": 100}}])))],
        istiod: ACCEPTS,
        sees: "503 UH no_healthy_upstream",
        code: "distribution-to-nowhere",
        hop: "endpoints",
    },
    Mistake {
        what: "all goes to us-east-1, and its endpoint has no locality",
        steps: &[
            Edit("c2", ENTRY, without_locality),
            Edit("c2", RULE, |it| distribute(it, &json!([{"from": "us-west-2/*", "to": {"us-east-1": 100}}]))),
        ],
        istiod: ACCEPTS,
        sees: "503 UH no_healthy_upstream",
        code: "distribution-to-nowhere",
        hop: "endpoints",
    },
    Mistake {
        what: "all goes to us-east-1 from another region than the client's",
        steps: &[Edit("c2", RULE, |it| distribute(it, &json!([{"from": "eu-west-1/*", "to": {"us-east-1": 100}}])))],
        istiod: ACCEPTS,
        sees: "200 by c1 and c3",
        code: "drifted",
        hop: "",
    },
    Mistake {
        what: "the shares add to 90",
        steps: &[Edit("c2", RULE, |it| {
            distribute(it, &json!([{"from": "us-west-2/*", "to": {"us-east-1": 60, "us-south-1": 30}}]));
        })],
        istiod: "refuses: configuration is invalid: total locality weight 90 != 100",
        sees: "200 by c1 and c3",
        code: "drifted",
        hop: "",
    },
    Mistake {
        what: "us-east-1 comes first, and no outlier detection",
        steps: &[Edit("c2", RULE, |it| {
            without_outlier_detection(it);
            it["spec"]["trafficPolicy"]["loadBalancer"]["localityLbSetting"] =
                json!({"enabled": true, "failover": [{"from": "us-west-2", "to": "us-east-1"}]});
        })],
        istiod: "warns: outlier detection policy must be provided for failover",
        sees: "200 by c1 and c3",
        code: "no-failover",
        hop: "",
    },
];

/// Our rule replaced by one that says less.
const RULE_WITHOUT_TLS: &str = "\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mine, namespace: CLIENT}
spec:
  host: HOST
  trafficPolicy:
    connectionPool: {http: {maxRequestsPerConnection: 10}}
";

const NEAR: &[Mistake] = &[
    Mistake {
        what: "no outlier detection",
        steps: &[Edit("c2", RULE, without_outlier_detection)],
        istiod: ACCEPTS,
        sees: "200 by c1 and c2",
        code: "no-failover",
        hop: "",
    },
    Mistake {
        what: "no outlier detection, and the server beside the client dies",
        steps: &[Edit("c2", RULE, without_outlier_detection), Die("c2")],
        istiod: ACCEPTS,
        sees: "200 by c1; others fail",
        code: "no-failover",
        hop: "",
    },
    Mistake {
        what: "regions do not count (`localityLbSetting.enabled: false`)",
        steps: &[Edit("c2", RULE, |it| {
            it["spec"]["trafficPolicy"]["loadBalancer"]["localityLbSetting"] = json!({"enabled": false});
        })],
        istiod: ACCEPTS,
        sees: "200 by c1 and c2",
        code: "drifted",
        hop: "",
    },
    Mistake {
        what: "33 % of two endpoints may be ejected, and the server beside the client dies",
        steps: &[
            Edit("c2", RULE, |it| it["spec"]["trafficPolicy"]["outlierDetection"]["maxEjectionPercent"] = json!(33)),
            Die("c2"),
        ],
        istiod: ACCEPTS,
        sees: "503 - via_upstream",
        code: "ejection-limited",
        hop: "",
    },
    Mistake {
        what: "a DestinationRule in the namespace of the client has no outlier detection and no `tls`",
        steps: &[Add("c2", RULE_WITHOUT_TLS)],
        istiod: ACCEPTS,
        sees: "200 by c1 and c2",
        code: "rule-replaced",
        hop: "",
    },
];

fn distribute(rule: &mut Value, shares: &Value) {
    rule["spec"]["trafficPolicy"]["loadBalancer"]["localityLbSetting"] = json!({"distribute": shares});
}

fn without_outlier_detection(rule: &mut Value) {
    rule["spec"]["trafficPolicy"]["outlierDetection"] = Value::Null;
}

fn without_locality(entry: &mut Value) {
    for endpoint in entry["spec"]["endpoints"].as_array_mut().into_iter().flatten() {
        endpoint["locality"] = Value::Null;
    }
}
