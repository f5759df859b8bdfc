//! Writing where it cannot be done, and stopping half-way.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_fleet::output::{OutputError, render_to};
use mesh_fleet::report::{ApplyReport, Outcome};
use mesh_model::name::{ClusterName, Host, Namespace};
use mesh_model::owned::{CREATED_BY, OUR_MARK, ObjectKey, OwnedObject};
use mesh_plan::desired::{Body, Role};
use mesh_plan::manifest;
use mesh_plan::plan::{Action, Class, Plan, Step};

use super::mounted::Mounted;
use super::*;

fn body(name: &str) -> Arc<Body> {
    Arc::new(Body {
        key: ObjectKey {
            kind: Kind::ServiceEntry,
            namespace: Namespace::parse("mesh-sync").expect("a namespace"),
            name: format!("stage.{name}.global-se").into(),
        },
        labels: Arc::default(),
        annotations: Arc::new(BTreeMap::from([(Arc::from(CREATED_BY), Arc::from(OUR_MARK))])),
        spec: format!(r#"{{"hosts":["stage.{name}.global"],"x":"{}"}}"#, "x".repeat(8000)).into(),
        origins: Arc::default(),
        from_text: None,
    })
}

fn step(cluster: &str, name: &str, action: Action) -> Step {
    Step {
        cluster: ClusterName::parse(cluster).expect("a cluster name"),
        key: body(name).key.clone(),
        host: None,
        base: Some(Host::parse(&format!("stage.{name}.global")).expect("a host")),
        identity: None,
        role: Some(Role::Client),
        is_called: true,
        action,
        class: Class::Additive,
        because: Vec::new(),
    }
}

fn create(cluster: &str, name: &str) -> Step {
    step(cluster, name, Action::Create { body: body(name) })
}

fn owned(snapshot: &FleetSnapshot, cluster: &str, name: &str) -> Arc<OwnedObject> {
    Arc::new(snapshot.facts(cluster).expect("a seen cluster").owned[&body(name).key].clone())
}

fn apply(fleet: &DirectoryFleet, steps: Vec<Step>) -> ApplyReport {
    fleet.apply(&Plan { steps, ..Plan::default() }, &|| false)
}

/// The files of a folder, hidden ones included.
fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A fleet of c1 on a file system of its own, with one generated object, and c2.
fn two_clusters() -> Option<(TestFleet, Mounted)> {
    let fleet = TestFleet::new(&[("c2/namespace.yaml", NAMESPACE)]);
    let mounted = Mounted::at(&fleet.path("c1"))?;
    fleet.write("c1/namespace.yaml", NAMESPACE);
    let report = apply(&fleet.open().expect("a fleet"), vec![create("c1", "old")]);
    assert_eq!(report.results[0].outcome, Outcome::Created);
    Some((fleet, mounted))
}

/// Tries an update, a delete (`deletes` says whether it can work) and two creates, one of them in a cluster that has room.
fn try_everything(fleet: &TestFleet, word: &str) {
    let before = fs::read(fleet.path("c1/mesh-sync/serviceentry-stage.old.global-se.yaml")).expect("a file");
    let opened = fleet.open().expect("a fleet");
    let base = owned(&opened.observe(), "c1", "old");
    let mut changed = (*body("old")).clone();
    changed.spec = r#"{"hosts":["stage.old.global"]}"#.into();
    let update = step("c1", "old", Action::Update { base, body: Arc::new(changed) });
    let report = apply(&opened, vec![create("c1", "a"), create("c2", "a"), update]);
    let outcomes: Vec<_> = report.results.iter().map(|result| (&*result.cluster, &result.outcome)).collect();
    assert_eq!(outcomes.len(), 3);
    assert!(matches!(outcomes[0], ("c1", Outcome::Failed(why)) if why.contains(word)), "{outcomes:?}");
    assert!(matches!(outcomes[1], ("c2", Outcome::Created)), "{outcomes:?}");
    let says_where = |outcome: &Outcome| matches!(outcome, Outcome::Failed(why) if why.contains(".mesh-"));
    assert!(!outcomes.iter().any(|(_, outcome)| says_where(outcome)), "no random name is shown: {outcomes:?}");
    assert!(matches!(outcomes[2], ("c1", Outcome::Failed(why)) if why.contains(word)), "{outcomes:?}");
    assert_eq!(fs::read(fleet.path("c1/mesh-sync/serviceentry-stage.old.global-se.yaml")).expect("a file"), before);
    assert_eq!(files(&fleet.path("c1/mesh-sync")), ["serviceentry-stage.old.global-se.yaml"]);
}

#[test]
fn a_read_only_target_fails_and_the_others_are_written() {
    let Some((fleet, mounted)) = two_clusters() else { return };
    mounted.make_read_only();
    try_everything(&fleet, "Read-only file system");
}

#[test]
fn a_full_disk_leaves_no_half_written_file() {
    let Some((fleet, mounted)) = two_clusters() else { return };
    mounted.fill();
    try_everything(&fleet, "No space left");
}

#[test]
fn a_sync_folder_that_is_a_file_fails_and_stays() {
    let fleet = TestFleet::new(&[("c1/mesh-sync", "mine")]);
    let report = apply(&fleet.open().unwrap(), vec![create("c1", "a")]);
    let Outcome::Failed(why) = &report.results[0].outcome else { panic!("{report:?}") };
    assert_eq!(why, "c1/mesh-sync: is not a folder");
    assert_eq!(fs::read_to_string(fleet.path("c1/mesh-sync")).unwrap(), "mine");
}

#[test]
fn an_interrupt_leaves_whole_files_and_running_again_completes_them() {
    let names = ["a", "b", "c", "d"];
    for after in 0..=names.len() {
        let fleet = TestFleet::new(&[]);
        let opened = fleet.open().unwrap();
        let asked = Cell::new(0);
        let interrupted = || asked.replace(asked.get() + 1) >= after;
        let plan = Plan { steps: names.iter().map(|name| create("c1", name)).collect(), ..Plan::default() };
        let report = opened.apply(&plan, &interrupted);
        assert_eq!((report.written(), report.interrupted), (after, after < names.len()));
        let snapshot = opened.observe();
        assert!(snapshot.findings.is_empty());
        assert_eq!(snapshot.facts("c1").unwrap().owned.len(), after);
        let rest = names[after..].iter().map(|name| create("c1", name)).collect();
        assert_eq!(apply(&opened, rest).written(), names.len() - after);
    }
}

#[test]
fn rendering_into_a_place_that_cannot_be_written_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let objects = [(ClusterName::parse("c1").unwrap(), manifest::created(&body("a")))];
    fs::write(folder.path().join("file"), "mine").unwrap();
    let error = render_to(&folder.path().join("file"), &objects, &|| false).unwrap_err();
    assert!(matches!(&error, OutputError::Write { .. }), "{error}");
    assert!(
        error.to_string().contains("file/c1/mesh-sync/serviceentry-stage.a.global-se.yaml cannot be written"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(folder.path().join("file")).unwrap(), "mine");

    fs::create_dir(folder.path().join("small")).unwrap();
    let Some(mounted) = Mounted::at(&folder.path().join("small")) else { return };
    mounted.fill();
    let error = render_to(&folder.path().join("small"), &objects, &|| false).unwrap_err();
    assert!(error.to_string().contains("No space left"), "{error}");
    assert!(files(&folder.path().join("small/c1/mesh-sync")).is_empty());
}
