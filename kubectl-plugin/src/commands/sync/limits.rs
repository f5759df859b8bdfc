//! What a run may not do unless it is told to: hold it, and say so.

use mesh_plan::budget::{base, default_max_removals, hold_beside_admiral, hold_removals, last_endpoints, removals};
use mesh_plan::plan::Plan;
use mesh_render::plan::count;

use super::SyncArgs;
use crate::output::Output;
use crate::reading::Reading;

/// Removals that a warning names.
const NAMED: usize = 5;

/// What is to be said of the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// That something is held.
    Warning(String),
    /// What it is.
    Note(String),
}

/// Says it.
pub(super) fn say(said: &[Said], output: &mut Output) {
    for one in said {
        match one {
            Said::Warning(text) => output.warning(text),
            Said::Note(text) => output.note(text),
        }
    }
}

/// Holds in `plan` what the limits forbid, and tells what to say of it. `--yes` raises none of them. `left` says how many
/// removals are left of as many as one run may do.
pub(super) fn apply(args: &SyncArgs, reading: &Reading, plan: &mut Plan, left: impl Fn(usize) -> usize) -> Vec<Said> {
    let mut said = Vec::new();
    if !args.beside_admiral {
        let held = hold_beside_admiral(plan, &reading.snapshot);
        if held > 0 {
            let held = count(held, "step");
            said.push(Said::Warning(format!("{held} held beside Admiral; stop it, or add --beside-admiral")));
        }
    }
    let last = last_endpoints(plan, &reading.desired, &reading.snapshot, &args.allow_last);
    if !last.is_empty() {
        let rule = "the last endpoint of a name that still has clients goes only with --allow-last";
        hold_removals(plan, rule, |step| last.contains(&base(step)));
        said.extend(last.iter().map(|name| {
            Said::Warning(format!(
                "{name} would lose its last endpoint and still has clients: held; let it go with --allow-last {name}"
            ))
        }));
    }
    let most = args.max_removals.unwrap_or_else(|| default_max_removals(plan.coverage.served_endpoints));
    let removals = removals(plan, &reading.desired);
    if removals.len() > left(most) {
        let (would, most) = (count(removals.len(), "removal"), most.to_string());
        hold_removals(plan, &format!("{would}, and one run may do {most} (--max-removals)"), |_| true);
        said.push(Said::Warning(format!(
            "{would}, and one run may do {most}: everything that removes traffic is held; allow more with --max-removals {}",
            removals.len()
        )));
        said.extend(removals.iter().take(NAMED).map(|removal| Said::Note(format!("  {removal}"))));
        if let Some(more @ 1..) = removals.len().checked_sub(NAMED) {
            said.push(Said::Note(format!("  and {more} more")));
        }
    }
    said
}
