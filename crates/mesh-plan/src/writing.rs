//! In which order a plan is written, so that nobody is sent where nobody answers (product contract §4, law L10).

use crate::desired::Role;
use crate::plan::{Action, Class, Plan, Step};

/// When a step is written, within its name and across the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// What source clusters hold: they route the host before anybody is told of them.
    Sources,
    /// What clients gain.
    ClientAdditions,
    /// What clients lose.
    ClientRemovals,
    /// What everybody else loses.
    OtherRemovals,
}

/// When `step` is written. Holds are written never; they sort as what they hold.
pub fn phase(step: &Step) -> Phase {
    let removes = step.class == Class::RemovesTraffic;
    match (&step.action, step.role) {
        (Action::Delete { .. }, Some(Role::Client)) => Phase::ClientRemovals,
        (Action::Delete { .. }, _) => Phase::OtherRemovals,
        (_, Some(Role::Source)) => Phase::Sources,
        _ if removes => Phase::ClientRemovals,
        _ => Phase::ClientAdditions,
    }
}

/// The writes of a plan in their order: names one after the other, each phase by phase, then as planned.
pub fn in_order(plan: &Plan) -> Vec<&Step> {
    let mut steps: Vec<&Step> = plan.steps.iter().filter(|step| step.is_write()).collect();
    steps.sort_by(|a, b| (&a.base, phase(a)).cmp(&(&b.base, phase(b))));
    steps
}
