//! The functions that a fleet follows, and ways to break one.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::fleet::Size;
use super::properties::{
    ONE_CONFIRMED, ONE_IN_EACH_VIEW, ONE_ONCE_VIEWS_MEET, STAYS_CONFIRMED, STAYS_GIVEN_UP, TRAFFIC_STAYS,
};
use super::state::What;
use super::{RESTORED, THREE, TWO};
use crate::claim::arb::Members;
use crate::claim::sync::{Merge, sync_by};
use crate::claim::{self, By, Claim, ClaimError, MemberClaims, MemberWrites, Place, Wish};

/// What a fleet follows.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) merge: Merge,
    pub(super) claim: fn(Option<&Claim>, &Wish, &Place) -> Option<Claim>,
    /// The record that a release leaves, if it leaves one.
    pub(super) release: fn(&Claim, By<'_>, &Place) -> Result<Option<Claim>, ClaimError>,
    pub(super) transfer: fn(&Claim, &Arc<str>, By<'_>, &Place) -> Result<Claim, ClaimError>,
    pub(super) sync: fn(&Members, Timestamp) -> BTreeMap<Arc<str>, MemberWrites>,
    /// Whether a write is accepted.
    pub(super) may_land: fn(&What, &MemberClaims) -> bool,
    /// Whether a live endpoint of an owner stays under a claim: the planner's rule (`desire::claims` of mesh-plan).
    pub(super) stays: fn(&Claim, &str) -> bool,
}

/// What the product does.
pub(super) const REAL: Rules = Rules {
    merge: claim::merge,
    claim: claim::claim,
    release: |held, by, at| claim::release(held, by, at).map(Some),
    transfer: claim::transfer,
    sync: claim::sync,
    may_land: What::is_up_to_date,
    stays: |_, _| true,
};

/// One way to break them, the property that does not hold then, and where to look.
pub(super) struct Broken {
    pub(super) name: &'static str,
    pub(super) rules: Rules,
    pub(super) property: &'static str,
    pub(super) size: Size,
}

pub(super) fn broken() -> Vec<Broken> {
    let broken = |name, property, size, rules| Broken { name, rules, property, size };
    vec![
        broken(
            "no epoch",
            STAYS_GIVEN_UP,
            TWO,
            Rules {
                release: |held, by, at| {
                    claim::release(held, by, at).map(|next| Some(Claim { epoch: held.epoch, ..next }))
                },
                transfer: |held, to, by, at| {
                    claim::transfer(held, to, by, at).map(|next| Claim { epoch: held.epoch, ..next })
                },
                ..REAL
            },
        ),
        broken(
            "no tombstone",
            STAYS_GIVEN_UP,
            TWO,
            Rules { release: |held, by, at| claim::release(held, by, at).map(|_| None), ..REAL },
        ),
        broken(
            "the winner by age alone",
            STAYS_GIVEN_UP,
            TWO,
            Rules { merge: older, sync: |members, now| sync_by(older, members, now), ..REAL },
        ),
        broken(
            "sets without the order of versions",
            STAYS_GIVEN_UP,
            TWO,
            Rules { may_land: |what, claims| matches!(what, What::Set { .. }) || what.is_up_to_date(claims), ..REAL },
        ),
        broken(
            "own records without the order of versions",
            STAYS_GIVEN_UP,
            TWO,
            Rules { may_land: |what, claims| matches!(what, What::Own { .. }) || what.is_up_to_date(claims), ..REAL },
        ),
        broken(
            "own records are never given back",
            ONE_ONCE_VIEWS_MEET,
            RESTORED,
            Rules { sync: without_giving_back, ..REAL },
        ),
        broken(
            "the record read first wins",
            ONE_IN_EACH_VIEW,
            TWO,
            Rules { merge: |a, _| a, sync: |members, now| sync_by(|a, _| a, members, now), ..REAL },
        ),
        broken(
            "confirmation does not count",
            STAYS_CONFIRMED,
            THREE,
            Rules { merge: unconfirmed, sync: |members, now| sync_by(unconfirmed, members, now), ..REAL },
        ),
        broken(
            "unseen members are no members",
            ONE_CONFIRMED,
            THREE,
            Rules {
                sync: |members, now| {
                    let seen = members.iter().filter(|(_, claims)| claims.is_some());
                    claim::sync(&seen.map(|(uid, claims)| (uid.clone(), claims.clone())).collect(), now)
                },
                ..REAL
            },
        ),
        broken("who loses is cut off", TRAFFIC_STAYS, TWO, Rules { stays: |claim, owner| claim.admits(owner), ..REAL }),
    ]
}

fn older<'a>(a: &'a Claim, b: &'a Claim) -> &'a Claim {
    let age = |claim: &Claim| (claim.claimed_at, claim.claimed_in.clone(), claim.clone());
    if age(b) < age(a) { b } else { a }
}

/// [`claim::merge`] without the rule that a confirmed claim wins, which only keeps apart what is one claim.
fn unconfirmed<'a>(a: &'a Claim, b: &'a Claim) -> &'a Claim {
    let bare = |claim: &Claim| Claim { confirmed_at: None, ..claim.clone() };
    let (bare_a, bare_b) = (bare(a), bare(b));
    if bare_a == bare_b {
        return claim::merge(a, b);
    }
    if *claim::merge(&bare_a, &bare_b) == bare_b { b } else { a }
}

/// [`claim::sync`] that writes confirmations to own records and nothing else.
fn without_giving_back(members: &Members, now: Timestamp) -> BTreeMap<Arc<str>, MemberWrites> {
    let mut decided = claim::sync(members, now);
    for (uid, writes) in &mut decided {
        let own = &members[uid].as_ref().expect("only seen members are written").own;
        writes.own.retain(|write| own.get(&write.claim.host).is_some_and(|own| own.claim.is_same_grant(&write.claim)));
    }
    decided.retain(|_, writes| !writes.own.is_empty() || !writes.sets.is_empty());
    decided
}
