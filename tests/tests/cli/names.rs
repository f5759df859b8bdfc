//! Names that cannot be, and more names than addresses: findings, and everything else is planned.

use std::collections::BTreeSet;

use serde_json::Value;

use super::manifests::{service, two_clusters};
use super::ran;

#[test]
fn identities_that_give_no_legal_host_are_findings_and_the_others_are_planned() {
    let env = two_clusters();
    let long = "x".repeat(64);
    let too_long = ["abcdefgh"; 27].join(".");
    let words = [
        ("under_score", "is not a DNS label"),
        ("two words", "has white space"),
        ("../up", "is not a DNS label"),
        ("a..b", "is not a DNS label"),
        ("*", "is not a DNS label"),
        ("é", "is not a DNS label"),
        (&*long, "has a label of 64 bytes, at most 63 are legal"),
        (&*too_long, "is longer than 242 bytes"),
    ];
    for (n, (identity, _)) in words.iter().enumerate() {
        env.write(&format!("c1/bad{n}.yaml"), &service("shop", &format!("bad{n}"), identity));
    }
    let check = ran(&mut env.on_fleet(&["check", "-o", "json"]));
    assert_eq!(check.code, Some(1), "{}{}", check.stdout, check.stderr);
    let document: Value = serde_json::from_str(&check.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap();
    for (n, (identity, words)) in words.iter().enumerate() {
        let place = format!("Deployment shop/bad{n}");
        let found: Vec<_> = findings.iter().filter(|finding| finding["place"] == *place).collect();
        assert_eq!(found.len(), 1, "{identity}: {findings:#?}");
        let (name, message) = (&found[0]["name"], found[0]["message"].as_str().unwrap());
        assert!(name == "illegal-host" && message.contains(words), "{identity}: {name}, {message}");
    }
    let names = ran(&mut env.on_fleet(&["plan", "-o", "name"]));
    assert_eq!(names.stdout, "stage.checkout.global\n", "{}", names.stderr);
}

#[test]
fn a_range_with_fewer_addresses_than_names_leaves_some_without_and_says_which() {
    let env = two_clusters();
    let policy = std::fs::read_to_string(env.fleet().join("mesh.yaml")).unwrap();
    env.write("mesh.yaml", &(policy + "vip: {range: 240.64.0.0/24}\n"));
    let services: String = (0..259).map(|n| service("shop", &format!("s{n}"), &format!("s{n}"))).collect();
    env.write("c1/many.yaml", &services);
    let check = ran(&mut env.on_fleet(&["check", "-o", "json"]));
    assert_eq!(check.code, Some(1), "{}", check.stderr);
    let document: Value = serde_json::from_str(&check.stdout).unwrap();
    let without: BTreeSet<&str> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["name"] == "vip-range")
        .map(|finding| finding["place"].as_str().unwrap())
        .collect();
    assert_eq!(without.len(), 6, "260 names, of 256 addresses .0 and .255 are never given");
    env.on_fleet(&["sync", "--yes"]).assert().success();
    for host in without {
        let file = format!("c1/mesh-sync/serviceentry-{host}-se.yaml");
        let text = std::fs::read_to_string(env.fleet().join(&file)).unwrap();
        assert!(!text.contains("addresses:"), "{file}: {text}");
    }
}

#[test]
fn a_misspelled_prefix_takes_no_host_away() {
    let env = two_clusters();
    let policy = |prefix: &str| {
        format!(
            "apiVersion: admiral.io/v1alpha1\nkind: GlobalTrafficPolicy\n\
             metadata: {{name: checkout, namespace: shop, labels: {{identity: checkout, admiral.io/env: stage}}}}\n\
             spec: {{policy: [{{dnsPrefix: {prefix:?}, lbType: 0}}]}}\n"
        )
    };
    env.write("c1/policy.yaml", &policy("east"));
    env.on_fleet(&["sync", "--yes"]).assert().success();
    env.write("c1/policy.yaml", &policy("e st"));
    let plan = ran(&mut env.on_fleet(&["plan", "-o", "json"]));
    assert_eq!(plan.code, Some(3), "{}{}", plan.stdout, plan.stderr);
    let document: Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(document["counts"]["delete"], 0, "{document:#}");
    let screen = ran(&mut env.on_fleet(&["plan"])).stdout;
    for words in ["\"e st\", which gives no host: it may mean east.stage.checkout.global", "illegal-host"] {
        assert!(screen.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{words}: {screen}");
    }
    env.write("c1/policy.yaml", &policy("west"));
    let plan = ran(&mut env.on_fleet(&["plan", "-o", "name"]));
    assert_eq!(plan.code, Some(0), "a prefix that was renamed goes: {}", plan.stderr);
}
