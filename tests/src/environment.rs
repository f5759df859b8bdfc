//! A place of its own for every run of the program: nothing of the machine shows, and nothing of one test in another.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tempfile::TempDir;

use crate::program;

/// What counts as now in every run.
pub const NOW: &str = "2026-03-01T12:00:00Z";

/// A temporary folder with a home, a configuration folder and a fleet.
///
/// Runs have no `MESH_FLEET`, no `NO_COLOR` and no kubeconfig, 100 columns, and [`NOW`] as their time. Use this for every
/// test of the command line:
///
/// ```no_run
/// use mesh_tests::TestEnv;
///
/// let env = TestEnv::new();
/// env.write("c1/shop.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n");
/// env.on_fleet(&["plan"]).assert().success();
/// ```
#[derive(Debug)]
pub struct TestEnv {
    folder: TempDir,
}

impl TestEnv {
    /// An empty fleet in an empty home.
    ///
    /// # Panics
    /// When the machine has no room for it.
    #[expect(clippy::new_without_default, reason = "it makes folders; a default would hide that")]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["home", "config", "fleet"] {
            fs::create_dir(folder.path().join(name)).expect("a folder of the test's own");
        }
        Self { folder }
    }

    /// The folder of everything; runs start in it.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The fleet's folder.
    pub fn fleet(&self) -> PathBuf {
        self.root().join("fleet")
    }

    /// The configuration folder (`XDG_CONFIG_HOME`).
    pub fn config(&self) -> PathBuf {
        self.root().join("config")
    }

    /// Writes a file of the fleet, and its folders.
    ///
    /// # Panics
    /// When that fails.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.fleet().join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder of the test's own");
        fs::write(path, text).expect("a file of the test's own");
    }

    /// A run of the program with these arguments.
    pub fn mesh(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(args)
            .current_dir(self.root())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.root().join("home"))
            .env("XDG_CONFIG_HOME", self.config())
            .env("COLUMNS", "100")
            .env("MESH_NOW", NOW);
        command
    }

    /// A run of the program on the fleet.
    pub fn on_fleet(&self, args: &[&str]) -> Command {
        let mut command = self.mesh(args);
        command.args(["--fleet", "fleet"]);
        command
    }
}
