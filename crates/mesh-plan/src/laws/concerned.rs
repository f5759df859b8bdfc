//! L7 for a run that watches: what a change is said not to concern is planned as before.

use std::collections::BTreeSet;

use mesh_model::fleet::FleetSnapshot;

use super::{Given, Law, Planner, Violation};
use crate::concern::{Concern, plan_concerned};
use crate::plan::Plan;
use crate::scope::Scope;

/// L7: when `after` follows on `given`, a plan of the names that the change concerns writes all that a whole plan writes,
/// and nothing else, but for what was to be written before. How many steps that were; none where the change concerns
/// everything.
pub fn a_change_concerns_all_that_it_changes(
    given: Given<'_>,
    after: &FleetSnapshot,
) -> Result<Option<usize>, Violation> {
    let Concern::Some { identities, objects } = Concern::between(given.fleet, after, given.policy) else {
        return Ok(None);
    };
    let before = writes(&Planner::REAL.all(given.fleet, given.policy, given.now));
    let whole = writes(&Planner::REAL.all(after, given.policy, given.now));
    let (_, some) = plan_concerned(after, given.policy, given.now, (&identities, &objects), &Scope::default());
    let some = writes(&some);
    let missed = whole.difference(&some).find(|step| !before.contains(*step));
    if let Some(step) = missed.or_else(|| some.difference(&whole).next()) {
        let told = format!("{identities:?} and {objects:?} are concerned; only one of both plans writes {step}");
        return Err(Violation::new(Law::L7, told));
    }
    Ok(Some(whole.len()))
}

fn writes(plan: &Plan) -> BTreeSet<String> {
    let writes = plan.steps.iter().filter(|step| step.is_write());
    writes.map(|step| format!("{} {}: {:?}", step.cluster, step.key, step.action)).collect()
}
