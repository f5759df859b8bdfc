//! What is known of every claimed or served name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use mesh_model::claim::{Claim, Phase};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::name::ClusterName;
use mesh_model::policy::MeshPolicy;
use serde::Serialize;

use super::rivals::lost;
use super::{Members, Uses, uses};

/// How firmly a name is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameState {
    /// More than half of the members were seen to hold the claim.
    Confirmed,
    /// Claimed, and not confirmed yet.
    Claimed,
    /// Claimed by several owners, of whom one keeps it.
    Rivals,
    /// Given up; whoever claims it next has it.
    Released,
    /// Served, and held by nobody.
    Unclaimed,
}

/// One name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedClaim {
    /// The base host.
    pub host: Arc<str>,
    /// How firmly it is held.
    pub state: NameState,
    /// Who holds it, or held it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Arc<str>>,
    /// Further owners whose namespaces may serve it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also_owners: Vec<Arc<str>>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The member that it was claimed in, or its UID where it is none any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_in: Option<String>,
    /// Raised by each release and transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Where it is served.
    pub clusters: BTreeSet<ClusterName>,
    /// Owners who serve it and may not.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub others: BTreeSet<Arc<str>>,
}

/// Every name that is claimed or served, by host.
pub fn list(fleet: &FleetSnapshot, policy: &MeshPolicy) -> Vec<NamedClaim> {
    let members = Members::of(fleet);
    let uses = uses(fleet, policy);
    let rivals: BTreeSet<Arc<str>> = lost(&members).into_iter().map(|(name, ..)| name).collect();
    let mut names: BTreeMap<&Arc<str>, Option<&Claim>> = uses.keys().map(|name| (name, None)).collect();
    for facts in members.facts.values() {
        for (name, claim) in &facts.claims {
            let known = names.entry(name).or_default();
            *known = Some(known.map_or(claim, |known| mesh_model::claim::merge(known, claim)));
        }
    }
    names.into_iter().map(|(name, claim)| named(name, claim, rivals.contains(name), &uses, &members)).collect()
}

fn named(
    name: &Arc<str>,
    claim: Option<&Claim>,
    has_rivals: bool,
    uses: &Uses<'_>,
    members: &Members<'_>,
) -> NamedClaim {
    let uses = uses.get(name).map(Vec::as_slice).unwrap_or_default();
    let state = match claim {
        None => NameState::Unclaimed,
        Some(claim) if claim.phase == Phase::Released => NameState::Released,
        Some(_) if has_rivals => NameState::Rivals,
        Some(claim) if claim.confirmed_at.is_some() => NameState::Confirmed,
        Some(_) => NameState::Claimed,
    };
    let served_by = uses.iter().filter_map(|one| one.owner.clone());
    let is_other = |owner: &Arc<str>| claim.is_some_and(|claim| !claim.admits(owner));
    NamedClaim {
        host: claim.map_or_else(|| Arc::clone(name), |claim| Arc::clone(&claim.host)),
        state,
        owner: claim.map(|claim| Arc::clone(&claim.owner)),
        also_owners: claim.map(|claim| claim.also_owners.clone()).unwrap_or_default(),
        since: claim.map(|claim| claim.claimed_at),
        claimed_in: claim.map(|claim| members.name_of(&claim.claimed_in).to_owned()),
        epoch: claim.map(|claim| claim.epoch),
        clusters: uses.iter().map(|one| one.cluster.clone()).collect(),
        others: served_by.filter(is_other).collect(),
    }
}
