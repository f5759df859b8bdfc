use mesh_model::kind::Kind;
use mesh_model::owned::{ADMIRAL_MARK, Mark};
use mesh_model::policy::Adopt;

use super::{ClusterFacts, Code, codes, decode, decode_with, facts};

fn entry(namespace: &str, annotations: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1beta1\nkind: ServiceEntry\nmetadata: {{name: a-se, namespace: {namespace}, uid: u, \
         labels: {{app.kubernetes.io/managed-by: someone}}, annotations: {{{annotations}}}}}\n\
         spec: {{hosts: [stage.a.global], addresses: [240.64.0.1], location: MESH_INTERNAL}}\n"
    )
}

const OURS: &str = "app.kubernetes.io/created-by: kubectl-mesh";
const ADMIRALS: &str = "app.kubernetes.io/created-by: admiral";

fn marks(facts: &ClusterFacts) -> (Vec<Mark>, usize) {
    (facts.owned.values().map(|owned| owned.mark).collect(), facts.foreign.len())
}

#[test]
fn ours_is_what_carries_our_mark_wherever_it_is() {
    assert_eq!(marks(&facts(&entry("mesh-sync", OURS))), (vec![Mark::Ours], 0));
    assert_eq!(marks(&facts(&entry("shop", OURS))), (vec![Mark::Ours], 0));
    assert_eq!(marks(&facts(&entry("mesh-sync", ""))), (vec![], 1));
    assert_eq!(marks(&facts(&entry("mesh-sync", ADMIRALS))), (vec![], 1));
}

#[test]
fn admiral_s_mark_counts_as_ours_only_while_adopting() {
    let adopt = |text: &str| {
        let decoded = decode_with(text, |policy| policy.adopt = Adopt::Admiral);
        marks(&decoded.facts)
    };
    assert_eq!(adopt(&entry("mesh-sync", ADMIRALS)), (vec![Mark::Admiral], 0));
    assert_eq!(adopt(&entry("istio-system", ADMIRALS)), (vec![], 1));
}

#[test]
fn a_generated_object_is_kept_whole() {
    let from =
        r#"kubectl-mesh.io/from: '{"v":1,"from":[{"cluster":"c2","kind":"Service","name":"shop/a","for":["ports"]}]}'"#;
    let text = entry("mesh-sync", &format!("{OURS}, note: x, {from}"))
        .replace("location: MESH_INTERNAL", "location: MESH_INTERNAL, odd: [yes, '1e3', 5, 0123, {b: 1, a: 2}]");
    let facts = facts(&text);
    let (key, owned) = facts.owned.iter().next().unwrap();
    assert_eq!(key.to_string(), "ServiceEntry mesh-sync/a-se");
    assert_eq!(
        &*owned.spec,
        r#"{"addresses":["240.64.0.1"],"hosts":["stage.a.global"],"location":"MESH_INTERNAL","odd":["yes","1e3",5,"0123",{"a":2,"b":1}]}"#
    );
    assert_eq!((owned.uid.as_deref(), &*owned.version), (Some("u"), "v1"));
    assert_eq!(
        owned.annotations.keys().map(|key| &**key).collect::<Vec<_>>(),
        ["app.kubernetes.io/created-by", "note"]
    );
    assert!(owned.from_text.as_deref().unwrap().starts_with(r#"{"v":1"#));
    assert_eq!(owned.origins.iter().next().unwrap().0.to_string(), "c2: Service shop/a");
}

#[test]
fn the_last_writer_of_a_generated_object_is_known_unless_it_was_us() {
    let written = |fields: &str| {
        let text =
            entry("mesh-sync", OURS).replacen("metadata: {", &format!("metadata: {{managedFields: [{fields}], "), 1);
        facts(&text).owned.into_values().next().unwrap().changed_by
    };
    let ours = "{manager: kubectl-mesh, time: '2026-01-01T00:00:02Z'}";
    let edit = |second: u8| format!("{{manager: kubectl-edit, time: '2026-01-01T00:00:0{second}Z'}}");
    assert_eq!(written(""), None);
    assert_eq!(written(&format!("{}, {ours}", edit(1))), None);
    assert_eq!(written(&format!("{}, {ours}", edit(3))).as_deref(), Some("kubectl-edit at 2026-01-01T00:00:03Z"));
    assert_eq!(written(&format!("{}, {ours}", edit(2))).as_deref(), Some("kubectl-edit at 2026-01-01T00:00:02Z"));
    assert_eq!(
        written(&format!("{ours}, {{manager: istiod, subresource: status, time: '2026-01-01T00:00:09Z'}}")),
        None
    );
}

#[test]
fn origins_that_do_not_read_are_none_and_found() {
    let decoded = decode(&entry("mesh-sync", &format!("{OURS}, kubectl-mesh.io/from: '{{}}'")));
    assert_eq!(codes(&decoded), [(Code::BadOrigins, "ServiceEntry mesh-sync/a-se")]);
    let owned = decoded.facts.owned.values().next().unwrap();
    assert!(owned.origins.is_empty());
    assert_eq!(owned.from_text.as_deref(), Some("{}"));
}

#[test]
fn objects_of_others_are_kept_with_their_hosts() {
    let rule = "\
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: r, namespace: shop}
spec: {host: stage.a.global}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v, namespace: istio-system, annotations: {app.kubernetes.io/created-by: admiral}, creationTimestamp: 2026-01-01T00:00:00Z}
spec: {hosts: [b.global, a.global]}
---
";
    let facts = facts(&(rule.to_owned() + &entry("shop", "")));
    let seen: Vec<_> =
        facts.foreign.iter().map(|f| (f.key.kind, f.hosts.len(), f.addresses.len(), f.made_by.as_deref())).collect();
    assert_eq!(
        seen,
        [
            (Kind::ServiceEntry, 1, 1, Some("someone")),
            (Kind::DestinationRule, 1, 0, None),
            (Kind::VirtualService, 2, 0, Some(ADMIRAL_MARK)),
        ]
    );
    assert!(facts.foreign[2].created.is_some());
}

#[test]
fn a_spec_that_is_no_map_is_unreadable() {
    let decoded = decode(&entry("mesh-sync", OURS).replace("spec: {", "spec: [{").replace("INTERNAL}", "INTERNAL}]"));
    assert_eq!(codes(&decoded), [(Code::UnreadableObject, "c1/a.yaml:1")]);
    assert!(decoded.facts.unseen.contains(&Kind::ServiceEntry) && decoded.facts.owned.is_empty());
}
