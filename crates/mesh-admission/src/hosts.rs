//! ServiceEntries and VirtualServices by hand: none takes the host of a name that another owner holds.

use mesh_istio::host::may_match_under;
use mesh_model::claim::Held;
use mesh_model::host::tails;
use mesh_model::kind::Kind;
use serde::Deserialize;

use crate::decide::Case;
use crate::object::{Reviewed, is_same, or_default, read};
use crate::refusal::{Refusal, RefusalCode, quoted};
use crate::verdict::Verdict;
use crate::wire::undecided;

/// Most patterns with wildcards of one object: each is compared with every claim.
const MAX_PATTERNS: usize = 16;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    #[serde(deserialize_with = "or_default")]
    hosts: Vec<String>,
}

/// Judges a ServiceEntry or a VirtualService by its hosts. Those in the sync namespace are ours.
pub(crate) fn judge(case: &Case<'_>, kind: Kind) -> Result<Verdict, String> {
    let object = case.object(Reviewed::object)?;
    let old = case.old_object(Reviewed::object)?;
    let spec: Spec = object.spec.map(read).transpose()?.unwrap_or_default();
    let is_known = old.is_some_and(|old| is_same(object.spec, old.spec));
    if is_known || *case.namespace == *case.policy.mesh.sync_namespace {
        return Ok(Verdict::ALLOWED);
    }
    let suffix = &case.policy.mesh.suffix;
    let hosts = spec.hosts.iter().map(|host| host.trim_end_matches('.').to_lowercase());
    let (patterns, hosts): (Vec<String>, Vec<String>) =
        hosts.filter(|host| may_match_under(host, suffix)).partition(|host| host.contains('*'));
    if patterns.len() > MAX_PATTERNS {
        return Ok(undecided(&format!("it has more than {MAX_PATTERNS} hosts with wildcards")).into());
    }
    let owner = case.index.namespace(case.namespace).and_then(|namespace| namespace.owner.clone());
    let passes = |held: &Held<'_>| owner.as_deref().is_some_and(|owner| held.admits(owner));
    let named = hosts.iter().chain(&patterns).find_map(|host| {
        // A prefix host is of the name that it ends in, and so is a pattern of prefix hosts.
        let mut bases = std::iter::once(host.as_str()).chain(tails(host));
        // Whether it passes, and the host as it was claimed.
        let held = |base| case.index.known(base, |known| known.held.map(|held| (passes(&held), held.host.into())));
        bases.find_map(held).filter(|(passes, _)| !passes).map(|(_, host)| host)
    });
    let taken = named.or_else(|| patterns.iter().find_map(|pattern| case.index.held_under(pattern, &passes)));
    Ok(taken.map_or(Verdict::ALLOWED, |host| {
        let what = format!("this {kind} takes {}, which is held by another owner", quoted(&host));
        Refusal::new(RefusalCode::HostTaken, what, "Remove the host, or ask its owner for a transfer").into()
    }))
}
