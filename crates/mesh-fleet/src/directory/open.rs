//! Opening a fleet: what makes a folder unusable as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use mesh_model::limits::MAX_POLICY;
use mesh_model::name::ClusterName;
use mesh_model::policy::{self, MeshPolicy};

use super::members::{self, Place};
use super::walk::{self, LinkProblem};
use super::{DirectoryError, DirectoryFleet, POLICY_FILE, read};
use crate::decode::{ClusterDecoder, Interner, KUBE_SYSTEM};
use crate::limits::MAX_FILE;
use crate::store;

pub(super) fn open(root: &Path, given: Option<MeshPolicy>) -> Result<DirectoryFleet, DirectoryError> {
    let real_root = real_folder(root)?;
    let policy = match given {
        Some(policy) => policy,
        None => stored_policy(root)?.unwrap_or_default(),
    };
    let folders = members::folders(root).map_err(|error| unreadable(root, &error))?;
    if folders.clusters.is_empty() && folders.misnamed.is_empty() && policy.fleet.members.is_empty() {
        return Err(DirectoryError::Empty { path: root.to_owned() });
    }
    let fleet = DirectoryFleet { root: root.to_owned(), real_root, policy };
    let places = members::members(&fleet.policy, &folders);
    if let Some(twice) = places.windows(2).find(|two| two[0].name == two[1].name) {
        return Err(DirectoryError::TwoMembersOneName { name: twice[0].name.clone() });
    }
    refuse_one_uid(&fleet, &places)?;
    Ok(fleet)
}

pub(super) fn stored_policy(root: &Path) -> Result<Option<MeshPolicy>, DirectoryError> {
    let path = root.join(POLICY_FILE);
    Ok(match policy_text(root)? {
        Some(text) => Some(policy::parse(&text, &path.display().to_string())?),
        None => None,
    })
}

/// The text of the policy's file, if there is one.
pub(super) fn policy_text(root: &Path) -> Result<Option<String>, DirectoryError> {
    let real_root = real_folder(root)?;
    let path = root.join(POLICY_FILE);
    let bad = |problem: String| DirectoryError::PolicyFile { path: path.clone(), problem };
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        // Nothing was said of the file: it is the folder that may not be looked into.
        Err(error) => return Err(unreadable(root, &error)),
        Ok(_) => {}
    }
    walk::inside(&real_root, &path).map_err(|problem| match problem {
        LinkProblem::Leaves => bad("is a link that leaves the fleet".to_owned()),
        LinkProblem::Broken(problem) => bad(problem),
    })?;
    let text = store::read_text(&path, MAX_POLICY as u64).map_err(bad)?;
    Ok(Some(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()))
}

fn real_folder(root: &Path) -> Result<std::path::PathBuf, DirectoryError> {
    let path = || root.to_owned();
    let metadata = fs::metadata(root).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => DirectoryError::Missing { path: path() },
        _ => unreadable(root, &error),
    })?;
    if !metadata.is_dir() {
        return Err(DirectoryError::NotAFolder { path: path() });
    }
    fs::canonicalize(root).map_err(|error| unreadable(root, &error))
}

fn unreadable(root: &Path, error: &io::Error) -> DirectoryError {
    DirectoryError::Unreadable { path: root.to_owned(), problem: error.to_string() }
}

/// Two folders with one UID are one cluster, read and written twice.
fn refuse_one_uid(fleet: &DirectoryFleet, places: &[Place<'_>]) -> Result<(), DirectoryError> {
    let mut known: BTreeMap<Arc<str>, &ClusterName> = BTreeMap::new();
    for place in places {
        let Some(uid) = place.folder.and_then(|folder| uid_in(fleet, place.name, folder)) else { continue };
        if let Some(first) = known.insert(uid.clone(), place.name) {
            let second = place.name.clone();
            return Err(DirectoryError::TwoMembersOneUid { first: first.clone(), second, uid: uid.to_string() });
        }
    }
    Ok(())
}

/// The UID of the `kube-system` namespace in a folder. Decodes only the documents that can have it.
fn uid_in(fleet: &DirectoryFleet, cluster: &ClusterName, folder: &Path) -> Option<Arc<str>> {
    let found = walk::walk(&fleet.real_root, folder, cluster);
    let mut interner = Interner::default();
    let mut decoder = ClusterDecoder::new(cluster.clone(), &fleet.policy, &mut interner);
    for manifest in &found.files {
        if let Ok(text) = store::read_text(&manifest.path, MAX_FILE)
            && text.contains(KUBE_SYSTEM)
        {
            read::take_file(&mut decoder, manifest, &text, |document| document.contains(KUBE_SYSTEM));
        }
    }
    decoder.finish().facts.uid
}
