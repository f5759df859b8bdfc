//! Clusters that `--cluster` leaves out are not written, and nobody is led to one that does not route the host yet (law
//! L10).

use std::borrow::Cow;

use mesh_fleet::will_route;
use mesh_plan::plan::{self, Action, Plan, Step};
use mesh_plan::scope::Scope;

use crate::reading::Reading;

/// `plan`, with a hold for every new source that `scope` leaves out: writers lead nobody to a source that is held.
pub(super) fn noted<'p>(plan: &'p Plan, reading: &Reading, scope: &Scope) -> Cow<'p, Plan> {
    if scope.clusters.is_empty() {
        return Cow::Borrowed(plan);
    }
    let everywhere = Scope { clusters: Vec::new(), ..scope.clone() };
    let whole = plan::plan(&reading.desired, &reading.snapshot, reading.fleet.policy(), &everywhere);
    let is_left_out = |step: &Step| !scope.has_cluster(&step.cluster) && will_route(step);
    let left_out = whole.steps.into_iter().filter(is_left_out);
    let mut plan = plan.clone();
    plan.steps.extend(left_out.map(|step| Step { action: Action::Hold { instead_of: "create".to_owned() }, ..step }));
    Cow::Owned(plan)
}
