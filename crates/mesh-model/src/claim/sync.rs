//! Carries claims between the members of a fleet: what each should have, as a pure function of what a run read.
//!
//! All that the seen members have of one member's claims, in its own records or in sets of them, is joined host by host;
//! the strongest record of each host is what all of them should have. So nothing is ever replaced by something weaker, a
//! member that was restored from a backup gets its own later records back, and what one seen member has of an unseen one
//! reaches the others. Nothing is deleted.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

pub use self::sets::{ClaimSet, SetWrite, member_of_set};
use super::{Claim, merge, record_name};
use crate::owned::Pairs;

mod confirm;
mod sets;

/// Which of two records on a host counts: [`merge`], or what the tests of the guarantee put in its place.
pub(super) type Merge = for<'a> fn(&'a Claim, &'a Claim) -> &'a Claim;

/// The claims that a run read in one member.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberClaims {
    /// Its own records (`GlobalName`), by [`record_name`].
    pub own: BTreeMap<Arc<str>, OwnClaim>,
    /// Its sets (`GlobalNameSet`) by the UID of the member whose records they have, then by their names.
    pub sets: BTreeMap<Arc<str>, BTreeMap<Arc<str>, ClaimSet>>,
}

/// What an object has beside its records, as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stored {
    /// The version that a write must find.
    pub version: Arc<str>,
    /// `metadata.uid`, where the source has one.
    pub uid: Option<Arc<str>>,
    /// Its labels.
    pub labels: Arc<Pairs>,
    /// Its annotations.
    pub annotations: Arc<Pairs>,
}

/// A record of a member's own as it was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnClaim {
    /// The object that has it.
    pub stored: Stored,
    /// Its content.
    pub claim: Claim,
}

/// What is to be written to one member, in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberWrites {
    /// Records of its own: confirmed now, or lost there and known elsewhere. Sorted by host.
    pub own: Vec<OwnWrite>,
    /// Sets whose digest moves, sorted by name.
    pub sets: Vec<SetWrite>,
}

/// A record of a member's own that is to be written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnWrite {
    /// What must still be there; none where there was no record, and none must be there.
    pub replaces: Option<OwnClaim>,
    /// What becomes of it.
    pub claim: Claim,
}

impl MemberClaims {
    /// Every record on a host, own ones and those in sets: what [`super::view`] is taken of.
    pub fn records<'a>(&'a self, host: &Arc<str>) -> impl Iterator<Item = &'a Claim> {
        let name = record_name(host);
        self.all().map(|(_, claim)| claim).filter(move |claim| claim.host.eq_ignore_ascii_case(&name))
    }

    /// Every record, with the UID of the member whose it is; none for the member's own.
    fn all(&self) -> impl Iterator<Item = (Option<&Arc<str>>, &Claim)> {
        let own = self.own.values().map(|own| (None, &own.claim));
        let others = self.sets.iter().flat_map(|(uid, sets)| {
            sets.values().flat_map(move |set| set.entries.iter().map(move |claim| (Some(uid), claim)))
        });
        own.chain(others)
    }
}

/// What is to be written to each seen member. `members` are the active ones by UID, `None` where one is unseen; sets of
/// others, retired ones for example, are carried as well. A member without writes is not in the answer.
///
/// A claim is confirmed once more than half of the active members were read with it and no seen one has a rival.
pub fn sync<M: Borrow<MemberClaims>>(
    members: &BTreeMap<Arc<str>, Option<M>>,
    now: Timestamp,
) -> BTreeMap<Arc<str>, MemberWrites> {
    sync_by(merge, members, now)
}

/// [`sync`] with another order of records.
pub(super) fn sync_by<M: Borrow<MemberClaims>>(
    merge: Merge,
    members: &BTreeMap<Arc<str>, Option<M>>,
    now: Timestamp,
) -> BTreeMap<Arc<str>, MemberWrites> {
    let seen = || members.iter().filter_map(|(uid, claims)| Some((uid, claims.as_ref()?.borrow())));
    let mut known: BTreeMap<&Arc<str>, BTreeMap<Arc<str>, Claim>> = BTreeMap::new();
    for (uid, claims) in seen() {
        for (of, claim) in claims.all() {
            let name = record_name(&claim.host);
            let known = known.entry(of.unwrap_or(uid)).or_default();
            let winner = known.get(&name).map_or(claim, |there| merge(there, claim)).clone();
            known.insert(name, winner);
        }
    }
    confirm::confirm(&mut known, members, now);

    let mut writes = BTreeMap::new();
    for (uid, claims) in seen() {
        let mut own = Vec::new();
        for (name, claim) in known.get(uid).into_iter().flatten() {
            let there = claims.own.get(name);
            if there.is_none_or(|there| there.claim != *claim) {
                own.push(OwnWrite { replaces: there.cloned(), claim: claim.clone() });
            }
        }
        let others = known.iter().filter(|(of, _)| **of != uid);
        let mut sets: Vec<_> = others.flat_map(|(of, known)| sets::writes(of, claims.sets.get(*of), known)).collect();
        sets.sort();
        if !own.is_empty() || !sets.is_empty() {
            writes.insert(uid.clone(), MemberWrites { own, sets });
        }
    }
    writes
}

#[cfg(test)]
mod tests;
