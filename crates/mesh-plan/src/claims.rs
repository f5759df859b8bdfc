//! Claims of a whole fleet: what each cluster should have of them, as steps of a plan (docs/claims.md).
//!
//! Who wins is decided in [`mesh_model::claim`]. Here is what a run does about it: it records names that are served and
//! that nobody holds, where no webhook does; carries the records of each member to all others; confirms; and gives up
//! names of ephemeral envs with their last workload.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use mesh_model::claim::{Claim, MemberClaims, sync};
use mesh_model::facts::ClusterFacts;
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::name::ClusterName;
use mesh_model::policy::MeshPolicy;

use crate::plan::Step;

mod adopt;
mod hold;
mod list;
mod record;
mod rivals;
mod steps;
mod unused;
mod uses;

pub use adopt::adopt;
pub use hold::{Change, ChangeError, change};
pub use list::{NameState, NamedClaim, list};
pub use rivals::rivals;
pub use unused::{UnusedError, release_unused};
pub use uses::{Use, Uses, uses};

/// Everything that a run for the whole fleet does about claims: nothing where no member has the kinds of them.
pub fn claim_steps(fleet: &FleetSnapshot, policy: &MeshPolicy, now: Timestamp) -> Vec<Step> {
    let members = Members::of(fleet);
    if members.is_without_claims() {
        return Vec::new();
    }
    let uses = uses(fleet, policy);
    let mut steps = unused::of_ephemeral_envs(&members, &uses, policy, now);
    steps.extend(record::record(&members, &uses, now));
    let first: Vec<_> = steps.iter().map(|step: &Step| (step.cluster.clone(), step.key.clone())).collect();
    let carried = carry(&members, now).into_iter();
    // What is given up is not confirmed beside.
    steps.extend(carried.filter(|step| !first.contains(&(step.cluster.clone(), step.key.clone()))));
    sorted(steps)
}

/// What is left to do about claims once some were written: carried and confirmed, nothing new.
pub fn carry_steps(fleet: &FleetSnapshot, now: Timestamp) -> Vec<Step> {
    sorted(carry(&Members::of(fleet), now))
}

fn sorted(mut steps: Vec<Step>) -> Vec<Step> {
    steps.sort_by(|a, b| (&a.cluster, &a.key).cmp(&(&b.cluster, &b.key)));
    steps
}

fn carry(members: &Members<'_>, now: Timestamp) -> Vec<Step> {
    let mut steps = Vec::new();
    for (uid, writes) in sync(&members.by_uid, now) {
        let cluster = members.names[&uid];
        steps.extend(writes.own.into_iter().map(|write| steps::carried(cluster, write, members)));
        steps.extend(writes.sets.into_iter().map(|write| steps::set(cluster, write, members)));
    }
    steps
}

/// Makes every member keep claims, where that is for a person to decide: folders take any kind.
pub fn begin(fleet: &mut FleetSnapshot) {
    for view in fleet.members.values_mut() {
        if let ClusterView::Seen(facts) = view {
            Arc::make_mut(facts).keeps_claims = true;
        }
    }
}

/// The active members, and what each has of claims.
pub(crate) struct Members<'a> {
    /// By UID; none where claims cannot be told, or cannot be written. An unseen member goes by its name.
    by_uid: BTreeMap<Arc<str>, Option<&'a MemberClaims>>,
    /// The name of each.
    names: BTreeMap<Arc<str>, &'a ClusterName>,
    /// The facts of those whose claims are known.
    facts: BTreeMap<&'a ClusterName, &'a ClusterFacts>,
}

impl<'a> Members<'a> {
    pub(crate) fn of(fleet: &'a FleetSnapshot) -> Self {
        let mut members = Self { by_uid: BTreeMap::new(), names: BTreeMap::new(), facts: BTreeMap::new() };
        for (cluster, view) in &fleet.members {
            let facts = match view {
                ClusterView::Seen(facts) => Some(&**facts),
                ClusterView::Unseen(_) => None,
                ClusterView::Retired(_) => continue,
            };
            let uid = facts.map_or_else(|| cluster.as_str().into(), |facts| uid_of(cluster, facts));
            let known = facts.filter(|facts| has_all_claims(facts));
            members.by_uid.insert(Arc::clone(&uid), known.map(|facts| &facts.records));
            members.names.insert(uid, cluster);
            members.facts.extend(known.map(|facts| (cluster, facts)));
        }
        members
    }

    /// Whether claims are kept nowhere.
    fn is_without_claims(&self) -> bool {
        self.facts.is_empty()
    }

    /// Whether the claims of every active member are known.
    fn are_complete(&self) -> bool {
        self.by_uid.values().all(Option::is_some)
    }

    /// The name of a member, or its UID where it is none any more.
    fn name_of<'n>(&'n self, uid: &'n str) -> &'n str {
        self.names.get(uid).map_or(uid, |name| name.as_str())
    }

    /// The claim that counts on a host, by all that the members have.
    fn view(&self, name: &Arc<str>) -> Option<&'a Claim> {
        let claims = self.facts.values().filter_map(|facts| facts.claims.get(name));
        mesh_model::claim::view(claims)
    }
}

/// The UID of a cluster. A folder may lack it, and goes by its name.
fn uid_of(cluster: &ClusterName, facts: &ClusterFacts) -> Arc<str> {
    facts.uid.clone().unwrap_or_else(|| cluster.as_str().into())
}

/// Whether a cluster has claims, and all of them are known.
fn has_all_claims(facts: &ClusterFacts) -> bool {
    facts.keeps_claims && !facts.unseen.iter().any(|kind| kind.is_of_claims())
}
