//! Names that several owners have claimed before they knew of each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_model::claim::{Claim, Phase, record_name};
use mesh_model::finding::{Code, Finding};
use mesh_model::fleet::FleetSnapshot;

use super::Members;

/// A finding for each claim that has lost to another owner's of its epoch. One of an earlier epoch is settled.
pub fn rivals(fleet: &FleetSnapshot) -> Vec<Finding> {
    let members = Members::of(fleet);
    lost(&members).into_iter().map(|(name, winner, loser)| finding(&name, winner, loser, &members)).collect()
}

/// Claims that have lost: the name, who won, and who lost.
pub(super) fn lost<'a>(members: &Members<'a>) -> Vec<(Arc<str>, &'a Claim, &'a Claim)> {
    // The records of each host by the cluster that they were made in: a cluster's own is in the sets of all others.
    let mut known: BTreeMap<Arc<str>, BTreeMap<&str, &'a Claim>> = BTreeMap::new();
    for facts in members.facts.values() {
        let own = facts.records.own.values().map(|own| &own.claim);
        let sets = facts.records.sets.values().flat_map(BTreeMap::values).flat_map(|set| &set.entries);
        for claim in own.chain(sets) {
            let known = known.entry(record_name(&claim.host)).or_default();
            let there = known.entry(&claim.claimed_in).or_insert(claim);
            *there = mesh_model::claim::merge(there, claim);
        }
    }
    let mut all = Vec::new();
    for (name, claims) in known {
        let Some(winner) = mesh_model::claim::view(claims.values().copied()) else { continue };
        let lost = claims
            .into_values()
            .filter(|claim| claim.phase == Phase::Bound && claim.epoch == winner.epoch && !winner.admits(&claim.owner));
        all.extend(lost.map(|claim| (Arc::clone(&name), winner, claim)));
    }
    all
}

fn finding(name: &Arc<str>, winner: &Claim, loser: &Claim, members: &Members<'_>) -> Finding {
    let said = |claim: &Claim| {
        let confirmed = if claim.confirmed_at.is_some() { ", confirmed" } else { "" };
        format!("{} (in {} since {}{confirmed})", claim.owner, members.name_of(&claim.claimed_in), claim.claimed_at)
    };
    let message = format!(
        "{} and {} have both claimed it: {} keeps it, what {} runs stays, and its next deploy is refused",
        said(winner),
        said(loser),
        winner.owner,
        loser.owner,
    );
    let cluster = members.names.get(&loser.claimed_in).copied();
    Finding::new(Code::RivalClaims, cluster, format!("GlobalName {name}"), message)
}
