//! Desired objects as a folder of files (`render --output-dir`): `DIR/<cluster>/<namespace>/<kind>-<name>.yaml`.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use mesh_model::name::ClusterName;
use mesh_model::owned::{ADMIRAL_MARK, CREATED_BY, OUR_MARK};
use serde_json::Value;
use thiserror::Error;

use crate::decode::{Source, Whole, yaml_documents};
use crate::limits::MAX_FILE;
use crate::{emit, paths, store};

/// Why objects could not be written as files. Each file is whole or not there.
#[derive(Debug, Error)]
pub enum OutputError {
    /// A file of somebody else is in the way. Nothing was written.
    #[error("{} is not a generated object and would be overwritten; name another folder or move the file", path.display())]
    InTheWay {
        /// The file.
        path: PathBuf,
    },
    /// A link is in the way. Nothing was written.
    #[error("{} is a link; name another folder or remove the link", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{} cannot be written: {source}; make room or name another folder, and run again", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody interrupted.
    #[error("interrupted after {written} of {total} files; run again to complete them")]
    Interrupted {
        /// Files that are complete.
        written: usize,
        /// Files that were wanted.
        total: usize,
    },
}

/// What came of writing objects as files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Output {
    /// Files that were written.
    pub written: usize,
    /// Files that already were as they should be.
    pub unchanged: usize,
}

/// Writes manifests under `dir`, which may exist: generated objects in it are replaced, everything else stays, and what
/// stands in the way is an error before anything is written. `interrupted` is asked before each file.
pub fn render_to(
    dir: &Path,
    manifests: &[(ClusterName, Value)],
    interrupted: &dyn Fn() -> bool,
) -> Result<Output, OutputError> {
    let mut files: Vec<(PathBuf, String)> = Vec::with_capacity(manifests.len());
    for (cluster, manifest) in manifests {
        let path = path_of(dir, cluster, manifest);
        let text = emit::yaml(manifest);
        check(dir, &path)?;
        files.push((path, text));
    }
    files.sort();
    let mut output = Output::default();
    for (path, text) in &files {
        if interrupted() {
            return Err(OutputError::Interrupted { written: output.written, total: files.len() });
        }
        let failed = |source| OutputError::Write { path: path.clone(), source };
        if store::read_text(path, MAX_FILE).is_ok_and(|known| known == *text) {
            output.unchanged += 1;
            continue;
        }
        fs::create_dir_all(path.parent().unwrap_or(dir)).map_err(failed)?;
        match store::create(path, text.as_bytes()) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => store::replace(path, text.as_bytes()),
            other => other,
        }
        .map_err(failed)?;
        output.written += 1;
    }
    Ok(output)
}

fn path_of(dir: &Path, cluster: &ClusterName, manifest: &Value) -> PathBuf {
    let metadata = &manifest["metadata"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let namespace = match metadata["namespace"].as_str() {
        Some(namespace) if !namespace.is_empty() => paths::folder_name(namespace),
        _ => paths::CLUSTER_SCOPED.to_owned(),
    };
    let name = paths::file_name(&text(&manifest["kind"]), &text(&metadata["name"]));
    dir.join(paths::folder_name(cluster)).join(namespace).join(name)
}

/// Refuses a link below `dir`, and a file that is not a generated object.
fn check(dir: &Path, path: &Path) -> Result<(), OutputError> {
    for part in path.ancestors().take_while(|part| *part != dir) {
        match fs::symlink_metadata(part) {
            Ok(metadata) if metadata.is_symlink() => return Err(OutputError::Link { path: part.to_owned() }),
            Ok(metadata) if part == path && !(metadata.is_file() && is_generated(path)) => {
                return Err(OutputError::InTheWay { path: path.to_owned() });
            }
            // What is not there yet, or is not a folder, shows when it is written.
            _ => {}
        }
    }
    Ok(())
}

fn is_generated(path: &Path) -> bool {
    let Ok(text) = store::read_text(path, MAX_FILE) else { return false };
    let documents = yaml_documents(&text);
    let [document] = documents.as_slice() else { return false };
    let Source::Yaml(text) = document.source else { return false };
    Source::Yaml(text).read::<Whole>().is_ok_and(|Whole(object)| {
        let mark = &object["metadata"]["annotations"][CREATED_BY];
        mark == OUR_MARK || mark == ADMIRAL_MARK
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(cluster: &str, name: &str) -> (ClusterName, Value) {
        let manifest = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
            "metadata": {"name": name, "namespace": "mesh-sync", "annotations": {CREATED_BY: OUR_MARK}},
            "spec": {"hosts": ["stage.a.global"]},
        });
        (ClusterName::parse(cluster).unwrap(), manifest)
    }

    #[test]
    fn objects_become_files_and_the_second_time_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("out");
        let objects = [entry("c1", "a-se"), entry("a/b", "a-se")];
        assert_eq!(render_to(&dir, &objects, &|| false).unwrap(), Output { written: 2, unchanged: 0 });
        let path = dir.join("c1/mesh-sync/serviceentry-a-se.yaml");
        assert!(
            fs::read_to_string(&path).unwrap().starts_with("apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n")
        );
        assert!(dir.join("a%2Fb/mesh-sync/serviceentry-a-se.yaml").is_file());
        fs::write(dir.join("README.md"), "mine").unwrap();
        assert_eq!(render_to(&dir, &objects, &|| false).unwrap(), Output { written: 0, unchanged: 2 });
        fs::write(&path, fs::read_to_string(&path).unwrap().replace("stage.a", "stage.b")).unwrap();
        assert_eq!(render_to(&dir, &objects, &|| false).unwrap(), Output { written: 1, unchanged: 1 });
        assert_eq!(fs::read_to_string(dir.join("README.md")).unwrap(), "mine");
    }

    #[test]
    fn a_file_of_somebody_else_stops_it_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let path = dir.join("c2/mesh-sync/serviceentry-a-se.yaml");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "kind: Deployment\n").unwrap();
        let error = render_to(dir, &[entry("c1", "a-se"), entry("c2", "a-se")], &|| false).unwrap_err();
        assert!(matches!(error, OutputError::InTheWay { .. }), "{error}");
        assert!(!dir.join("c1").exists());
        assert_eq!(fs::read_to_string(&path).unwrap(), "kind: Deployment\n");
    }

    #[cfg(unix)]
    #[test]
    fn links_in_the_folder_are_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("c1")).unwrap();
        let error = render_to(folder.path(), &[entry("c1", "a-se")], &|| false).unwrap_err();
        assert!(matches!(error, OutputError::Link { .. }), "{error}");
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_interrupt_says_how_far_it_came() {
        let folder = tempfile::tempdir().unwrap();
        let asked = std::cell::Cell::new(0);
        let interrupted = || asked.replace(asked.get() + 1) == 1;
        let error = render_to(folder.path(), &[entry("c1", "a"), entry("c2", "a")], &interrupted).unwrap_err();
        assert!(error.to_string().starts_with("interrupted after 1 of 2 files"), "{error}");
    }
}
