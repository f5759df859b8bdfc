//! Writing, file by file.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mesh_model::finding::Code;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host, Namespace};
use mesh_model::owned::{CREATED_BY, MANAGED_BY, Mark, OUR_MARK, ObjectKey, OwnedObject};
use mesh_model::policy::{Adopt, MeshPolicy};
use mesh_plan::desired::{Body, Role};
use mesh_plan::plan::{Action, Class, Plan, Step};
use tempfile::TempDir;

use super::super::DirectoryFleet;
use crate::report::{ApplyReport, Outcome};

const CLUSTER: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system}\n";
const FILE: &str = "mesh-sync/serviceentry-stage.a.global-se.yaml";
const OURS: &str = "\
apiVersion: networking.istio.io/v1beta1
kind: ServiceEntry
metadata:
  name: stage.a.global-se
  namespace: mesh-sync
  finalizers: [keep]
  labels: {team: red, kubectl-mesh.io/identity: old}
  annotations: {app.kubernetes.io/created-by: kubectl-mesh, kubectl-mesh.io/ex-source: '2026-01-01T00:00:00Z', note: 'yes'}
spec: {hosts: [stage.a.global], old: true}
status: {kept: 1}
";

fn fleet(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in [("c1/cluster.yaml", CLUSTER), ("c2/cluster.yaml", CLUSTER)].iter().chain(files) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn open(root: &Path) -> DirectoryFleet {
    DirectoryFleet::open(root, None).unwrap()
}

fn key(name: &str) -> ObjectKey {
    ObjectKey { kind: Kind::ServiceEntry, namespace: Namespace::parse("mesh-sync").unwrap(), name: name.into() }
}

fn body(name: &str) -> Arc<Body> {
    let pairs = |key: &str| Arc::new(BTreeMap::from([(Arc::from(key), Arc::from(OUR_MARK))]));
    Arc::new(Body {
        key: key(name),
        labels: pairs(MANAGED_BY),
        annotations: pairs(CREATED_BY),
        spec: r#"{"hosts":["stage.a.global"],"ports":[{"name":"http","number":80,"protocol":"HTTP"}]}"#.into(),
        origins: Arc::default(),
        from_text: None,
    })
}

fn step(cluster: &str, action: Action) -> Step {
    let key = match &action {
        Action::Create { body } | Action::Update { body, .. } => body.key.clone(),
        Action::Delete { .. } | Action::Hold { .. } => key("stage.a.global-se"),
    };
    Step {
        cluster: ClusterName::parse(cluster).unwrap(),
        key,
        host: None,
        base: Some(Host::parse("stage.a.global").unwrap()),
        identity: None,
        role: Some(Role::Client),
        is_called: true,
        action,
        class: Class::Additive,
        because: Vec::new(),
    }
}

fn create(cluster: &str) -> Step {
    step(cluster, Action::Create { body: body("stage.a.global-se") })
}

fn update(fleet: &DirectoryFleet) -> Step {
    step("c1", Action::Update { base: read(fleet), body: body("stage.a.global-se") })
}

fn delete(fleet: &DirectoryFleet) -> Step {
    step("c1", Action::Delete { base: read(fleet) })
}

/// The object as it is in c1 now.
fn read(fleet: &DirectoryFleet) -> Arc<OwnedObject> {
    let snapshot = fleet.observe();
    Arc::new(snapshot.facts("c1").unwrap().owned[&key("stage.a.global-se")].clone())
}

fn apply(fleet: &DirectoryFleet, steps: Vec<Step>) -> ApplyReport {
    fleet.apply(&Plan { steps, ..Plan::default() }, &|| false)
}

fn only(report: &ApplyReport) -> &Outcome {
    assert_eq!(report.results.len(), 1);
    &report.results[0].outcome
}

#[test]
fn what_is_created_is_read_back_as_ours() {
    let folder = fleet(&[]);
    let fleet = open(folder.path());
    assert_eq!(*only(&apply(&fleet, vec![create("c1")])), Outcome::Created);
    let owned = read(&fleet);
    assert_eq!(owned.mark, Mark::Ours);
    assert_eq!(owned.spec, body("x").spec);
    assert_eq!(owned.labels, body("x").labels);
    assert!(folder.path().join("c1").join(FILE).is_file());
}

#[test]
fn a_file_that_is_there_is_never_overwritten_by_a_create() {
    let folder = fleet(&[(&format!("c1/{FILE}"), "# mine\n")]);
    let report = apply(&open(folder.path()), vec![create("c1")]);
    assert!(matches!(only(&report), Outcome::Moved(_)), "{report:?}");
    assert_eq!(std::fs::read_to_string(folder.path().join("c1").join(FILE)).unwrap(), "# mine\n");
}

#[test]
fn an_update_replaces_the_spec_and_our_marks_and_keeps_the_rest() {
    let folder = fleet(&[(&format!("c1/{FILE}"), OURS)]);
    let fleet = open(folder.path());
    let step = update(&fleet);
    assert_eq!(*only(&apply(&fleet, vec![step])), Outcome::Updated);
    let text = std::fs::read_to_string(folder.path().join("c1").join(FILE)).unwrap();
    assert_eq!(
        text,
        "\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  annotations:
    app.kubernetes.io/created-by: kubectl-mesh
    note: \"yes\"
  finalizers:
  - keep
  labels:
    app.kubernetes.io/managed-by: kubectl-mesh
    team: red
  name: stage.a.global-se
  namespace: mesh-sync
spec:
  hosts:
  - stage.a.global
  ports:
  - name: http
    number: 80
    protocol: HTTP
status:
  kept: 1
"
    );
}

#[test]
fn an_object_is_rewritten_where_it_lies_and_as_it_is_written() {
    let json = r#"{"apiVersion":"networking.istio.io/v1","kind":"ServiceEntry","metadata":{"name":"stage.a.global-se","namespace":"mesh-sync","annotations":{"app.kubernetes.io/created-by":"kubectl-mesh"}},"spec":{}}"#;
    let folder = fleet(&[("c1/elsewhere/x.json", json)]);
    let fleet = open(folder.path());
    let step = update(&fleet);
    assert_eq!(*only(&apply(&fleet, vec![step])), Outcome::Updated);
    let text = std::fs::read_to_string(folder.path().join("c1/elsewhere/x.json")).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["spec"]["ports"].is_array());
    assert!(!folder.path().join("c1").join(FILE).exists());
    let step = delete(&fleet);
    assert_eq!(*only(&apply(&fleet, vec![step])), Outcome::Deleted);
    assert!(!folder.path().join("c1/elsewhere/x.json").exists());
}

#[test]
fn what_changed_since_it_was_read_is_left_alone() {
    let path = format!("c1/{FILE}");
    let folder = fleet(&[(&path, OURS)]);
    let fleet = open(folder.path());
    let (update, delete) = (update(&fleet), delete(&fleet));
    let edited = OURS.replace("red", "blue");
    std::fs::write(folder.path().join(&path), &edited).unwrap();
    for step in [update, delete] {
        let report = apply(&fleet, vec![step]);
        assert!(matches!(only(&report), Outcome::Moved(_)), "{report:?}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join(&path)).unwrap(), edited);
}

#[test]
fn an_object_that_shares_its_file_is_not_rewritten() {
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}", OURS.trim_end().replace('\n', "\n  "));
    for text in [format!("{OURS}---\n{CLUSTER}").replace("kube-system", "shop"), list] {
        let folder = fleet(&[("c1/both.yaml", &text)]);
        let fleet = open(folder.path());
        for step in [update(&fleet), delete(&fleet)] {
            let report = apply(&fleet, vec![step]);
            let Outcome::Failed(why) = only(&report) else { panic!("{report:?}") };
            assert_eq!(why, "shares c1/both.yaml with other objects; move it into a file of its own");
        }
        assert_eq!(std::fs::read_to_string(folder.path().join("c1/both.yaml")).unwrap(), text);
    }
}

#[test]
fn adopting_makes_admiral_s_object_ours() {
    let text = OURS.replace(": kubectl-mesh,", ": admiral,").replace("mesh-sync", "admiral-sync");
    let folder = fleet(&[("c1/admiral-sync/serviceentry-stage.a.global-se.yaml", &text)]);
    let sync_namespace = Namespace::parse("admiral-sync").unwrap();
    let policy = MeshPolicy { adopt: Adopt::Admiral, sync_namespace, ..MeshPolicy::default() };
    let fleet = DirectoryFleet::open(folder.path(), Some(policy)).unwrap();
    let snapshot = fleet.observe();
    let (key, base) = snapshot.facts("c1").unwrap().owned.iter().next().unwrap();
    assert_eq!(base.mark, Mark::Admiral);
    let body = Arc::new(Body { key: key.clone(), ..(*body("x")).clone() });
    let step = step("c1", Action::Update { base: Arc::new(base.clone()), body });
    assert_eq!(*only(&apply(&fleet, vec![step])), Outcome::Updated);
    assert_eq!(fleet.observe().facts("c1").unwrap().owned[key].mark, Mark::Ours);
}

#[test]
fn clients_wait_for_a_source_that_could_not_be_written() {
    let folder = fleet(&[(&format!("c1/{FILE}"), "# in the way\n")]);
    let source = Step { role: Some(Role::Source), ..create("c1") };
    let mut other = create("c2");
    other.base = Some(Host::parse("stage.b.global").unwrap());
    other.key = key("stage.b.global-se");
    let report = apply(&open(folder.path()), vec![create("c2"), source, other]);
    let outcomes: Vec<_> = report.results.iter().map(|r| (&*r.cluster, &*r.key.name, &r.outcome)).collect();
    assert!(matches!(outcomes[0], ("c1", _, Outcome::Moved(_))), "{report:?}");
    assert!(matches!(outcomes[1], ("c2", "stage.a.global-se", Outcome::NotTried(_))), "{report:?}");
    assert!(matches!(outcomes[2], ("c2", "stage.b.global-se", Outcome::Created)), "{report:?}");
    assert_eq!((report.written(), report.not_written()), (1, 2));
}

#[test]
fn an_interrupt_stops_between_two_files() {
    let folder = fleet(&[]);
    let asked = Cell::new(0);
    let interrupted = || asked.replace(asked.get() + 1) == 1;
    let plan = Plan { steps: vec![create("c1"), create("c2")], ..Plan::default() };
    let report = open(folder.path()).apply(&plan, &interrupted);
    assert!(report.interrupted);
    assert_eq!(report.results[0].outcome, Outcome::Created);
    assert_eq!(report.results[1].outcome, Outcome::NotTried("interrupted".into()));
    assert!(!folder.path().join("c2/mesh-sync").exists());
}

#[test]
fn a_cluster_without_a_folder_is_not_made_up() {
    let folder = fleet(&[]);
    let report = apply(&open(folder.path()), vec![create("c3")]);
    assert_eq!(*only(&report), Outcome::Failed("no folder of that name".into()));
    assert!(!folder.path().join("c3").exists());
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    use std::os::unix::fs::symlink;
    let folder = fleet(&[(&format!("c2/{FILE}"), OURS)]);
    symlink("../c2/mesh-sync", folder.path().join("c1/mesh-sync")).unwrap();
    symlink("c2", folder.path().join("c3")).unwrap();
    let fleet = open(folder.path());
    for step in [create("c1"), update(&fleet), delete(&fleet), create("c3")] {
        let report = apply(&fleet, vec![step]);
        let Outcome::Failed(why) = only(&report) else { panic!("{report:?}") };
        assert!(why.contains("link"), "{why}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("c2").join(FILE)).unwrap(), OURS);
    assert_eq!(std::fs::read_dir(folder.path().join("c2/mesh-sync")).unwrap().count(), 1);
}

#[test]
fn a_duplicate_is_found_and_the_first_counts() {
    let folder = fleet(&[(&format!("c1/{FILE}"), OURS), ("c1/a.yaml", &OURS.replace("red", "blue"))]);
    let fleet = open(folder.path());
    let snapshot = fleet.observe();
    assert_eq!(&*read(&fleet).labels["team"], "blue");
    let finding = snapshot.findings.iter().find(|f| f.code == Code::DuplicateObject).unwrap();
    assert!(finding.message.contains("c1/a.yaml:1"), "{finding:?}");
}
