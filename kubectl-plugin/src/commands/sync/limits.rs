//! What a run may not do unless it is told to: hold it, and say so.

use mesh_plan::budget::{base, default_max_removals, hold_beside_admiral, hold_removals, last_endpoints, removals};
use mesh_plan::plan::Plan;
use mesh_render::plan::count;

use super::SyncArgs;
use crate::output::Output;
use crate::reading::Reading;

/// Removals that a warning names.
const NAMED: usize = 5;

/// Holds in `plan` what the limits forbid. `--yes` raises none of them.
pub(super) fn apply(args: &SyncArgs, reading: &Reading, plan: &mut Plan, output: &mut Output) {
    if !args.beside_admiral {
        let held = hold_beside_admiral(plan, &reading.snapshot);
        if held > 0 {
            output.warning(&format!("{} held beside Admiral; stop it, or add --beside-admiral", count(held, "step")));
        }
    }
    let last = last_endpoints(plan, &reading.desired, &reading.snapshot, &args.allow_last);
    if !last.is_empty() {
        let rule = "the last endpoint of a name that still has clients goes only with --allow-last";
        hold_removals(plan, rule, |step| last.contains(&base(step)));
        for name in &last {
            output.warning(&format!(
                "{name} would lose its last endpoint and still has clients: held; let it go with --allow-last {name}"
            ));
        }
    }
    let most = args.max_removals.unwrap_or_else(|| default_max_removals(plan.coverage.served_endpoints));
    let removals = removals(plan, &reading.desired);
    if removals.len() > most {
        let (would, most) = (count(removals.len(), "removal"), most.to_string());
        hold_removals(plan, &format!("{would}, and one run may do {most} (--max-removals)"), |_| true);
        output.warning(&format!(
            "{would}, and one run may do {most}: everything that removes traffic is held; allow more with --max-removals {}",
            removals.len()
        ));
        for removal in removals.iter().take(NAMED) {
            output.note(&format!("  {removal}"));
        }
        if let Some(more @ 1..) = removals.len().checked_sub(NAMED) {
            output.note(&format!("  and {more} more"));
        }
    }
}
