//! The generated pages of docs/ are those that the program makes now.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mesh_tests::program;

#[test]
fn the_generated_pages_are_fresh() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(program()).arg("__docs").arg(folder.path()).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let fresh = pages(folder.path());
    assert!(fresh.keys().any(|page| page.ends_with("kubectl-mesh.1")), "there are manual pages: {:?}", fresh.keys());
    let committed = pages(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs"));
    let mut stale = Vec::new();
    for page in fresh.keys().chain(committed.keys()) {
        if fresh.get(page) != committed.get(page) {
            stale.push(page);
        }
    }
    stale.sort();
    stale.dedup();
    assert!(stale.is_empty(), "run `cargo xtask docs`: stale or left over: {stale:?}");
}

/// The generated pages under a folder `docs`, by path.
fn pages(docs: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = vec![PathBuf::from("commands.md"), PathBuf::from("findings.md")];
    let manual = fs::read_dir(docs.join("man")).into_iter().flatten();
    files.extend(manual.map(|entry| Path::new("man").join(entry.unwrap().file_name())));
    files.into_iter().filter_map(|file| Some((file.clone(), fs::read_to_string(docs.join(&file)).ok()?))).collect()
}

#[test]
fn every_code_of_the_webhook_has_a_row() {
    let page = webhook_page();
    let rows: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("| MESH-")?.split(' ').next()).collect();
    assert_eq!(rows, webhook_codes().iter().filter_map(|code| code.strip_prefix("MESH-")).collect::<Vec<_>>());
}

#[test]
fn every_code_stands_in_the_table_of_engines() {
    let page = webhook_page();
    let section = page.split("\n## ").find(|section| section.starts_with("Without the webhook")).unwrap();
    let table: String = section.lines().skip_while(|line| !line.starts_with("| code")).collect();
    for code in webhook_codes() {
        assert!(table.contains(code.trim_start_matches("MESH-")), "{code}");
    }
}

fn webhook_page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/webhook.md")).unwrap()
}

/// Of refusals and warnings, in order.
fn webhook_codes() -> Vec<String> {
    let refusals = mesh_admission::RefusalCode::ALL.iter().map(ToString::to_string);
    let warnings = mesh_admission::WarningCode::ALL.iter().map(ToString::to_string);
    // The API server itself says that the glass was broken.
    let mut codes: Vec<String> = refusals.chain(warnings).chain(["MESH-W204".to_owned()]).collect();
    codes.sort();
    codes
}
