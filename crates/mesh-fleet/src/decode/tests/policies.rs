use mesh_model::facts::{GlobalTrafficPolicy, OutlierValues};
use mesh_model::kind::Kind;

use super::{Code, codes, decode, facts};

fn gtp(metadata: &str, spec: &str) -> String {
    format!(
        "apiVersion: admiral.io/v1alpha1\nkind: GlobalTrafficPolicy\nmetadata: {{name: p, namespace: shop, {metadata}}}\n\
         spec: {{{spec}}}\n"
    )
}

fn policy(metadata: &str, spec: &str) -> GlobalTrafficPolicy {
    facts(&gtp(metadata, spec)).traffic_policies.remove(0)
}

#[test]
fn a_traffic_policy_is_read_whole() {
    let read = policy(
        "labels: {identity: a, priority: '7'}, annotations: {admiral.io/env: stage, lastUpdatedAt: '2026'}",
        "policy: [{dnsPrefix: default, lbType: 1, target: [{region: west, weight: 70}, {region: east, weight: 30}], \
         outlier_detection: {base_ejection_time: 10, consecutive_gateway_errors: 5, interval: 0}}, {dns: x.global}]",
    );
    assert_eq!((&*read.meta.identity, &*read.meta.env, read.priority), ("a", "stage", 7));
    assert_eq!(read.last_updated.as_deref(), Some("2026"));
    let item = &read.items[0];
    assert_eq!((&*item.dns_prefix, item.failover), ("default", true));
    assert_eq!(item.targets, [("west".into(), 70), ("east".into(), 30)]);
    let outlier =
        OutlierValues { base_ejection_time: Some(10), consecutive_gateway_errors: Some(5), interval: Some(0) };
    assert_eq!(item.outlier, Some(outlier));
    assert_eq!((&*read.items[1].dns, read.items[1].failover, read.items[1].outlier), ("x.global", false, None));
}

#[test]
fn the_kind_of_balancing_is_a_number_or_a_name() {
    for (text, want) in [("0", false), ("1", true), ("TOPOLOGY", false), ("FAILOVER", true), ("null", false)] {
        assert_eq!(
            policy("labels: {identity: a}", &format!("policy: [{{lbType: {text}}}]")).items[0].failover,
            want,
            "{text}"
        );
    }
    for text in ["2", "ROUND_ROBIN"] {
        let decoded = decode(&gtp("labels: {identity: a}", &format!("policy: [{{lbType: {text}}}]")));
        assert!(decoded.facts.unseen.contains(&Kind::GlobalTrafficPolicy), "{text}");
    }
}

#[test]
fn a_policy_finds_its_identity_in_a_label_or_a_selector() {
    assert_eq!(&*policy("labels: {identity: a}", "selector: {identity: b}").meta.identity, "a");
    let selected = policy("labels: {}", "selector: {identity: b, env: qal}").meta;
    assert_eq!((&*selected.identity, &*selected.env), ("b", "qal"));
    let decoded = decode(&gtp("labels: {}", ""));
    assert_eq!(codes(&decoded), [(Code::PolicyWithoutWorkload, "GlobalTrafficPolicy shop/p")]);
    assert!(decoded.facts.traffic_policies.is_empty());
}

#[test]
fn an_ignored_policy_is_left_out() {
    for metadata in [
        "labels: {identity: a, admiral.io/ignore: 'true'}",
        "labels: {identity: a}, annotations: {admiral.io/ignore: 'true'}",
    ] {
        assert!(facts(&gtp(metadata, "")).traffic_policies.is_empty(), "{metadata}");
    }
}

#[test]
fn a_priority_that_is_no_number_is_none() {
    for (text, want) in [("5", 5), ("-1", -1), ("high", 0), ("''", 0)] {
        assert_eq!(policy(&format!("labels: {{identity: a, priority: {text}}}"), "").priority, want);
    }
}

#[test]
fn outlier_detections_and_connection_configs_are_read() {
    let text = "\
apiVersion: admiral.io/v1alpha1
kind: OutlierDetection
metadata: {name: o, namespace: shop, labels: {identity: a}}
spec: {outlier_config: {base_ejection_time: 10}}
---
apiVersion: admiral.io/v1alpha1
kind: ClientConnectionConfig
metadata: {name: c, namespace: shop, labels: {identity: a, admiral.io/env: stage}}
spec: {connectionPool: {tcp: {maxConnections: 5}, http: {idleTimeout: 5m, h2UpgradePolicy: 2}}}
---
apiVersion: admiral.io/v1alpha1
kind: ClientConnectionConfig
metadata: {name: d, namespace: shop, labels: {identity: b}}
spec:
";
    let facts = facts(text);
    assert_eq!(facts.outlier_detections[0].values.base_ejection_time, Some(10));
    assert_eq!(&*facts.connection_configs[0].meta.env, "stage");
    assert_eq!(
        &*facts.connection_configs[0].connection_pool,
        r#"{"http":{"h2UpgradePolicy":2,"idleTimeout":"5m"},"tcp":{"maxConnections":5}}"#
    );
    assert_eq!(&*facts.connection_configs[1].connection_pool, "{}");
}

#[test]
fn dependencies_are_read_as_written() {
    let text = "apiVersion: admiral.io/v1alpha1\nkind: Dependency\nmetadata: {name: d, namespace: admiral}\n\
                spec: {source: Shop, identityLabel: identity, destinations: [b, a, a]}\n";
    let read = facts(text).dependencies.remove(0);
    assert_eq!(&*read.source, "Shop");
    assert_eq!(read.destinations.iter().map(|d| &**d).collect::<Vec<_>>(), ["b", "a", "a"]);
}
