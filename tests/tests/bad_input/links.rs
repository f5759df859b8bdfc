//! Links: followed inside the fleet, once; never out of it.
#![cfg(unix)]

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn a_link_that_leaves_the_fleet_is_not_followed() {
    let elsewhere = tempfile::tempdir().unwrap();
    fs::create_dir(elsewhere.path().join("more")).unwrap();
    fs::write(elsewhere.path().join("a.yaml"), SERVICE).unwrap();
    fs::write(elsewhere.path().join("more/a.yaml"), SERVICE).unwrap();
    for (target, link) in [("a.yaml", "c1/a.yaml"), ("more", "c1/more"), ("", "c1/all"), ("more", "c2")] {
        let fleet = TestFleet::new(&[]);
        symlink(elsewhere.path().join(target), fleet.path(link)).unwrap();
        let snapshot = fleet.observe();
        let cluster = &link[..2];
        assert_eq!(why_unseen(&snapshot, cluster), format!("{link} is a link that leaves the fleet"));
        assert_eq!(&*the(&snapshot, Code::LinkLeavesFleet).place, link);
    }
}

#[test]
fn a_policy_behind_a_link_out_of_the_fleet_is_refused() {
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("mesh.yaml"), "").unwrap();
    let fleet = TestFleet::new(&[]);
    symlink(elsewhere.path().join("mesh.yaml"), fleet.path("mesh.yaml")).unwrap();
    assert!(fleet.refusal().contains("is a link that leaves the fleet"));
}

#[test]
fn an_unseen_file_behind_a_link_out_of_the_fleet_is_not_read() {
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("secret"), "password\n").unwrap();
    let fleet = TestFleet::new(&[]);
    symlink(elsewhere.path().join("secret"), fleet.path("c1/.unseen")).unwrap();
    assert_eq!(why_unseen(&fleet.observe(), "c1"), "c1/.unseen cannot be read: it is a link that leaves the fleet");
}

#[test]
fn a_link_that_leads_nowhere_is_unknown() {
    for link in ["c1/a.yaml", "c1/folder", "c2"] {
        let fleet = TestFleet::new(&[]);
        symlink("nowhere", fleet.path(link)).unwrap();
        assert_eq!(why_unseen(&fleet.observe(), &link[..2]), format!("{link} cannot be read"));
    }
}

#[test]
fn links_of_other_files_are_no_matter() {
    let fleet = TestFleet::new(&[]);
    symlink("/etc/hostname", fleet.path("c1/README.md")).unwrap();
    symlink("/etc", fleet.path("c1/.cache")).unwrap();
    assert!(fleet.observe().findings.is_empty());
}

#[test]
fn links_inside_are_followed_once_and_loops_end() {
    let fleet =
        TestFleet::new(&[("c1/deep/a.yaml", SERVICE), ("_shared/b.yaml", &SERVICE.replace("name: a", "name: b"))]);
    symlink("..", fleet.path("c1/deep/up")).unwrap();
    symlink(".", fleet.path("c1/self")).unwrap();
    symlink("deep", fleet.path("c1/again")).unwrap();
    symlink("deep/a.yaml", fleet.path("c1/also.yaml")).unwrap();
    symlink("../_shared", fleet.path("c1/shared")).unwrap();
    let snapshot = fleet.observe();
    assert!(snapshot.findings.is_empty(), "{:?}", snapshot.findings);
    let names: Vec<_> = snapshot.facts("c1").unwrap().services["shop"].iter().map(|service| &*service.name).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn a_link_to_itself_is_unknown() {
    let fleet = TestFleet::new(&[]);
    symlink("loop.yaml", fleet.path("c1/loop.yaml")).unwrap();
    assert_eq!(why_unseen(&fleet.observe(), "c1"), "c1/loop.yaml cannot be read");
}
