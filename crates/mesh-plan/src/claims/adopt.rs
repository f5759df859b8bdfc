//! Claims for what runs already: once all of them are there, a webhook may demand a claim of every name.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use mesh_model::claim::{Claim, Place, claim};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::policy::MeshPolicy;

use super::record::wish;
use super::{Members, Use, sorted, steps, uid_of, uses};
use crate::because::Because;
use crate::plan::Step;

/// What is proposed.
#[derive(Debug, Clone, Default)]
pub struct Adopted {
    /// The claims.
    pub steps: Vec<Step>,
    /// Names that cannot be claimed for those who serve them, each with the reason and what to do.
    pub left: Vec<(Arc<str>, String)>,
}

/// A claim for each name that is served and that nobody holds: for the owner of the workload that has served it for
/// longest, with everybody else who serves it today as a further owner.
pub fn adopt(fleet: &FleetSnapshot, policy: &MeshPolicy, now: Timestamp) -> Adopted {
    let members = Members::of(fleet);
    let mut adopted = Adopted::default();
    for (name, uses) in &uses(fleet, policy) {
        match proposal(name, uses, &members, now) {
            Ok(step) => adopted.steps.extend(step),
            Err(why) => adopted.left.push((Arc::clone(name), why)),
        }
    }
    adopted.steps = sorted(adopted.steps);
    adopted
}

fn proposal(name: &Arc<str>, uses: &[Use<'_>], members: &Members<'_>, now: Timestamp) -> Result<Option<Step>, String> {
    if let Some(one) = uses.iter().find(|one| one.owner.is_none()) {
        return Err(format!("nobody owns {}; label its namespace with its owner", one.origin()));
    }
    let owners: BTreeSet<Arc<str>> = uses.iter().filter_map(|one| one.owner.clone()).collect();
    let held = members.view(name);
    if let Some(held) = held {
        let other = owners.iter().find(|owner| !held.admits(owner));
        let problem = other.map(|other| {
            format!(
                "{} holds it, and {other} serves it too; let it in with `names claim {name} --also {other}`",
                held.owner
            )
        });
        if let Some(problem) = problem {
            return Err(problem);
        }
    }
    let oldest = uses.first().expect("a name that is served has somebody who serves it");
    let Some(facts) = members.facts.get(oldest.cluster) else {
        return Err(format!("the claims of {} are not known; look at `kubectl mesh status`", oldest.cluster));
    };
    let place = Place { cluster: uid_of(oldest.cluster, facts), now };
    let wish = wish(oldest).expect("every owner is known");
    let Some(claimed) = claim(held, &wish, &place) else { return Ok(None) };
    let also_owners: Vec<Arc<str>> = owners.into_iter().filter(|owner| *owner != claimed.owner).collect();
    let rule = match also_owners.as_slice() {
        [] => format!("{} serves it", claimed.owner),
        also => format!("{} has served it for longest; {} serve it too", claimed.owner, also.join(", ")),
    };
    let because = Because::whole(rule, uses.iter().map(Use::origin).collect());
    let claimed = Claim { also_owners, ..claimed };
    Ok(Some(steps::own(oldest.cluster, facts.records.own.get(name), &claimed, because)))
}
