//! The real Helm, as `cargo xtask servers` builds it, with folders of its own: nothing of the user's is read or written.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::programs;

/// Helm, for one test.
pub struct Helm {
    program: PathBuf,
    folder: TempDir,
}

/// What a run of it said.
#[derive(Debug, Clone)]
pub struct HelmSaid {
    /// Whether its exit status was 0.
    pub succeeded: bool,
    /// Its output.
    pub stdout: String,
    /// Its complaints.
    pub stderr: String,
}

impl Helm {
    /// None where it was not built: that is said on standard error, and it is a panic where `CI` is set.
    pub fn find() -> Option<Self> {
        let Some(program) = programs::find_program("helm") else {
            programs::skip("Helm is");
            return None;
        };
        Some(Self { program, folder: tempfile::tempdir().expect("a temporary folder") })
    }

    /// Runs it without any cluster.
    pub fn run(&self, arguments: &[&str]) -> HelmSaid {
        self.run_on(Path::new("/nonexistent/kubeconfig"), arguments)
    }

    /// Runs it on the cluster of a kubeconfig file's current context.
    pub fn run_on(&self, kubeconfig: &Path, arguments: &[&str]) -> HelmSaid {
        let folder = |name: &str| self.folder.path().join(name);
        let output = Command::new(&self.program)
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("HELM_CACHE_HOME", folder("cache"))
            .env("HELM_CONFIG_HOME", folder("config"))
            .env("HELM_DATA_HOME", folder("data"))
            .env("KUBECONFIG", kubeconfig)
            .output()
            .expect("the Helm that was just found starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        HelmSaid { succeeded: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}
