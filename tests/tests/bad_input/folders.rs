//! The fleet's folder and its members.

use mesh_model::fleet::ClusterView;

use super::*;

const POLICY: &str = "apiVersion: kubectl-mesh.io/v1alpha1\nkind: MeshPolicy\n";
const SYSTEM: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system, uid: u-1}\n";

#[test]
fn a_path_that_is_no_fleet_is_an_error_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::create_dir_all(folder.path().join("hidden/.git")).unwrap();
    fs::create_dir_all(folder.path().join("hidden/_shared")).unwrap();
    for (path, word, hint) in [
        ("missing", "does not exist", "name a folder"),
        ("file", "is not a folder", "name the folder"),
        ("file/below", "does not exist", "name a folder"),
        ("empty", "is empty", "add one folder a cluster"),
        ("hidden", "is empty", "add one folder a cluster"),
        (&"x".repeat(5000), "cannot be read", "check its path and permissions"),
    ] {
        let error = DirectoryFleet::open(&folder.path().join(path), None).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains(hint), "{error}");
    }
}

#[test]
fn a_cluster_folder_without_an_object_is_unseen() {
    let fleet = TestFleet::new(&[("c2/README.md", "# nothing\n"), ("c3/empty.yaml", "# nothing\n---\n")]);
    fs::create_dir(fleet.path("c4")).unwrap();
    let snapshot = fleet.observe();
    for cluster in ["c2", "c3", "c4"] {
        assert_eq!(why_unseen(&snapshot, cluster), "its folder has no object");
    }
    assert_eq!(snapshot.findings.iter().filter(|finding| finding.code == Code::ClusterUnseen).count(), 3);
}

#[test]
fn members_come_from_the_policy_and_strangers_are_reported() {
    let fleet = TestFleet::new(&[("c9/a.yaml", NAMESPACE)]);
    let members = "fleet:\n  members:\n  - name: c1\n  - name: c2\n  - {name: c3, state: retired}\n  - {name: c4, state: retired}\n";
    fleet.write("mesh.yaml", format!("{POLICY}{members}"));
    fleet.write("c4/a.yaml", NAMESPACE);
    let snapshot = fleet.observe();
    assert!(snapshot.facts("c1").is_some());
    assert_eq!(why_unseen(&snapshot, "c2"), "no folder of that name");
    assert!(matches!(&snapshot.members["c3"], ClusterView::Retired(None)));
    assert!(matches!(&snapshot.members["c4"], ClusterView::Retired(Some(_))));
    assert_eq!(snapshot.members.len(), 4);
    assert_eq!(snapshot.strangers.iter().map(|name| &**name).collect::<Vec<_>>(), ["c9"]);
    assert_eq!(&*the(&snapshot, Code::Stranger).place, "c9");
    assert_eq!(&*the(&snapshot, Code::RetiredNotReached).place, "c3");
}

#[test]
fn a_fleet_with_members_but_without_folders_is_unseen_not_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mesh.yaml"), format!("{POLICY}fleet: {{members: [{{name: c1}}]}}\n")).unwrap();
    let snapshot = DirectoryFleet::open(folder.path(), None).unwrap().observe();
    assert_eq!(why_unseen(&snapshot, "c1"), "no folder of that name");
}

#[test]
fn a_member_whose_name_is_a_path_reads_nothing_outside() {
    let fleet = TestFleet::new(&[]);
    fleet.write(
        "mesh.yaml",
        format!("{POLICY}fleet: {{members: [{{name: ../x}}, {{name: c1/namespace.yaml}}, {{name: ..}}]}}\n"),
    );
    let snapshot = fleet.observe();
    for cluster in ["../x", "c1/namespace.yaml", ".."] {
        assert_eq!(why_unseen(&snapshot, cluster), "no folder of that name");
    }
}

#[test]
fn a_folder_that_no_cluster_can_be_named_after_is_reported() {
    let fleet = TestFleet::new(&[("two words/a.yaml", NAMESPACE)]);
    let snapshot = fleet.observe();
    assert_eq!(snapshot.members.len(), 1);
    let finding = the(&snapshot, Code::Stranger);
    assert!(finding.message.contains("two words") && finding.next.contains("rename"), "{finding:?}");
}

#[test]
fn two_members_of_one_uid_or_name_are_an_error() {
    let fleet = TestFleet::new(&[("c1/system.yaml", SYSTEM), ("c2/system.yaml", SYSTEM)]);
    let error = fleet.refusal();
    assert!(error.contains("c1 and c2 are one cluster") && error.contains("u-1"), "{error}");
    fleet.write("c2/system.yaml", SYSTEM.replace("u-1", "u-2"));
    assert!(fleet.open().is_ok());
    fleet.write("mesh.yaml", format!("{POLICY}fleet: {{members: [{{name: c1}}, {{name: c1}}]}}\n"));
    let error = fleet.refusal();
    assert!(error.contains("c1"), "{error}");
}

#[test]
fn a_folder_of_another_cluster_than_the_member_is_unseen() {
    let fleet = TestFleet::new(&[("c1/system.yaml", SYSTEM)]);
    for (uid, seen) in [("u-1", true), ("u-2", false)] {
        fleet.write("mesh.yaml", format!("{POLICY}fleet: {{members: [{{name: c1, uid: {uid}}}]}}\n"));
        let snapshot = fleet.observe();
        assert_eq!(snapshot.facts("c1").is_some(), seen);
        assert!(seen || why_unseen(&snapshot, "c1").starts_with("other UID"));
    }
}

#[test]
fn an_unseen_file_says_what_cannot_be_known() {
    let fleet = TestFleet::new(&[("c1/a.yaml", SERVICE)]);
    fleet.write("c1/.unseen", "");
    assert_eq!(why_unseen(&fleet.observe(), "c1"), "marked by c1/.unseen");
    fleet.write("c1/.unseen", "# forbidden\nServices\r\n\n  node \n");
    let snapshot = fleet.observe();
    assert_eq!(unseen_kinds(&snapshot), [Kind::Service, Kind::Node]);
    assert_eq!(snapshot.findings.iter().filter(|finding| finding.code == Code::KindUnseen).count(), 2);
    fleet.write("c1/.unseen", "Service\nServise\n");
    assert!(why_unseen(&fleet.observe(), "c1").contains("\"Servise\""));
    fleet.write("c1/.unseen", [0xff]);
    assert!(why_unseen(&fleet.observe(), "c1").contains("c1/.unseen cannot be read"));
}

#[test]
fn a_broken_policy_is_an_error_that_names_the_place() {
    let fleet = TestFleet::new(&[]);
    for (text, word) in [
        (format!("{POLICY}sufix: x\n"), "sufix"),
        (format!("{POLICY}suffix: [\n"), "mesh.yaml"),
        (format!("{POLICY}suffix: a_b\n"), "suffix"),
        ("apiVersion: kubectl-mesh.io/v9\nkind: MeshPolicy\n".to_owned(), "v9"),
        (format!("{POLICY}vip: {{range: 10.0.0.0/30}}\n"), "range"),
    ] {
        fleet.write("mesh.yaml", &text);
        let error = fleet.refusal();
        assert!(error.contains(word) && error.contains("mesh.yaml"), "{error}");
    }
    fleet.write("mesh.yaml", vec![b'#'; 2 << 20]);
    assert!(fleet.refusal().contains("mesh.yaml cannot be read: has 2 MiB"), "{}", fleet.refusal());
    fleet.write("mesh.yaml", [0xff]);
    assert!(fleet.refusal().contains("is not UTF-8"), "{}", fleet.refusal());
    fleet.write("mesh.yaml", format!("\u{feff}{}", POLICY.replace('\n', "\r\n")));
    assert!(fleet.open().is_ok());
}
