//! Our marks on a workload: annotation `kubectl-mesh.io/global-name` and label `kubectl-mesh.io/identity`, on its metadata and,
//! where the request changes it anyway, on its pod template.
//!
//! A value that the old object had is ours, and follows the name. One that the request itself brings is its author's: a
//! right one stays, a wrong one is refused and never written over.

use std::borrow::Cow;

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation, RemoveOperation, ReplaceOperation};
use mesh_model::host::{base_host, identity_label};
use mesh_model::name::{Env, Host, Identity, NameError};
use mesh_model::naming::WorkloadNaming;
use mesh_model::owned::IDENTITY_LABEL;
use mesh_model::policy::MeshPolicy;
use serde_json::{Value, json};

use crate::object::{Metadata, WorkloadObject};

/// The annotation with a workload's base host.
pub(crate) const GLOBAL_NAME: &str = "kubectl-mesh.io/global-name";

/// The name of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name<'n> {
    pub(crate) identity: &'n str,
    pub(crate) env: &'n str,
    pub(crate) partition: Option<&'n str>,
    /// The base host, as its marks say it.
    pub(crate) host: Host,
}

impl<'n> Name<'n> {
    /// The name that is asked for; none without an identity.
    pub(crate) fn of(naming: &WorkloadNaming<'n>, policy: &MeshPolicy) -> Result<Option<Self>, NameError> {
        let Some(identity) = naming.identity else { return Ok(None) };
        let (identity, env) = (Identity::checked(identity)?, Env::checked(naming.env)?);
        let host = base_host(env, identity, &policy.suffix, naming.keep_case)?;
        Ok(Some(Self { identity, env, partition: naming.partition, host }))
    }
}

/// One of our marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// `labels` or `annotations`.
    map: &'static str,
    pub(crate) key: &'static str,
}

/// Both.
pub(crate) const MARKS: [Mark; 2] =
    [Mark { map: "annotations", key: GLOBAL_NAME }, Mark { map: "labels", key: IDENTITY_LABEL }];

impl Mark {
    /// Its value in metadata.
    pub(crate) fn value<'m>(self, metadata: Option<&'m Metadata<'_>>) -> Option<&'m str> {
        let metadata = metadata?;
        if self.map == "labels" { metadata.label(self.key) } else { metadata.annotation(self.key) }
    }

    /// The value that it should have; none without a name.
    pub(crate) fn wanted<'n>(self, name: Option<&'n Name<'_>>) -> Option<Cow<'n, str>> {
        let name = name?;
        Some(if self.map == "labels" { identity_label(name.identity).into() } else { Cow::Borrowed(&name.host) })
    }
}

/// What is to be written so that `object` bears the marks of `name`.
pub(crate) fn patch(
    object: &WorkloadObject<'_>,
    old: Option<&WorkloadObject<'_>>,
    name: Option<&Name<'_>>,
) -> Vec<PatchOperation> {
    let mut patch = Vec::new();
    write(&["metadata"], object.metadata.as_ref(), old.and_then(|old| old.metadata.as_ref()), name, &mut patch);
    // A template that the request leaves alone is left alone: each change of it starts new pods.
    if object.template.is_some() && old.is_none_or(|old| object.is_deploy_over(old)) {
        let at = [object.template_at, &["metadata"]].concat();
        write(&at, object.template_metadata(), old.and_then(WorkloadObject::template_metadata), name, &mut patch);
    }
    patch
}

fn write(
    at: &[&str],
    metadata: Option<&Metadata<'_>>,
    old: Option<&Metadata<'_>>,
    name: Option<&Name<'_>>,
    operations: &mut Vec<PatchOperation>,
) {
    let Some(there) = metadata else {
        // A patch cannot write into what is not there.
        if name.is_some() {
            let both = MARKS.iter().map(|mark| (mark.map.to_owned(), json!({mark.key: mark.wanted(name)})));
            add(at, both.collect(), operations);
        }
        return;
    };
    for mark in MARKS {
        let (now, before, wanted) = (mark.value(metadata), mark.value(old), mark.wanted(name));
        let place = [at, &[mark.map, mark.key]].concat();
        let has_map = if mark.map == "labels" { there.labels.is_some() } else { there.annotations.is_some() };
        match (now, wanted) {
            (None, Some(wanted)) if has_map => add(&place, wanted.into(), operations),
            (None, Some(wanted)) => add(&[at, &[mark.map]].concat(), json!({mark.key: wanted}), operations),
            (Some(now), Some(wanted)) if now != wanted && before == Some(now) => {
                let path = PointerBuf::from_tokens(place);
                operations.push(PatchOperation::Replace(ReplaceOperation { path, value: wanted.into() }));
            }
            (Some(now), None) if before == Some(now) => {
                operations.push(PatchOperation::Remove(RemoveOperation { path: PointerBuf::from_tokens(place) }));
            }
            _ => {}
        }
    }
}

fn add(at: &[&str], value: Value, operations: &mut Vec<PatchOperation>) {
    operations.push(PatchOperation::Add(AddOperation { path: PointerBuf::from_tokens(at.iter().copied()), value }));
}
