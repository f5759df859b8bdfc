//! Reading one member of a directory fleet.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use mesh_model::finding::{Code, Finding};
use mesh_model::fleet::ClusterView;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::owned::CREATED_BY;
use mesh_model::policy::MemberState;

use super::members::Place;
use super::rewrite;
use super::walk::{self, FoundFile, LinkProblem, Trouble};
use super::{DirectoryFleet, UNSEEN_FILE};
use crate::decode::{
    ClusterDecoder, Decoded, Interner, Place as DocumentPlace, json_documents, may_hold_claims, yaml_documents,
};
use crate::fleet::Depth;
use crate::limits::{MAX_FILE, MAX_UNSEEN};
use crate::{sight, store};

/// Reads a member: what is known of it, and what was found on the way.
pub(super) fn member(fleet: &DirectoryFleet, place: Place<'_>, interner: &mut Interner) -> (ClusterView, Vec<Finding>) {
    let name = place.name;
    let mut findings = Vec::new();
    let read = match place.folder {
        None => Err("no folder of that name".to_owned()),
        Some(folder) => read_cluster(fleet, name, folder, interner, &mut findings),
    };
    let read = read.and_then(|decoded| {
        let wanted = place.member.and_then(|member| member.uid.as_deref());
        let other = wanted.zip(decoded.facts.uid.as_deref()).is_some_and(|(wanted, found)| wanted != found);
        match decoded.unreadable {
            Some(why) => Err(why),
            None if other => Err("other UID: the folder is of another cluster than the member".to_owned()),
            None if decoded.objects == 0 => Err("its folder has no object".to_owned()),
            None => Ok(Arc::new(decoded.facts)),
        }
    });
    let retired = place.member.is_some_and(|member| member.state == MemberState::Retired);
    let view = sight::view(name, retired, read, &mut findings);
    (view, findings)
}

/// Reads the folder of a cluster. An error is why nothing of it can be known.
fn read_cluster(
    fleet: &DirectoryFleet,
    name: &ClusterName,
    folder: &Path,
    interner: &mut Interner,
    findings: &mut Vec<Finding>,
) -> Result<Decoded, String> {
    let marked = marked_unseen(&fleet.real_root, folder, name)?;
    let found = walk::walk(&fleet.real_root, folder, name);
    let mut decoder = ClusterDecoder::new(name.clone(), &fleet.policy, interner).to(Depth::Traffic);
    for kind in marked {
        decoder.mark_unseen(kind, &format!("{name}/{UNSEEN_FILE}"), format!("{kind} is marked as unseen"));
    }
    for trouble in &found.troubles {
        let (code, shown, message) = match trouble {
            Trouble::Leaves { shown } => {
                (Code::LinkLeavesFleet, shown, "is a link that leaves the fleet; it is not followed".to_owned())
            }
            Trouble::Unreadable { shown, problem } => {
                (Code::UnreadableDocument, shown, format!("cannot be read: {problem}"))
            }
        };
        decoder.mark_unreadable(match trouble {
            Trouble::Leaves { .. } => format!("{shown} is a link that leaves the fleet"),
            Trouble::Unreadable { .. } => format!("{shown} cannot be read"),
        });
        decoder.find(Finding::new(code, Some(name), shown.as_str(), message));
    }
    for manifest in &found.files {
        match store::read_text(&manifest.path, MAX_FILE) {
            Ok(text) => take_file(&mut decoder, manifest, &text, |_| true),
            Err(problem) => {
                decoder.mark_unreadable(format!("{} cannot be read", manifest.shown));
                let message = format!("cannot be read: {problem}");
                decoder.find(Finding::new(Code::UnreadableDocument, Some(name), manifest.shown.as_str(), message));
            }
        }
    }
    let mut read = decoder.finish();
    // A mesh that other clusters reach has a Gateway. Where none is, how the mesh is set up is kept elsewhere.
    let mesh = &mut read.facts.mesh;
    if !mesh.specs.keys().any(|key| key.kind == Kind::Gateway) {
        mesh.unseen.extend(Kind::ALL.into_iter().filter(|kind| kind.is_for_traffic_only()));
    }
    findings.append(&mut read.findings);
    Ok(read)
}

/// Whether a file may hold what a later write has to find as it was: only objects with a mark can be generated.
pub(super) fn may_be_rewritten(text: &str) -> bool {
    text.contains(CREATED_BY) || may_hold_claims(text)
}

/// Takes in the documents of a file that are wanted.
pub(super) fn take_file(
    decoder: &mut ClusterDecoder<'_>,
    manifest: &FoundFile,
    text: &str,
    wanted: impl Fn(&str) -> bool,
) {
    let version: Arc<str> = if may_be_rewritten(text) { store::digest(text.as_bytes()).into() } else { Arc::from("") };
    let place = |line| DocumentPlace { file: &manifest.shown, line, version: Some(&version) };
    let (documents, broken) =
        if rewrite::is_json(manifest) { json_documents(text) } else { (yaml_documents(text), None) };
    for document in documents.iter().filter(|document| document.source.text().is_none_or(&wanted)) {
        decoder.take(document.source, place(document.line));
    }
    if let Some((line, problem)) = broken {
        decoder.broken_document(place(line), &problem);
    }
}

/// What `.unseen` in the folder says: an error when the whole cluster is marked, or when it cannot be told.
fn marked_unseen(real_root: &Path, folder: &Path, name: &ClusterName) -> Result<Vec<Kind>, String> {
    let path = folder.join(UNSEEN_FILE);
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        // Nothing was said of the file: it is the folder that may not be looked into.
        Err(error) => return Err(format!("{name} cannot be read: {error}")),
        Ok(_) => {}
    }
    let text = walk::inside(real_root, &path)
        .map_err(|problem| match problem {
            LinkProblem::Leaves => "it is a link that leaves the fleet".to_owned(),
            LinkProblem::Broken(problem) => problem,
        })
        .and_then(|path| store::read_text(&path, MAX_UNSEEN))
        .map_err(|problem| format!("{name}/{UNSEEN_FILE} cannot be read: {problem}"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let kinds = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let kinds: Vec<Kind> = kinds
        .map(|line| {
            let shown: String = line.chars().take(80).collect();
            Kind::parse(line)
                .ok_or_else(|| format!("{name}/{UNSEEN_FILE} names {shown:?}, which is no kind that is read"))
        })
        .collect::<Result<_, _>>()?;
    if kinds.is_empty() { Err(format!("marked by {name}/{UNSEEN_FILE}")) } else { Ok(kinds) }
}
