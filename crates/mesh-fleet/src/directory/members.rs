//! Who takes part: the policy's members, else the folders.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mesh_model::name::{ClusterName, NameError};
use mesh_model::policy::{Member, MeshPolicy};

/// The cluster folders of a fleet.
#[derive(Debug, Default)]
pub(super) struct Folders {
    /// Folders by the cluster that they are of.
    pub(super) clusters: BTreeMap<ClusterName, PathBuf>,
    /// Folders whose name is not a cluster's.
    pub(super) misnamed: Vec<NameError>,
}

/// A member, and its folder if it has one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) name: &'a ClusterName,
    pub(super) folder: Option<&'a Path>,
    pub(super) member: Option<&'a Member>,
}

/// The direct subfolders whose names start with neither a dot nor an underscore, links to folders included.
pub(super) fn folders(root: &Path) -> io::Result<Folders> {
    let mut found = Folders::default();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // A link is a cluster whatever it leads to: a link that leads nowhere is unseen, not absent.
        let kind = entry.file_type()?;
        let is_cluster = kind.is_dir() || (kind.is_symlink() && !leads_to_file(&entry.path()));
        if name.starts_with(['.', '_']) || !is_cluster {
            continue;
        }
        match ClusterName::parse(&name) {
            Ok(cluster) => {
                found.clusters.insert(cluster, entry.path());
            }
            Err(error) => found.misnamed.push(error),
        }
    }
    found.misnamed.sort_by(|a, b| a.text.cmp(&b.text));
    Ok(found)
}

/// The members in order of their names: the policy's, else one a folder.
pub(super) fn members<'a>(policy: &'a MeshPolicy, folders: &'a Folders) -> Vec<Place<'a>> {
    let listed = &policy.fleet.members;
    let mut places: Vec<_> = if listed.is_empty() {
        folders.clusters.iter().map(|(name, folder)| Place { name, folder: Some(folder), member: None }).collect()
    } else {
        let place = |member: &'a Member| Place {
            name: &member.name,
            folder: folders.clusters.get(&member.name).map(PathBuf::as_path),
            member: Some(member),
        };
        listed.iter().map(place).collect()
    };
    places.sort_by(|a, b| a.name.cmp(b.name));
    places
}

fn leads_to_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_dir())
}
