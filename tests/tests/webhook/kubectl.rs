//! The real kubectl, as somebody in front of the cluster.

use std::fs;
use std::path::Path;
use std::process::Command;

use mesh_tests::skipped_without;
use serde_json::Value;
use tempfile::TempDir;

const DENIED: &str = "admission webhook \"names.kubectl-mesh.io\" denied the request: ";

/// A kubectl with folders of its own.
pub(super) struct Kubectl {
    folder: TempDir,
}

/// What it said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Kubectl {
    /// Of whom a kubeconfig is; none where there is no kubectl.
    pub(super) fn of(kubeconfig: &str) -> Option<Self> {
        let found = Command::new("kubectl").args(["version", "--client"]).output();
        if !found.is_ok_and(|output| output.status.success()) {
            skipped_without("kubectl");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("kubeconfig"), kubeconfig).unwrap();
        Some(Self { folder })
    }

    /// Runs in a folder with the files that were written.
    pub(super) fn runs(&self, words: &[&str]) -> Said {
        let mut command = Command::new("kubectl");
        command.args(words).current_dir(self.folder.path()).env("HOME", self.folder.path());
        command.env("KUBECONFIG", "kubeconfig").env("KUBE_EDITOR", "sed -i -e s/thief$/checkout/ -e s/app:1$/app:7/");
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    pub(super) fn write(&self, name: &str, object: &Value) {
        fs::write(self.folder.path().join(name), object.to_string()).unwrap();
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Said {
    #[track_caller]
    pub(super) fn goes_on(&self, stdout: &str) {
        assert_eq!((self.code, &*self.stdout, &*self.stderr), (Some(0), stdout, ""));
    }

    /// That it is refused, by a line that says what was done and ends in the refusal, whole.
    #[track_caller]
    pub(super) fn is_refused(&self, doing: &str, refusal: &str) {
        assert_ne!(self.code, Some(0), "{self:?}");
        let end = format!("{DENIED}{refusal}");
        let is_told = self.stderr.lines().any(|line| line.contains(doing) && line.ends_with(&end));
        assert!(is_told, "no {doing}…{end}\nin\n{}", self.stderr);
    }
}
