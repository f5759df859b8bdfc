//! Who wrote what, for those who look at a cluster later.

use mesh_fleet::Fleet;
use mesh_fleet::report::ApplyReport;
use mesh_plan::plan::Plan;

use crate::output::Output;

/// Notes what was written in an Event of each cluster. What was written stays written without it, so that it is only told
/// with `-v` where that fails.
pub(super) fn note(fleet: &Fleet, plan: &Plan, report: &ApplyReport, output: &mut Output) {
    let Fleet::Live(live) = fleet else { return };
    let failed = live.note_in_events(plan, report);
    let Some((cluster, why)) = failed.first() else { return };
    let more = match failed.len() {
        1 => String::new(),
        all => format!(" (and {} more clusters)", all - 1),
    };
    output.detail(&format!("{cluster}{more}: no Event tells what was written: {why}"));
}
