//! What takes hosts beside workloads: ServiceEntries and VirtualServices by hand, and prefixes of traffic policies.

use mesh_admission::RefusalCode;
use serde_json::{Value, json};

use crate::fixture::{HOST, claim, cluster, creates, policy, served, updates};

fn on_hosts(kind: &str, hosts: &[&str]) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": {"name": "mine"},
        "spec": {"hosts": hosts},
    })
}

#[test]
fn nobody_takes_a_claimed_host_by_hand() {
    let (mut index, policy) = (cluster(), policy());
    index.add_claim(&claim("team-shop", "checkout", "stage"));
    for hosts in [
        &[HOST][..],
        &["a.com", "b.com", HOST],
        &[HOST, "a.com"],
        &["Stage.Checkout.Global"],
        &["stage.checkout.global."],
        &["west.stage.checkout.global"],
        &["*.global"],
        &["*"],
        &["*.checkout.global"],
        &["*.stage.checkout.global"],
        &["*-1.west.stage.checkout.global"],
    ] {
        for kind in ["ServiceEntry", "VirtualService"] {
            let object = on_hosts(kind, hosts);
            let refusal = creates("pay", &object).refused(&index, &policy, RefusalCode::HostTaken);
            assert!(refusal.what.contains(HOST), "{refusal}");
            assert_eq!(creates("shop", &object).allowed(&index, &policy), [], "its owner may");
            assert_eq!(creates("mesh-sync", &object).allowed(&index, &policy), [], "what is generated is ours");
            creates("unknown", &object).refused(&index, &policy, RefusalCode::HostTaken);
            // What was there before the claim goes on, until it is changed.
            let mut other = object.clone();
            other["metadata"]["labels"] = json!({"a": "b"});
            assert_eq!(updates("pay", &object, &other).allowed(&index, &policy), []);
            let before = on_hosts(kind, &["a.com"]);
            updates("pay", &before, &object).refused(&index, &policy, RefusalCode::HostTaken);
        }
    }
    for hosts in [&["stage.other.global"][..], &["reviews"], &["*.com"], &["checkout.global"], &[]] {
        assert_eq!(creates("pay", &on_hosts("VirtualService", hosts)).allowed(&index, &policy), [], "{hosts:?}");
    }
    let many: Vec<String> = (0..17).map(|at| format!("*.n{at}.global")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    creates("pay", &on_hosts("VirtualService", &many)).refused(&index, &policy, RefusalCode::Undecided);
}

fn traffic(prefixes: &[&str]) -> Value {
    let items: Vec<Value> = prefixes.iter().map(|prefix| json!({"dnsPrefix": prefix, "lbType": 0})).collect();
    json!({
        "apiVersion": "admiral.io/v1alpha1",
        "kind": "GlobalTrafficPolicy",
        "metadata": {"name": "checkout", "labels": {"identity": "checkout"}, "annotations": {"admiral.io/env": "stage"}},
        "spec": {"policy": items},
    })
}

#[test]
fn no_prefix_takes_the_host_of_another_name() {
    let policy = policy();
    let taken = traffic(&["default", "stage", "east", "west"]);
    let mut claimed = cluster();
    claimed.add_claim(&claim("team-pay", "stage.checkout", "west"));
    let mut runs = cluster();
    served(&mut runs, "checkout", "west.stage", "pay");
    let mut prefix = cluster();
    prefix.prefixes.insert("west.stage.checkout.global".into(), "stage.other.global".into());
    for index in [&claimed, &runs, &prefix] {
        creates("shop", &taken).refused(index, &policy, RefusalCode::PrefixCollision);
        updates("shop", &traffic(&["east"]), &taken).refused(index, &policy, RefusalCode::PrefixCollision);
        assert_eq!(updates("shop", &taken, &taken).allowed(index, &policy), []);
        assert_eq!(creates("shop", &traffic(&["default", "east"])).allowed(index, &policy), []);
    }
    creates("shop", &traffic(&["default", "bad_prefix"])).refused(&cluster(), &policy, RefusalCode::IllegalHost);
    let mut own = cluster();
    own.prefixes.insert("west.stage.checkout.global".into(), HOST.into());
    assert_eq!(creates("shop", &taken).allowed(&own, &policy), [], "its own prefix host");
}
