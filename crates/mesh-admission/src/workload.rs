//! Workloads: their marks, and whether they may have their names.

use std::cell::LazyCell;
use std::sync::Arc;

use mesh_model::facts::{NamespaceFacts, WorkloadKind};
use mesh_model::host::{in_lower_case, reserved_prefix};
use mesh_model::name::NameError;
use mesh_model::naming::WorkloadNaming;
use mesh_model::participation::{Participation, participation};
use mesh_model::policy::SanPolicy;

use crate::conflict;
use crate::decide::Case;
use crate::marks::{self, MARKS, Mark, Name};
use crate::object::{Reviewed, WorkloadObject, with_meta};
use crate::refusal::{Refusal, RefusalCode, quoted};
use crate::verdict::Verdict;
use crate::warning::{Warning, WarningCode};
use crate::wire::undecided;

/// Writes the marks. A name that is not legal has none; the validating webhook says so.
pub(crate) fn mark(case: &Case<'_>) -> Result<Verdict, String> {
    let object = case.object(Reviewed::workload)?;
    let old = case.old_object(Reviewed::workload)?;
    let name = Name::of(&naming(object, case), &case.policy.mesh).unwrap_or_default();
    Ok(Verdict::Allowed { patch: marks::patch(object, old, name.as_ref()), warnings: Vec::new() })
}

/// Judges a workload: its marks always, its name where it is deployed.
pub(crate) fn judge(case: &Case<'_>, kind: WorkloadKind) -> Result<Verdict, String> {
    let mesh = &case.policy.mesh;
    let object = case.object(Reviewed::workload)?;
    let now = naming(object, case);
    let old = case.old_object(Reviewed::workload)?.map(|old| (old, naming(old, case)));
    let name = Name::of(&now, mesh);
    let known = name.as_ref().ok().and_then(Option::as_ref);
    if let Some(refusal) = wrong_mark(object, old.map(|(old, _)| old), known) {
        return Ok(refusal.into());
    }
    // Whatever else is written of what runs already goes on: a conflict never takes traffic away.
    if old.is_some_and(|(old, before)| !object.is_deploy_over(old) && now == before) {
        return Ok(Verdict::ALLOWED);
    }
    let name = match name {
        Ok(Some(name)) => name,
        Ok(None) => return Ok(Verdict::ALLOWED),
        Err(error) => return Ok(illegal(&error).into()),
    };
    if !kind.serves() || mesh.excludes(name.identity) {
        return Ok(Verdict::ALLOWED);
    }
    let Some(namespace) = case.index.namespace(case.namespace) else {
        return Ok(undecided(&format!("namespace {} is not known here yet", quoted(case.namespace))).into());
    };
    let serves = |wish| participation(wish, Some(&namespace), true, mesh) == Participation::Serves;
    if !serves(now.wish) {
        return Ok(Verdict::ALLOWED);
    }
    let before = old.map(|(_, before)| before).filter(|before| serves(before.wish));
    let before = before.and_then(|before| Name::of(&before, mesh).ok().flatten());
    Ok(match judge_name(case, &namespace, object, &name, before.as_ref()) {
        Ok(warnings) => Verdict::Allowed { patch: Vec::new(), warnings },
        Err(refusal) => refusal.into(),
    })
}

/// Judges a write to `…/status`, which may change metadata too: our marks stay as they are.
pub(crate) fn judge_status(case: &Case<'_>) -> Result<Verdict, String> {
    let object = case.object(Reviewed::workload)?;
    let old = case.old_object(Reviewed::workload)?;
    let before = old.and_then(|old| old.metadata.as_ref());
    let changed = MARKS.iter().find(|mark| mark.value(object.metadata.as_ref()) != mark.value(before));
    Ok(changed.map_or(Verdict::ALLOWED, |mark| {
        let what = format!("{} is changed through the status", mark.key);
        Refusal::new(RefusalCode::WrongMark, what, "Change the workload itself, not its status").into()
    }))
}

/// The name that it asks for, and what it asks of the mesh.
fn naming<'c>(object: &'c WorkloadObject<'_>, case: &'c Case<'_>) -> WorkloadNaming<'c> {
    with_meta(object.template_metadata(), |template| {
        with_meta(object.metadata.as_ref(), |own| {
            WorkloadNaming::read(template, own, case.namespace, &case.policy.mesh.keys)
        })
    })
}

fn judge_name(
    case: &Case<'_>,
    namespace: &NamespaceFacts,
    object: &WorkloadObject<'_>,
    name: &Name<'_>,
    before: Option<&Name<'_>>,
) -> Result<Vec<Warning>, Refusal> {
    if let Some(prefix) = reserved_prefix(name.env) {
        let what =
            format!("{} begins with \"{prefix}.\", which is for the Rollouts of another name", quoted(&name.host));
        return Err(Refusal::new(RefusalCode::OneHostTwoIdentities, what, "Choose another env"));
    }
    let Some(owner) = namespace.owner.as_deref() else {
        let what = format!(
            "namespace {} has no owner, so that nobody can hold {}",
            quoted(case.namespace),
            quoted(&name.host)
        );
        return Err(Refusal::new(
            RefusalCode::NoOwner,
            what,
            "Ask an administrator to label the namespace with its owner",
        ));
    };
    let host = in_lower_case(&name.host);
    let mut warnings = case.index.known(&host, |known| {
        let not_accepted = account_not_accepted(object, case, known.accepted);
        conflict::judge(case, name, (&host, known), owner, before).map(|mut warnings| {
            warnings.extend(not_accepted);
            warnings
        })
    })?;
    if MARKS.iter().any(|mark| mark.value(object.metadata.as_ref()).is_none()) {
        let what = format!("the global name is {}; no webhook has written it", quoted(&name.host));
        warnings.push(Warning::new(WarningCode::Defaulted, what));
    }
    Ok(warnings)
}

/// That callers, who accept service accounts, do not yet accept that of this workload.
fn account_not_accepted(
    object: &WorkloadObject<'_>,
    case: &Case<'_>,
    accepted: Option<&[Arc<str>]>,
) -> Option<Warning> {
    if case.policy.mesh.sans != SanPolicy::ServiceAccounts {
        return None;
    }
    let accepted = accepted?;
    let account = object.service_account()?;
    // By its end: which trust domain is this cluster's is nobody's business here.
    let who = format!("/ns/{}/sa/{account}", case.namespace);
    // Where nobody is named everybody is accepted.
    if accepted.is_empty() || accepted.iter().any(|one| one.ends_with(&who)) {
        return None;
    }
    let what = format!("callers do not accept service account {} until kubectl mesh sync", quoted(&account));
    Some(Warning::new(WarningCode::AccountNotAccepted, what))
}

fn illegal(error: &NameError) -> Refusal {
    let next = "Rename the identity or the env: labels of at most 63 letters, digits and dashes";
    Refusal::new(RefusalCode::IllegalHost, format!("no legal global name: {error}"), next)
}

/// The first mark that is wrong and that the request itself brings.
fn wrong_mark(
    object: &WorkloadObject<'_>,
    old: Option<&WorkloadObject<'_>>,
    name: Option<&Name<'_>>,
) -> Option<Refusal> {
    let places = [
        (object.metadata.as_ref(), old.and_then(|old| old.metadata.as_ref())),
        (object.template_metadata(), old.and_then(WorkloadObject::template_metadata)),
    ];
    // Worked out once for both places, and only where there is a mark to compare.
    let marks = MARKS.map(|mark| (mark, LazyCell::new(move || mark.wanted(name))));
    for (now, before) in places {
        for (mark, wanted) in &marks {
            let Some(now) = mark.value(now) else { continue };
            let wanted = wanted.as_deref();
            if wanted != Some(now) && mark.value(before) != Some(now) {
                return Some(says_wrong(mark, now, wanted));
            }
        }
    }
    None
}

fn says_wrong(mark: &Mark, now: &str, wanted: Option<&str>) -> Refusal {
    let (key, now) = (mark.key, quoted(now));
    let (what, next) = match wanted {
        Some(wanted) => (
            format!("{key} is {now}, but by its identity and env it is {}", quoted(wanted)),
            format!("Remove {key} from the manifest"),
        ),
        None => (
            format!("{key} is {now}, but the pod template carries no identity"),
            format!("Remove {key} from the manifest, or give the template its identity"),
        ),
    };
    Refusal::new(RefusalCode::WrongMark, what, next)
}
