//! Names that nothing serves any more are given up: of ephemeral envs by themselves, of others when somebody says so.
//!
//! That nothing serves a name needs proof: every active member was seen, with its workloads.

use jiff::{SignedDuration, Timestamp};
use mesh_model::claim::{By, Claim, Phase, Place, release};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::policy::MeshPolicy;
use thiserror::Error;

use super::uses::{Uses, may_miss_uses, uses};
use super::{Members, sorted, steps, uid_of};
use crate::because::Because;
use crate::plan::Step;

/// Why it cannot be told what nothing serves.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnusedError {
    /// Something may serve a name there.
    #[error("{cluster} was not seen completely, and may serve any name; nothing can be pruned until it is")]
    Unseen {
        /// The member.
        cluster: String,
    },
}

/// Gives up every claim that nothing serves and that is at least so old.
pub fn release_unused(
    fleet: &FleetSnapshot,
    policy: &MeshPolicy,
    age: SignedDuration,
    now: Timestamp,
) -> Result<Vec<Step>, UnusedError> {
    let members = Members::of(fleet);
    if let Some(cluster) = first_unseen(fleet, &members) {
        return Err(UnusedError::Unseen { cluster });
    }
    let is_old = |claim: &Claim| now.duration_since(claim.claimed_at) >= age;
    Ok(sorted(given_up(&members, &uses(fleet, policy), now, is_old, "nothing serves it any more")))
}

/// The same of ephemeral envs, as far as it can be told.
pub(super) fn of_ephemeral_envs(
    members: &Members<'_>,
    uses: &Uses<'_>,
    policy: &MeshPolicy,
    now: Timestamp,
) -> Vec<Step> {
    let envs = &policy.claims.ephemeral_envs;
    if envs.is_empty() || !members.are_complete() || members.facts.values().any(|facts| may_miss_uses(facts)) {
        return Vec::new();
    }
    let is_ephemeral = |claim: &Claim| envs.iter().any(|env| *env == *claim.env);
    given_up(members, uses, now, is_ephemeral, "its env is ephemeral, and nothing serves it any more")
}

fn first_unseen(fleet: &FleetSnapshot, members: &Members<'_>) -> Option<String> {
    let unseen = members.by_uid.iter().find(|(_, claims)| claims.is_none());
    let partly = || fleet.seen().find(|(_, facts)| may_miss_uses(facts)).map(|(cluster, _)| cluster.to_string());
    unseen.map(|(uid, _)| members.name_of(uid).to_owned()).or_else(partly)
}

/// The tombstones of claims that count, are wanted to go and are served nowhere: each in the cluster it was claimed in.
fn given_up(
    members: &Members<'_>,
    uses: &Uses<'_>,
    now: Timestamp,
    is_wanted: impl Fn(&Claim) -> bool,
    rule: &str,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for (cluster, facts) in &members.facts {
        for (name, own) in &facts.records.own {
            let counts = members.view(name).is_some_and(|counts| *counts == own.claim);
            let is_due = counts && own.claim.phase == Phase::Bound && !uses.contains_key(name) && is_wanted(&own.claim);
            let place = Place { cluster: uid_of(cluster, facts), now };
            if let Some(tombstone) = is_due.then(|| release(&own.claim, By::Admin, &place).ok()).flatten() {
                steps.push(steps::own(cluster, Some(own), &tombstone, Because::whole(rule, vec![])));
            }
        }
    }
    steps
}
