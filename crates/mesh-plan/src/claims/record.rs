//! Claims of names that are served and that nobody holds, for clusters without a webhook: it would have recorded them.

use jiff::Timestamp;
use mesh_model::claim::{Claim, Phase, Place, Wish, claim};

use super::uses::{Use, Uses};
use super::{Members, steps, uid_of};
use crate::because::Because;
use crate::plan::Step;

/// One claim for each name, in the cluster of the workload that has served it for longest.
pub(super) fn record(members: &Members<'_>, uses: &Uses<'_>, now: Timestamp) -> Vec<Step> {
    let step = |(name, uses): (_, &Vec<Use<'_>>)| {
        let held = members.view(name);
        let oldest = uses.iter().find(|one| one.owner.is_some())?;
        let facts = members.facts.get(oldest.cluster).filter(|facts| facts.webhook.is_none())?;
        // What was given up is claimed again by what was deployed after that.
        if held.is_some_and(|held| held.phase == Phase::Released && !is_newer(oldest, held)) {
            return None;
        }
        let place = Place { cluster: uid_of(oldest.cluster, facts), now };
        let claim = claim(held, &wish(oldest)?, &place)?;
        let rule = format!("{} serves it, and nobody holds it", claim.owner);
        let because = Because::whole(rule, vec![oldest.origin()]);
        Some(steps::own(oldest.cluster, facts.records.own.get(name), &claim, because))
    };
    uses.iter().filter_map(step).collect()
}

/// What a workload wants to hold; none where its owner cannot be told.
pub(super) fn wish(one: &Use<'_>) -> Option<Wish> {
    Some(Wish {
        host: one.host.as_str().into(),
        owner: one.owner.clone()?,
        identity: one.workload.identity.as_str().into(),
        env: one.workload.env.as_str().into(),
    })
}

fn is_newer(one: &Use<'_>, tombstone: &Claim) -> bool {
    one.workload.created.is_some_and(|created| created > tombstone.claimed_at)
}
