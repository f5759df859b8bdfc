//! Which claims are confirmed by what a run read.
//!
//! Two rivals of one epoch cannot both be confirmed: the majorities share a member, which got one of them first and from
//! then on shows it beside the other. That is why every rival of the epoch counts, also one that would lose.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::MemberClaims;
use crate::claim::{Claim, Phase};

/// A record with the member that has it and the member whose it is.
struct Held<'a> {
    by: &'a Arc<str>,
    of: &'a Arc<str>,
    claim: &'a Claim,
}

/// Sets `confirmed_at` on the own records of seen members that more than half of the active ones have and that no seen
/// one has a rival of. What counts is what was read: what this run is going to write may get lost.
pub(super) fn confirm<M: Borrow<MemberClaims>>(
    known: &mut BTreeMap<&Arc<str>, BTreeMap<Arc<str>, Claim>>,
    members: &BTreeMap<Arc<str>, Option<M>>,
    now: Timestamp,
) {
    let mut held: BTreeMap<Arc<str>, Vec<Held<'_>>> = BTreeMap::new();
    for (by, claims) in members.iter().filter_map(|(uid, claims)| Some((uid, claims.as_ref()?.borrow()))) {
        for (of, claim) in claims.all() {
            let held = held.entry(super::record_name(&claim.host)).or_default();
            held.push(Held { by, of: of.unwrap_or(by), claim });
        }
    }
    let unconfirmed = known.iter_mut().filter(|(uid, _)| members.get(**uid).is_some_and(Option::is_some));
    for (uid, claims) in unconfirmed {
        for (name, claim) in claims.iter_mut() {
            let held = &held[name];
            let holders: BTreeSet<_> = held
                .iter()
                .filter(|held| held.of == *uid && held.claim.is_same_grant(claim))
                .map(|held| held.by)
                .collect();
            let is_sure = claim.phase == Phase::Bound
                && claim.confirmed_at.is_none()
                && holders.len() * 2 > members.len()
                && !held.iter().any(|held| is_rival(held.claim, claim));
            if is_sure {
                claim.confirmed_at = Some(now);
            }
        }
    }
}

/// Whether `other` wins over `claim` by epoch or phase, or holds the name for another owner in the same epoch. A record of
/// an earlier epoch is history.
fn is_rival(other: &Claim, claim: &Claim) -> bool {
    let differs = other.phase != claim.phase || other.owner != claim.owner;
    other.epoch > claim.epoch || other.epoch == claim.epoch && differs
}
