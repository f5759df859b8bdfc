use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_model::finding::{Code, Finding};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host, Namespace};
use mesh_model::origin::{Origin, Origins, Part};
use mesh_model::owned::{Mark, ObjectKey, OwnedObject};
use mesh_plan::because::Because;
use mesh_plan::desired::{Body, Role};
use mesh_plan::plan::{Action, Class, Step};
use serde_json::json;

use super::*;

fn cluster(name: &str) -> ClusterName {
    ClusterName::parse(name).unwrap()
}

fn key(kind: Kind, name: &str) -> ObjectKey {
    ObjectKey { kind, namespace: Namespace::parse("mesh-sync").unwrap(), name: name.into() }
}

fn because(rule: &str, source: &str) -> Because {
    let origin = Origin { cluster: cluster("c1"), kind: Kind::Deployment, name: source.into() };
    Because::whole(rule, vec![origin])
}

fn step(in_cluster: &str, object: ObjectKey, action: Action) -> Step {
    Step {
        cluster: cluster(in_cluster),
        key: object,
        host: Some(Host::parse("stage.checkout.global").unwrap()),
        base: Some(Host::parse("stage.checkout.global").unwrap()),
        identity: None,
        role: Some(Role::Client),
        is_called: true,
        action,
        class: Class::Additive,
        because: vec![because("checkout runs here", "shop/checkout")],
    }
}

fn create() -> Action {
    writes(Kind::ServiceEntry, &json!({}), &[])
}

/// Creates an object with this `spec`; the endpoints come from these Services.
fn writes(kind: Kind, spec: &serde_json::Value, services: &[(&str, &str)]) -> Action {
    let mut origins = Origins::default();
    for (at, address) in services {
        let service = Origin { cluster: cluster(at), kind: Kind::Service, name: "shop/checkout".into() };
        origins.add(service, Part::Endpoint((*address).into()));
    }
    let body = Body {
        key: key(kind, "stage.checkout.global-se"),
        labels: Arc::default(),
        annotations: Arc::default(),
        spec: spec.to_string().into(),
        origins: Arc::new(origins),
        from_text: None,
    };
    Action::Create { body: Arc::new(body) }
}

fn owned(spec: &serde_json::Value) -> Arc<OwnedObject> {
    Arc::new(OwnedObject {
        created: None,
        uid: None,
        version: "1".into(),
        mark: Mark::Ours,
        spec: spec.to_string().into(),
        labels: Arc::default(),
        annotations: Arc::default(),
        origins: Arc::default(),
        from_text: None,
        changed_by: None,
    })
}

fn entry(name: &str) -> ObjectKey {
    key(Kind::ServiceEntry, name)
}

#[test]
fn what_is_the_same_in_many_clusters_is_one_entry_under_its_host() {
    let mut steps: Vec<Step> =
        (1..=12).map(|n| step(&format!("c{n:02}"), entry("stage.checkout.global-se"), create())).collect();
    let mut update =
        step("c13", entry("stage.checkout.global-se"), writes(Kind::ServiceEntry, &json!({"ports": 2}), &[]));
    update.action = match update.action {
        Action::Create { body } => {
            let before = json!({"endpoints": [{"a": 1, "address": "c1-gw.example."}], "ports": 1});
            Action::Update { base: owned(&before), body }
        }
        other => other,
    };
    update.class = Class::RemovesTraffic;
    steps.push(update);
    steps.push(step(
        "c14",
        key(Kind::DestinationRule, "stage.checkout.global-default-dr"),
        Action::Hold { instead_of: "delete".into() },
    ));
    let plan = Plan {
        steps,
        findings: vec![Finding::new(Code::NoRegion, Some(&cluster("c1")), "c1", "no node has a region".into())],
        coverage: Coverage {
            members: 15,
            seen: 14,
            unseen: BTreeMap::from([(cluster("c15"), "no folder of that name".to_owned())]),
            ..Coverage::default()
        },
    };
    assert_eq!(
        render(&plan, &[], Detail::Summary, Styling::PLAIN),
        "\
Unseen: c15 (no folder of that name). What came from it is kept.

  OBJECT             CLUSTER               CLASS
stage.checkout.global
  + ServiceEntry     12 clusters: c01…c12  additive
      because in c01, c02, c03 and 9 more: checkout runs here (c1: Deployment shop/checkout)
  ~ ServiceEntry     c13                   removes traffic
      - endpoints/c1-gw.example.: {\"a\":1,\"address\":\"c1-gw.example.\"}
      ~ ports: 1 → 2
      because in c13: checkout runs here (c1: Deployment shop/checkout)
  ? DestinationRule  c14                   held
      instead of: delete
      because in c14: checkout runs here (c1: Deployment shop/checkout)

Findings: 1 warning
SEVERITY  CODE       CLUSTER  PLACE  NAME
warning   MESH-C024  c1       c1     no-region
         no node has a region
         → label the nodes with topology.kubernetes.io/region, or set the member's region in the policy

Plan: 12 to add, 1 to change, 0 to delete, 1 held in 14 clusters (1 unseen, kept).
"
    );
}

#[test]
fn nothing_to_do_is_one_line() {
    let plan = Plan { coverage: Coverage { members: 41, seen: 41, ..Coverage::default() }, ..Plan::default() };
    assert_eq!(render(&plan, &[], Detail::Summary, Styling::PLAIN), "No changes. 41 clusters hold what they should.\n");
}

#[test]
fn long_lists_are_cut_and_wide_shows_them_whole() {
    let mut one = step("c1", entry("a-se"), Action::Delete { base: owned(&json!({})) });
    one.because = (0..6).map(|n| because(&format!("rule {n}"), "a/b")).collect();
    let steps_of = |detail| steps(&[one.clone()], detail, Styling::PLAIN);
    let short = steps_of(Detail::Summary);
    assert!(short.contains("rule 2") && !short.contains("rule 3"), "{short}");
    assert!(short.contains("and 3 more reasons (-o wide shows all)"), "{short}");
    assert!(steps_of(Detail::Full).contains("rule 5"));
    assert!(steps_of(Detail::Full).contains("- ServiceEntry mesh-sync/a-se"));
}

#[test]
fn nothing_from_a_cluster_is_printed_unescaped() {
    let evil = "a\u{1b}]0;x\u{7}\u{202e}";
    let mut one = step("c1", entry(evil), Action::Hold { instead_of: evil.into() });
    one.because = vec![Because::field(evil, evil, vec![]), because(evil, evil)];
    let mut two = step("c2", entry(evil), writes(Kind::ServiceEntry, &json!({evil: evil}), &[]));
    two.action = match two.action {
        Action::Create { body } => Action::Update { base: owned(&json!({evil: 1})), body },
        other => other,
    };
    let plan = Plan {
        steps: vec![one, two],
        findings: vec![Finding::new(Code::NoRegion, None, evil, evil.into())],
        coverage: Coverage { unseen: BTreeMap::from([(cluster("c9"), evil.to_owned())]), ..Coverage::default() },
    };
    for detail in [Detail::Summary, Detail::Full] {
        let text = render(&plan, &[evil.to_owned()], detail, Styling::PLAIN);
        assert!(!text.contains(|c: char| c != '\n' && escape::is_unsafe(c)), "{text:?}");
        assert!(text.contains("\\u{1b}"));
    }
}

const LOCAL: &str = "checkout.shop.svc.cluster.local";

/// A client's and a source's objects of one host, as they are created.
fn pair(at: &str, role: Role, local: bool) -> Vec<Step> {
    let mut endpoints = vec![json!({"address": "c2-gw.example.", "locality": "us-west-2", "ports": {"http": 15443}})];
    if local {
        endpoints.push(json!({"address": LOCAL, "ports": {"http": 8080}}));
    }
    let spec = json!({"endpoints": endpoints});
    let weights = json!({"trafficPolicy": {"loadBalancer": {"localityLbSetting": {
        "distribute": [{"from": "us-west-2/*", "to": {"us-east-2": 20, "us-west-2": 80}}]}}}});
    let entry = writes(Kind::ServiceEntry, &spec, &[("c2", "c2-gw.example."), (at, LOCAL)]);
    let shares = writes(Kind::DestinationRule, &weights, &[]);
    let word = if role == Role::Client { "client: orders runs here" } else { "source: checkout runs here" };
    let because = Because::whole(
        word,
        vec![Origin { cluster: cluster(at), kind: Kind::Deployment, name: "shop/checkout".into() }],
    );
    [("stage.checkout.global-se", entry), ("stage.checkout.global-default-dr", shares)]
        .into_iter()
        .map(|(name, action)| {
            let kind = if name.ends_with("-se") { Kind::ServiceEntry } else { Kind::DestinationRule };
            Step { role: Some(role), because: vec![because.clone()], ..step(at, key(kind, name), action) }
        })
        .collect()
}

#[test]
fn a_row_says_where_its_calls_go_and_a_reason_whose_it_is() {
    let mut all = pair("c3", Role::Client, false);
    all.extend(pair("c1", Role::Source, true));
    all.extend(pair("c4", Role::Client, false));
    assert_eq!(
        steps(&all, Detail::Summary, Styling::PLAIN),
        "  OBJECT             CLUSTER     CLASS
stage.checkout.global
  + ServiceEntry     c1          additive
      leads to Service shop/checkout:8080 in the same cluster; c2 (us-west-2, gateway c2-gw.example:15443)
      because c1 is a source: checkout runs here (Deployment shop/checkout)
  + DestinationRule  c1, c3, c4  additive
      sends 80 % of calls to us-west-2, 20 % to us-east-2
      because c1 is a source: checkout runs here (Deployment shop/checkout)
      because c3, c4 are clients: orders runs here (c3: Deployment shop/checkout; c4: Deployment shop/checkout)
  + ServiceEntry     c3, c4      additive
      leads to c2 (us-west-2, gateway c2-gw.example:15443)
      because c3, c4 are clients: orders runs here (c3: Deployment shop/checkout; c4: Deployment shop/checkout)
"
    );
}

#[test]
fn two_objects_of_one_cluster_share_what_is_said_of_them() {
    assert_eq!(
        steps(&pair("c3", Role::Client, false), Detail::Summary, Styling::PLAIN),
        "  OBJECT             CLUSTER  CLASS
stage.checkout.global
  + ServiceEntry     c3       additive
  + DestinationRule  c3       additive
      leads to c2 (us-west-2, gateway c2-gw.example:15443)
      sends 80 % of calls to us-west-2, 20 % to us-east-2
      because c3 is a client: orders runs here (Deployment shop/checkout)
"
    );
}

#[test]
fn endpoints_beyond_the_first_few_are_counted() {
    let gateways: Vec<String> = (1..=9).map(|n| format!("c{n}-gw.example.")).collect();
    let endpoints: Vec<_> = gateways.iter().map(|gw| json!({"address": gw, "ports": {"http": 15443}})).collect();
    let one = step("c0", entry("a-se"), writes(Kind::ServiceEntry, &json!({"endpoints": endpoints}), &[]));
    let text = |detail| steps(std::slice::from_ref(&one), detail, Styling::PLAIN);
    let short = text(Detail::Summary);
    assert!(
        short.contains("leads to c1-gw.example:15443; c2-gw.example:15443; c3-gw.example:15443 and 6 more\n"),
        "{short}"
    );
    assert!(text(Detail::Full).contains("; c9-gw.example:15443\n"));
}

#[test]
fn a_further_host_follows_its_base_host_and_says_so() {
    let of = |host: &str, at: &str| {
        let host = Host::parse(host).unwrap();
        Step { host: Some(host.clone()), ..step(at, entry(&format!("{host}-se")), create()) }
    };
    let east = of("east.stage.checkout.global", "c1");
    let other = Step { base: Some(Host::parse("stage.a.global").unwrap()), ..of("stage.a.global", "c1") };
    let text = steps(&[east, of("stage.checkout.global", "c2"), other], Detail::Summary, Styling::PLAIN);
    let headings: Vec<&str> = text.lines().skip(1).filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(
        headings,
        [
            "stage.a.global",
            "stage.checkout.global",
            "east.stage.checkout.global (a further host of stage.checkout.global)"
        ]
    );
}

#[test]
fn a_plan_of_many_clusters_is_a_few_lines() {
    let all: Vec<Step> = (1..=300).flat_map(|n| pair(&format!("c{n:03}"), Role::Client, false)).collect();
    let text = steps(&all, Detail::Summary, Styling::PLAIN);
    assert_eq!(text.lines().count(), 7, "{text}");
    assert!(text.contains("  + ServiceEntry     300 clusters: c001…c300  additive\n"), "{text}");
    assert!(text.contains("because c001, c002, c003 and 297 more are clients: orders runs here ("), "{text}");
}
