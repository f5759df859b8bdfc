//! L1 and L2: an applied plan leaves nothing to do, also when less can be seen afterwards.

use std::collections::BTreeSet;

use mesh_model::name::ClusterName;
use mesh_model::owned::ObjectKey;

use super::{Given, Law, Lost, Planner, Violation, name, unsee};
use crate::apply_model::apply;
use crate::plan::{Action, Plan};

/// L1: a plan applied and planned again, a month later, contains only holds that were shown.
pub fn applied_plan_is_a_fixpoint(planner: Planner, given: Given<'_>) -> Result<(), Violation> {
    let first = planner.all(given.fleet, given.policy, given.now);
    let after = apply(given.fleet, &first);
    let second = planner.all(&after, given.policy, given.later());
    if let Some(step) = second.steps.iter().find(|step| step.is_write()) {
        return Err(Violation::new(Law::L1, format!("after the plan was applied: {}", name(step))));
    }
    let shown = holds(&first);
    match holds(&second).iter().find(|hold| !shown.contains(*hold)) {
        Some((cluster, key, what)) => {
            Err(Violation::new(Law::L1, format!("hold that was not shown: {cluster}: {key}: {what}")))
        }
        None => Ok(()),
    }
}

/// L2: after a plan is applied, losing sight of clusters or kinds gives a plan without writes.
pub fn unseen_changes_nothing(planner: Planner, given: Given<'_>, lost: &Lost) -> Result<(), Violation> {
    let first = planner.all(given.fleet, given.policy, given.now);
    let after = unsee(&apply(given.fleet, &first), lost);
    let second = planner.all(&after, given.policy, given.later());
    match second.steps.iter().find(|step| step.is_write()) {
        Some(step) => Err(Violation::new(Law::L2, format!("after losing {lost}: {}", name(step)))),
        None => Ok(()),
    }
}

fn holds(plan: &Plan) -> BTreeSet<(&ClusterName, &ObjectKey, &str)> {
    plan.steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Hold { instead_of } => Some((&step.cluster, &step.key, instead_of.as_str())),
            _ => None,
        })
        .collect()
}
