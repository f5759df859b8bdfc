//! Writing a plan into a directory fleet.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mesh_model::name::ClusterName;
use mesh_model::owned::{ObjectKey, OwnedObject};
use mesh_plan::manifest;
use mesh_plan::plan::{Action, Plan, Step};
use mesh_plan::writing::in_order;

use super::read::may_be_rewritten;
use super::rewrite::{Rewrite, sole_document};
use super::walk::{self, FoundFile};
use super::{DirectoryFleet, members};
use crate::gate::{Gate, Leave, incomplete, with};
use crate::limits::MAX_FILE;

use crate::report::{ApplyReport, Outcome, StepResult};
use crate::{emit, paths, store};

pub(super) fn apply(fleet: &DirectoryFleet, plan: &Plan, interrupted: &dyn Fn() -> bool) -> ApplyReport {
    let mut writer = Writer { fleet, clusters: BTreeMap::new(), folders: members::folders(&fleet.root).ok() };
    let mut report = ApplyReport::default();
    let mut gate = Gate::default();
    for step in in_order(plan) {
        report.interrupted = report.interrupted || interrupted();
        // A folder routes nothing: what leads to a file that comes later in the same run may be written before it.
        let outcome = match gate.leave(step) {
            _ if report.interrupted => Outcome::NotTried("interrupted".to_owned()),
            Leave::Nothing(stopped) => stopped,
            Leave::Everything => writer.write(step).unwrap_or_else(|problem| problem),
            Leave::Part(body, source) => {
                let written = writer.write(&with(step, body)).unwrap_or_else(|problem| problem);
                if written.is_written() { incomplete(&source) } else { written }
            }
        };
        gate.note(step, &outcome);
        report.results.push(StepResult { cluster: step.cluster.clone(), key: step.key.clone(), outcome });
    }
    report
}

struct Writer<'f> {
    fleet: &'f DirectoryFleet,
    folders: Option<members::Folders>,
    clusters: BTreeMap<ClusterName, Result<Cluster, String>>,
}

/// A cluster that is written to.
struct Cluster {
    /// Its folder, without links.
    folder: PathBuf,
    /// Its files with generated objects by digest; read when an object is not in the file of its name.
    by_digest: Option<BTreeMap<String, FoundFile>>,
}

/// What stopped a step.
type Stopped = Outcome;

impl Writer<'_> {
    fn write(&mut self, step: &Step) -> Result<Outcome, Stopped> {
        let real_root = &self.fleet.real_root;
        let namespace = &step.key.namespace;
        let cluster = self.cluster(&step.cluster)?;
        let folder = cluster.folder.join(&**namespace);
        match &step.action {
            Action::Hold { .. } => Ok(Outcome::NotTried("held".to_owned())),
            Action::Create { body } => {
                own_folder(&folder, &format!("{}/{namespace}", step.cluster))?;
                let name = paths::file_name(step.key.kind.as_str(), &step.key.name);
                let text = emit::yaml(&manifest::created(body));
                match store::create(&folder.join(&name), text.as_bytes()) {
                    Ok(()) => Ok(Outcome::Created),
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                        Err(Outcome::Moved(format!("{}/{namespace}/{name} is there already", step.cluster)))
                    }
                    Err(error) => Err(Outcome::Failed(format!("{}/{namespace}/{name}: {error}", step.cluster))),
                }
            }
            Action::Update { base, body } => {
                let (found, text) = cluster.find(real_root, &step.cluster, &folder, &step.key, base)?;
                let rewrite = Rewrite::of(&found, &text).map_err(Outcome::Failed)?;
                let text = rewrite.with(&manifest::updated(base, body));
                store::replace(&found.path, text.as_bytes()).map_err(|error| failed(&found, &error))?;
                Ok(Outcome::Updated)
            }
            Action::Delete { base } => {
                let (found, text) = cluster.find(real_root, &step.cluster, &folder, &step.key, base)?;
                sole_document(&found, &text).map_err(Outcome::Failed)?;
                store::remove(&found.path).map_err(|error| failed(&found, &error))?;
                Ok(Outcome::Deleted)
            }
        }
    }

    fn cluster(&mut self, name: &ClusterName) -> Result<&mut Cluster, Stopped> {
        let opened = self.clusters.entry(name.clone()).or_insert_with(|| {
            let folder = self.folders.as_ref().and_then(|folders| folders.clusters.get(name));
            let folder = folder.ok_or_else(|| "no folder of that name".to_owned())?;
            open_cluster(&self.fleet.real_root, name, folder)
        });
        opened.as_mut().map_err(|problem| Outcome::Failed(problem.clone()))
    }
}

/// A cluster's folder may be a link, but not to where another cluster's files are.
fn open_cluster(real_root: &Path, name: &ClusterName, folder: &Path) -> Result<Cluster, String> {
    let real = walk::inside(real_root, folder).map_err(|_| format!("{name} is a link that leaves the fleet"))?;
    let own = real_root.join(&**name);
    let first = real.strip_prefix(real_root).ok().and_then(|inner| inner.components().next());
    let shared = first.is_some_and(|first| {
        let first = first.as_os_str().to_string_lossy();
        *first != **name && !first.starts_with(['.', '_'])
    });
    if real != own && (shared || first.is_none()) {
        return Err(format!("{name} is a link to the files of another cluster; give it a folder of its own"));
    }
    Ok(Cluster { folder: real, by_digest: None })
}

impl Cluster {
    /// The file that `base` was read from, still as it was, and its text.
    fn find(
        &mut self,
        real_root: &Path,
        name: &ClusterName,
        sync_folder: &Path,
        key: &ObjectKey,
        base: &OwnedObject,
    ) -> Result<(FoundFile, String), Stopped> {
        let usual = paths::file_name(key.kind.as_str(), &key.name);
        let shown = format!("{name}/{}/{usual}", key.namespace);
        let usual = FoundFile { shown, path: sync_folder.join(usual), linked: is_link(sync_folder) };
        if !is_link(&usual.path)
            && let Some(text) = text_of_version(&usual.path, &base.version)
        {
            return self.own(usual, text);
        }
        let by_digest = self.by_digest.get_or_insert_with(|| {
            let found = walk::walk(real_root, &self.folder, name);
            let digests = found.files.into_iter().rev().filter_map(|file| {
                let text = store::read_text(&file.path, MAX_FILE).ok()?;
                may_be_rewritten(&text).then(|| (store::digest(text.as_bytes()), file))
            });
            digests.collect()
        });
        let moved = || Outcome::Moved("it is not as it was read; run again".to_owned());
        let found = by_digest.get(&*base.version).cloned().ok_or_else(moved)?;
        let text = text_of_version(&found.path, &base.version).ok_or_else(moved)?;
        self.own(found, text)
    }

    /// Only the cluster's own files are written: what a link leads to may be another's.
    fn own(&self, found: FoundFile, text: String) -> Result<(FoundFile, String), Stopped> {
        if found.linked || !found.path.starts_with(&self.folder) {
            return Err(Outcome::Failed(format!(
                "{} is reached through a link; move it into a file of the cluster's own",
                found.shown
            )));
        }
        Ok((found, text))
    }
}

/// Makes sure that the sync folder is there, and the cluster's own.
fn own_folder(folder: &Path, shown: &str) -> Result<(), Stopped> {
    let problem = match fs::symlink_metadata(folder) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(metadata) if metadata.is_symlink() => {
            "is a link; generated objects need a folder of the cluster's own".to_owned()
        }
        Ok(_) => "is not a folder".to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => match store::create_folder(folder) {
            Ok(()) => return Ok(()),
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    };
    Err(Outcome::Failed(format!("{shown}: {problem}")))
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

fn text_of_version(path: &Path, version: &str) -> Option<String> {
    store::read_text(path, MAX_FILE).ok().filter(|text| store::digest(text.as_bytes()) == version)
}

fn failed(found: &FoundFile, error: &std::io::Error) -> Stopped {
    Outcome::Failed(format!("{}: {error}", found.shown))
}

#[cfg(test)]
mod tests;
