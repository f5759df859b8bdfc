//! What bad input gets, on the side of fleets: a clear error or finding with the place, nothing half-written, no panic.

mod folders;
mod links;
mod manifests;
pub(crate) mod mounted;
mod writing;

use std::fs;
use std::path::{Path, PathBuf};

use mesh_fleet::directory::{DirectoryError, DirectoryFleet};
use mesh_model::finding::{Code, Finding};
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::kind::Kind;
use tempfile::TempDir;

/// A cluster with one namespace, so that it is not empty.
const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
const SERVICE: &str =
    "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec: {ports: [{port: 80}]}\n";

/// A fleet of cluster `c1` in a folder of its own.
struct TestFleet(TempDir);

impl TestFleet {
    fn new(files: &[(&str, &str)]) -> Self {
        let fleet = Self(tempfile::tempdir().expect("a temporary folder"));
        fleet.write("c1/namespace.yaml", NAMESPACE);
        for (path, text) in files {
            fleet.write(path, text);
        }
        fleet
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folders can be made");
        fs::write(path, text).expect("files can be written");
    }

    fn open(&self) -> Result<DirectoryFleet, DirectoryError> {
        DirectoryFleet::open(self.root(), None)
    }

    fn observe(&self) -> FleetSnapshot {
        self.open().expect("a fleet").observe()
    }

    /// Why it cannot be opened.
    fn refusal(&self) -> String {
        self.open().expect_err("no fleet").to_string()
    }
}

fn why_unseen(snapshot: &FleetSnapshot, cluster: &str) -> String {
    match &snapshot.members[cluster] {
        ClusterView::Unseen(unseen) => unseen.why.clone(),
        other => panic!("{cluster} is {other:?}"),
    }
}

fn unseen_kinds(snapshot: &FleetSnapshot) -> Vec<Kind> {
    snapshot.facts("c1").expect("c1 is seen").unseen.iter().copied().collect()
}

/// The finding of this code; there is exactly one.
fn the(snapshot: &FleetSnapshot, code: Code) -> &Finding {
    let found: Vec<_> = snapshot.findings.iter().filter(|finding| finding.code == code).collect();
    assert_eq!(found.len(), 1, "{code}: {:?}", snapshot.findings);
    found[0]
}

/// Ten to the twelfth values in a few lines of YAML.
pub(crate) fn alias_bomb() -> String {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &["a", &level.to_string(), ": &a", &level.to_string(), " [", &inner, "]\n"].concat();
    }
    bomb
}
