//! Admiral's own install sample, and what its variants lead to, derived by hand (`reference/admiral.md` §8.1): greeting runs
//! in c1 (west) and c2 (east), webapp calls it from c1 and c3 (west).

use std::sync::Arc;

use mesh_model::facts::OutlierValues;
use mesh_model::kind::Kind;
use mesh_model::policy::{ExportToPolicy, MeshPolicy};
use mesh_plan::desire::desire;
use mesh_plan::desired::Desired;
use mesh_testkit::build::{
    ClusterBuilder, cluster, connection_config, failover, fleet, key, outlier_detection, service, traffic_policy,
};
use serde_json::{Value, json};

const SE: &str = "stage.greeting.global-se";
const DR: &str = "stage.greeting.global-default-dr";

#[test]
fn sources_and_the_client_get_the_host() {
    let desired = desired(sample());
    assert_eq!(
        entry(&desired, "c1")["endpoints"],
        json!([remote("c2", "us-east-2"), local("us-west-2")]),
        "the cluster that calls it and runs it reaches it locally and through the other's gateway"
    );
    assert_eq!(entry(&desired, "c2")["endpoints"], json!([remote("c1", "us-west-2"), local("us-east-2")]));
    assert_eq!(entry(&desired, "c3")["endpoints"], json!([remote("c1", "us-west-2"), remote("c2", "us-east-2")]));
    for name in ["c1", "c2", "c3"] {
        let entry = entry(&desired, name);
        assert_eq!(entry["hosts"], json!(["stage.greeting.global"]));
        assert_eq!(entry["ports"], json!([{"name": "http", "number": 80, "protocol": "http"}]));
        assert_eq!((&entry["location"], &entry["resolution"]), (&json!("MESH_INTERNAL"), &json!("DNS")));
        assert_eq!(entry["addresses"], self::entry(&desired, "c1")["addresses"], "one address in the fleet");
        assert_eq!(entry["subjectAltNames"], Value::Null);
    }
    let exported = |name| entry(&desired, name)["exportTo"].clone();
    assert_eq!(exported("c1"), json!(["istio-system", "sample"]));
    assert_eq!(exported("c2"), json!(["istio-system", "sample"]));
    assert_eq!(exported("c3"), json!(["sample"]));
}

#[test]
fn the_traffic_policy_has_admirals_defaults() {
    let desired = desired(sample());
    for name in ["c1", "c2", "c3"] {
        let want = json!({
            "connectionPool": {"http": {"maxRequestsPerConnection": 100}},
            "loadBalancer": {"simple": "LEAST_REQUEST", "warmupDurationSecs": "45s"},
            "outlierDetection": {"baseEjectionTime": "300s", "consecutive5xxErrors": 0, "consecutiveGatewayErrors": 50,
                "interval": "60s", "maxEjectionPercent": 100},
            "tls": {"mode": "ISTIO_MUTUAL"},
        });
        assert_eq!(rule(&desired, name)["trafficPolicy"], want, "{name}");
    }
}

#[test]
fn webapp_has_no_service_and_so_no_host() {
    assert_eq!(
        desired(sample()).names.keys().map(mesh_model::name::Host::as_str).collect::<Vec<_>>(),
        ["stage.greeting.global"]
    );
}

#[test]
fn a_weighted_policy_distributes_from_the_region_of_each_cluster() {
    let [c1, c2, c3] = sample();
    let item = failover("default", &[("us-west-2", 80), ("us-east-2", 20)]);
    let c1 = c1.traffic_policy(traffic_policy("sample", "gtp-service1", "greeting", "stage", [item]));
    let desired = desired([c1, c2, c3]);
    for (name, region) in [("c1", "us-west-2"), ("c2", "us-east-2"), ("c3", "us-west-2")] {
        let want = json!([{"from": format!("{region}/*"), "to": {"us-east-2": 20, "us-west-2": 80}}]);
        assert_eq!(locality(&rule(&desired, name))["distribute"], want, "{name}");
        assert_eq!(&*annotation(&desired, name, SE, "associated-gtp").unwrap(), "gtp-service1");
        assert_eq!(annotation(&desired, name, SE, "dns-prefix"), None, "the default host has no prefix");
    }
}

#[test]
fn each_prefix_is_a_host_of_its_own() {
    let [c1, c2, c3] = sample();
    let items = [
        failover("default", &[("us-west-2", 50), ("us-east-2", 50)]),
        failover("west", &[("us-west-2", 100), ("us-east-2", 0)]),
        failover("east", &[("us-west-2", 0), ("us-east-2", 100)]),
    ];
    let c1 = c1.traffic_policy(traffic_policy("sample", "gtp-service1", "greeting", "stage", items));
    let desired = desired([c1, c2, c3]);
    let mut addresses = vec![entry(&desired, "c3")["addresses"][0].clone()];
    for (prefix, region) in [("west", "us-west-2"), ("east", "us-east-2")] {
        let (se, dr) = (format!("{prefix}.{SE}"), format!("{prefix}.stage.greeting.global-dr"));
        let entry = spec(&desired, "c3", Kind::ServiceEntry, &se);
        assert_eq!(entry["hosts"], json!([format!("{prefix}.stage.greeting.global")]));
        assert_eq!(entry["endpoints"].as_array().map(Vec::len), Some(2), "all endpoints, weighted");
        assert_eq!(&*annotation(&desired, "c3", &se, "dns-prefix").unwrap(), prefix);
        let distribute = json!([{"from": "us-west-2/*", "to": {region: 100}}]);
        assert_eq!(locality(&spec(&desired, "c3", Kind::DestinationRule, &dr))["distribute"], distribute);
        addresses.push(entry["addresses"][0].clone());
    }
    addresses.sort_by_key(ToString::to_string);
    addresses.dedup();
    assert_eq!(addresses.len(), 3, "an address for each host");
}

#[test]
fn outlier_detection_replaces_the_defaults_everywhere() {
    let [c1, c2, c3] = sample();
    let values =
        OutlierValues { base_ejection_time: Some(180), consecutive_gateway_errors: Some(10), interval: Some(28) };
    let c2 = c2.outlier_detection(outlier_detection("sample", "od", "greeting", "stage", values));
    let desired = desired([c1, c2, c3]);
    let want = json!({"baseEjectionTime": "180s", "consecutive5xxErrors": 0, "consecutiveGatewayErrors": 10, "interval": "28s",
        "maxEjectionPercent": 100});
    for name in ["c1", "c2", "c3"] {
        assert_eq!(rule(&desired, name)["trafficPolicy"]["outlierDetection"], want, "{name}");
    }
}

#[test]
fn a_connection_config_reaches_every_client() {
    let [c1, c2, c3] = sample();
    let pool = r#"{"http":{"http2MaxRequests":100,"idleTimeout":"1s","maxRequestsPerConnection":100},"tcp":{"maxConnectionDuration":"1s"}}"#;
    let c1 = c1.connection_config(connection_config("sample", "ccc", "greeting", "stage", pool));
    let desired = desired([c1, c2, c3]);
    let want: Value = serde_json::from_str(pool).unwrap();
    for name in ["c1", "c2", "c3"] {
        assert_eq!(rule(&desired, name)["trafficPolicy"]["connectionPool"], want, "{name}");
    }
}

#[test]
fn with_one_source_left_its_own_rule_ejects_nothing_and_the_clients_rule_a_third() {
    let [c1, _, c3] = sample();
    let desired = desired([c1, base("c2", "us-east-2"), c3]);
    assert_eq!(entry(&desired, "c1")["endpoints"], json!([local("us-west-2")]));
    assert_eq!(rule(&desired, "c1")["trafficPolicy"]["outlierDetection"], Value::Null);
    assert_eq!(entry(&desired, "c3")["endpoints"], json!([remote("c1", "us-west-2")]));
    assert_eq!(rule(&desired, "c3")["trafficPolicy"]["outlierDetection"]["maxEjectionPercent"], 33);
    assert!(!desired.objects.get("c2").is_some_and(|objects| objects.contains_key(&object(Kind::ServiceEntry, SE))));
}

#[test]
fn grpc_is_published_as_grpc() {
    let grpc = |name, region| {
        base(name, region)
            .deployment("sample", "greeting", "greeting", "stage")
            .service_as("sample", service("greeting").port("grpc", 11111))
    };
    let [_, _, c3] = sample();
    let c1 = grpc("c1", "us-west-2").calls("sample", "webapp", "webapp", &["greeting"]);
    let desired = desired([c1, grpc("c2", "us-east-2"), c3]);
    let entry = entry(&desired, "c1");
    assert_eq!(entry["ports"], json!([{"name": "grpc", "number": 80, "protocol": "grpc"}]));
    assert_eq!(entry["endpoints"][0]["ports"], json!({"grpc": 15443}), "through the gateway");
    assert_eq!(entry["endpoints"][1]["ports"], json!({"grpc": 11111}), "locally");
}

fn sample() -> [ClusterBuilder; 3] {
    [
        base("c1", "us-west-2").serves("sample", "greeting", "greeting", "stage").calls(
            "sample",
            "webapp",
            "webapp",
            &["greeting"],
        ),
        base("c2", "us-east-2").serves("sample", "greeting", "greeting", "stage"),
        base("c3", "us-west-2").calls("sample", "webapp", "webapp", &[]),
    ]
}

fn base(name: &str, region: &str) -> ClusterBuilder {
    cluster(name).region(region).gateway(&format!("{name}-lb.example.com")).network(name)
}

fn desired(clusters: [ClusterBuilder; 3]) -> Desired {
    let export_to = ExportToPolicy::Limited { hosts: vec!["*".into()], max_namespaces: 35 };
    let policy = MeshPolicy { export_to, ..MeshPolicy::default() };
    desire(&fleet(clusters), &policy, "2026-01-15T12:00:00Z".parse().unwrap())
}

fn local(region: &str) -> Value {
    endpoint("greeting.sample.svc.cluster.local", region, 80)
}

fn remote(cluster: &str, region: &str) -> Value {
    let mut endpoint = endpoint(&format!("{cluster}-lb.example.com."), region, 15443);
    endpoint["network"] = cluster.into();
    endpoint
}

fn endpoint(address: &str, region: &str, port: u16) -> Value {
    json!({"address": address, "labels": {"security.istio.io/tlsMode": "istio", "type": "deployment"}, "locality": region,
        "ports": {"http": port}})
}

fn entry(desired: &Desired, cluster: &str) -> Value {
    spec(desired, cluster, Kind::ServiceEntry, SE)
}

fn rule(desired: &Desired, cluster: &str) -> Value {
    spec(desired, cluster, Kind::DestinationRule, DR)
}

fn locality(rule: &Value) -> &Value {
    &rule["trafficPolicy"]["loadBalancer"]["localityLbSetting"]
}

fn object(kind: Kind, name: &str) -> mesh_model::owned::ObjectKey {
    key(kind, "mesh-sync", name)
}

fn spec(desired: &Desired, cluster: &str, kind: Kind, name: &str) -> Value {
    serde_json::from_str(&desired.objects[cluster][&object(kind, name)].body.spec).unwrap()
}

fn annotation(desired: &Desired, cluster: &str, service_entry: &str, annotation: &str) -> Option<Arc<str>> {
    let body = &desired.objects[cluster][&object(Kind::ServiceEntry, service_entry)].body;
    body.annotations.get(annotation).cloned()
}
