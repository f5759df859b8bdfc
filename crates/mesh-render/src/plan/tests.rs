use std::sync::Arc;

use mesh_model::finding::{Code, Finding};
use mesh_model::kind::Kind;
use mesh_model::name::{Host, Namespace};
use mesh_model::origin::{Origin, Origins};
use mesh_model::owned::{Mark, OwnedObject};
use mesh_plan::desired::{Body, Role};
use mesh_plan::plan::Change;

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
        action,
        class: Class::Additive,
        because: vec![because("checkout runs here", "shop/checkout")],
        changes: Vec::new(),
    }
}

fn create() -> Action {
    let body = Body {
        key: key(Kind::ServiceEntry, "stage.checkout.global-se"),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        spec: "{}".into(),
        origins: Arc::new(Origins::default()),
    };
    Action::Create { body: Arc::new(body) }
}

fn owned() -> Arc<OwnedObject> {
    Arc::new(OwnedObject {
        uid: None,
        version: "1".into(),
        mark: Mark::Ours,
        spec: "{}".into(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
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
    let mut update = step("c13", entry("stage.checkout.global-se"), create());
    update.action = match update.action {
        Action::Create { body } => Action::Update { base: owned(), body },
        other => other,
    };
    update.class = Class::RemovesTraffic;
    update.changes = vec![
        Change { field: "endpoints/c1-gw.example.".into(), before: Some("{\"a\":1}".into()), after: None },
        Change { field: "ports".into(), before: Some("1".into()), after: Some("2".into()) },
    ];
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

  OBJECT                                              CLUSTER               CLASS
stage.checkout.global
  + ServiceEntry stage.checkout.global-se             12 clusters: c01…c12  additive
      because checkout runs here (c1: Deployment shop/checkout)
  ~ ServiceEntry stage.checkout.global-se             c13                   removes traffic
      - endpoints/c1-gw.example.: {\"a\":1}
      ~ ports: 1 → 2
      because checkout runs here (c1: Deployment shop/checkout)
  ? DestinationRule stage.checkout.global-default-dr  c14                   held
      instead of: delete
      because checkout runs here (c1: Deployment shop/checkout)

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
    let mut one = step("c1", entry("a-se"), Action::Delete { base: owned() });
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
    let mut two = step("c2", entry(evil), create());
    two.changes = vec![Change { field: evil.into(), before: Some(evil.into()), after: Some(evil.into()) }];
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
