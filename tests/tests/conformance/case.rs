//! A case as it lies in `tests/conformance`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use mesh_model::policy::{MeshPolicy, import_admiral_flags};
use serde_json::Value;

/// One fleet, its changes, and what Admiral wrote for it.
pub(super) struct Case {
    /// The folder's name.
    pub(super) name: String,
    /// The folder.
    pub(super) dir: PathBuf,
    /// Every cluster of any step.
    pub(super) clusters: BTreeSet<String>,
    /// Step 1 is the fleet as it is.
    pub(super) steps: Vec<Step>,
    /// Objects whose difference is by design or waits for a feature.
    pub(super) explained: Vec<Row>,
    /// The same when each step's output is live in the next.
    pub(super) explained_live: Vec<Row>,
}

/// One step of a case.
pub(super) struct Step {
    /// Counted from 1.
    pub(super) number: usize,
    /// `stepN`, none for the first.
    pub(super) changes: Option<PathBuf>,
    /// The policy that counts in this step.
    pub(super) policy: MeshPolicy,
    /// What Admiral left in each cluster.
    pub(super) expected: BTreeMap<String, Vec<Value>>,
}

/// One line of `explained.txt`: `step cluster kind name  # reason`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) step: usize,
    pub(super) cluster: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) reason: String,
}

impl Case {
    /// Loads every case of `dir`, sorted by name.
    pub(super) fn load_all(dir: &Path) -> Vec<Self> {
        folders(dir).iter().map(|case| Self::load(case)).collect()
    }

    /// Loads one case.
    pub(super) fn load(dir: &Path) -> Self {
        let name = dir.file_name().unwrap().to_string_lossy().into_owned();
        let flags = fs::read_to_string(dir.join("admiral-flags.txt")).unwrap();
        let imported = import_admiral_flags(&flags).unwrap_or_else(|error| panic!("{name}/admiral-flags.txt: {error}"));

        let mut clusters = BTreeSet::new();
        let mut steps = Vec::new();
        for number in 1.. {
            let suffix = if number == 1 { String::new() } else { format!("-step{number}") };
            let expected = dir.join(format!("expected{suffix}"));
            if !expected.is_dir() {
                break;
            }
            let changes = (number > 1).then(|| dir.join(format!("step{number}"))).filter(|changes| changes.is_dir());
            clusters.extend(changes.iter().flat_map(|changes| folders(changes)).map(|folder| file_name(&folder)));
            let expected =
                files(&expected).iter().map(|file| (stem(file), documents(file))).collect::<BTreeMap<_, _>>();
            clusters.extend(expected.keys().cloned());
            steps.push(Step { number, changes, policy: imported.policy.clone(), expected });
        }
        let known = |folder: &String| !folder.starts_with("expected") && !folder.starts_with("step");
        clusters.extend(folders(dir).iter().map(|folder| file_name(folder)).filter(known));

        let explained = rows(&dir.join("explained.txt")).unwrap_or_default();
        let explained_live = rows(&dir.join("explained-live.txt")).unwrap_or_else(|| explained.clone());
        let waiting = rows(&dir.join("waiting.txt")).unwrap_or_default();
        let waiting_live = rows(&dir.join("waiting-live.txt")).unwrap_or_else(|| waiting.clone());
        Self {
            name,
            dir: dir.to_owned(),
            clusters,
            steps,
            explained: [explained, waiting].concat(),
            explained_live: [explained_live, waiting_live].concat(),
        }
    }

    /// One expected object, to be doctored.
    pub(super) fn expected(&mut self, step: usize, cluster: &str, kind: &str, name: &str) -> &mut Value {
        let objects = self.steps[step - 1].expected.get_mut(cluster).expect("a cluster of the case");
        let is_it = |object: &&mut Value| object["kind"] == kind && object["metadata"]["name"] == name;
        objects.iter_mut().find(is_it).expect("an object of the case")
    }
}

impl Row {
    /// Parses a line; `None` when it is not one.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (object, reason) = line.split_once('#')?;
        let [step, cluster, kind, name] = object.split_whitespace().collect::<Vec<_>>().try_into().ok()?;
        Some(Self {
            step: step.strip_prefix("step")?.parse().ok()?,
            cluster: cluster.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            reason: reason.trim().to_owned(),
        })
    }
}

fn rows(file: &Path) -> Option<Vec<Row>> {
    let text = fs::read_to_string(file).ok()?;
    let parse = |line| Row::parse(line).unwrap_or_else(|| panic!("{}: {line}", file.display()));
    Some(text.lines().filter(|line| !line.trim().is_empty()).map(parse).collect())
}

/// The documents of a YAML file.
pub(super) fn documents(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let all: Vec<Value> =
        serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    all.into_iter().filter(|document| !document.is_null()).collect()
}

/// The folders in `dir`, sorted.
pub(super) fn folders(dir: &Path) -> Vec<PathBuf> {
    entries(dir).into_iter().filter(|path| path.is_dir()).collect()
}

/// The files in `dir`, sorted.
pub(super) fn files(dir: &Path) -> Vec<PathBuf> {
    entries(dir).into_iter().filter(|path| path.is_file()).collect()
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The last part of a path.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}
