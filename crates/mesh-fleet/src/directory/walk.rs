//! The manifest files of a folder. Links are followed only inside the fleet, and nothing is read twice.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use crate::limits::{MAX_FILES, MAX_FOLDER_DEPTH};

/// What a folder holds.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Its manifest files, sorted by their path in the fleet.
    pub(crate) files: Vec<FoundFile>,
    /// What could not be followed or listed.
    pub(crate) troubles: Vec<Trouble>,
}

/// A manifest file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FoundFile {
    /// Its path in the fleet, as a person would write it: `c1/10.yaml`.
    pub(crate) shown: String,
    /// Where it is, without links.
    pub(crate) path: PathBuf,
    /// Whether it was reached through a link.
    pub(crate) linked: bool,
}

/// What could not be followed or listed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A link that leaves the fleet, or leads nowhere.
    Leaves {
        /// The link, in the fleet.
        shown: String,
    },
    /// A folder or link that cannot be read, or a bound.
    Unreadable {
        /// Where, in the fleet.
        shown: String,
        /// What is wrong.
        problem: String,
    },
}

/// Lists the manifests under `folder`, which is shown as `shown`; `real_root` is the fleet's folder without links.
pub(crate) fn walk(real_root: &Path, folder: &Path, shown: &str) -> Walk {
    let mut walker = Walker { real_root, found: Walk::default(), visited: BTreeSet::new(), links: VecDeque::new() };
    walker.follow(folder, shown.to_owned(), false);
    // Links come last: what they lead to is shown under its own name if it has one here.
    while let Some((link, shown)) = walker.links.pop_front() {
        walker.follow(&link, shown, true);
    }
    walker.found.files.sort();
    walker.found
}

/// Where `path` leads, if that is inside the fleet.
pub(crate) fn inside(real_root: &Path, path: &Path) -> Result<PathBuf, LinkProblem> {
    let real = fs::canonicalize(path).map_err(|error| LinkProblem::Broken(error.to_string()))?;
    if real.starts_with(real_root) { Ok(real) } else { Err(LinkProblem::Leaves) }
}

/// Why a path does not lead into the fleet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LinkProblem {
    Leaves,
    Broken(String),
}

struct Walker<'r> {
    real_root: &'r Path,
    found: Walk,
    visited: BTreeSet<PathBuf>,
    links: VecDeque<(PathBuf, String)>,
}

impl Walker<'_> {
    /// Follows the cluster's folder itself, or a link in it.
    fn follow(&mut self, path: &Path, shown: String, linked: bool) {
        match inside(self.real_root, path) {
            Ok(real) if real.is_dir() => self.folder(&real, &shown, linked, 0),
            Ok(real) => self.file(real, shown, linked),
            // A link to some other sort of file is of no interest, wherever it leads.
            Err(_) if linked && has_other_extension(path) => {}
            Err(LinkProblem::Leaves) => self.found.troubles.push(Trouble::Leaves { shown }),
            Err(LinkProblem::Broken(problem)) => self.found.troubles.push(Trouble::Unreadable { shown, problem }),
        }
    }

    /// `real` has no links in it, so that joining a plain entry's name has none either.
    fn folder(&mut self, real: &Path, shown: &str, linked: bool, depth: usize) {
        if depth > MAX_FOLDER_DEPTH {
            return self.trouble(shown, format!("is more than {MAX_FOLDER_DEPTH} folders deep"));
        }
        if !self.visited.insert(real.to_owned()) {
            return;
        }
        let entries = match fs::read_dir(real).and_then(Iterator::collect::<Result<Vec<DirEntry>, _>>) {
            Ok(entries) => entries,
            Err(error) => return self.trouble(shown, error.to_string()),
        };
        for entry in entries {
            let name = entry.file_name();
            let text = name.to_string_lossy();
            if text.starts_with('.') {
                continue;
            }
            let shown = format!("{shown}/{text}");
            match entry.file_type() {
                Ok(kind) if kind.is_symlink() => self.links.push_back((entry.path(), shown)),
                Ok(kind) if kind.is_dir() => self.folder(&real.join(&name), &shown, linked, depth + 1),
                Ok(_) => self.file(real.join(&name), shown, linked),
                Err(error) => self.trouble(&shown, error.to_string()),
            }
        }
    }

    fn file(&mut self, path: PathBuf, shown: String, linked: bool) {
        if !is_manifest(Path::new(&shown)) || !self.visited.insert(path.clone()) {
            return;
        }
        match self.found.files.len() {
            0..MAX_FILES => self.found.files.push(FoundFile { shown, path, linked }),
            MAX_FILES if self.found.troubles.is_empty() => {
                self.trouble(&shown, format!("is one of more than {MAX_FILES} files"));
            }
            _ => {}
        }
    }

    fn trouble(&mut self, shown: &str, problem: String) {
        self.found.troubles.push(Trouble::Unreadable { shown: shown.to_owned(), problem });
    }
}

fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|e| ["yaml", "yml", "json"].iter().any(|known| e.eq_ignore_ascii_case(known)))
}

fn has_other_extension(path: &Path) -> bool {
    path.extension().is_some() && !is_manifest(path)
}
