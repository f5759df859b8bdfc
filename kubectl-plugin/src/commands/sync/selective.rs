//! A run for some names reads no workloads that cannot matter to them, where labels tell whose workloads are whose.
//!
//! What labels hide can only be missing from what is to be added, and is added by the next run; so everything is read where
//! anything is to be removed or held.

use mesh_model::name::ClusterName;
use mesh_plan::budget::marked_by_admiral;
use mesh_plan::plan::{Class, Plan};
use mesh_plan::scope::Scope;

use super::{DryRun, SyncArgs};
use crate::cli::GlobalArgs;
use crate::error::CommandError;
use crate::output::Output;
use crate::reading::Reading;

/// Reads what the run is about.
pub(super) fn read(
    args: &SyncArgs,
    scope: &Scope,
    global: &GlobalArgs,
    output: &mut Output,
) -> Result<Reading, CommandError> {
    let Some(names) = names(args, scope) else { return Reading::take_to_write(global, output) };
    let reading = Reading::take_to_write_about(names, global, output)?;
    if reading.by_label.is_empty() {
        return Ok(reading);
    }
    let Some(why) = what_it_does_not_tell(&reading, scope) else {
        let clusters: Vec<&str> = reading.by_label.iter().map(ClusterName::as_str).collect();
        output.detail(&format!("workloads by label in {}", clusters.join(", ")));
        return Ok(reading);
    };
    output.note(&format!("listing everything: {why}"));
    Reading::take_to_write(global, output)
}

/// Why everything has to be read after all, if it has to.
fn what_it_does_not_tell(reading: &Reading, scope: &Scope) -> Option<&'static str> {
    // Admiral is a workload like others.
    if !marked_by_admiral(&reading.snapshot).is_empty() {
        return Some("objects of Admiral are there, and it may run");
    }
    match reading.plan(scope) {
        Ok(plan) if takes_nothing(&plan) => None,
        Ok(_) => Some("something is to be removed or held"),
        // A name that is not known may be a workload's that was left out.
        Err(_) => Some("it is not found by label"),
    }
}

/// The names that a run is about, where it is about few and tells nothing of others.
fn names<'s>(args: &SyncArgs, scope: &'s Scope) -> Option<&'s [String]> {
    let counts_all = args.dry_run == Some(DryRun::Client) && args.format.output.is_for_programs();
    let is_whole = counts_all || args.plan.is_some() || args.waves.is_some() || args.prune_ex_sources.is_some();
    scope.plain_names().filter(|_| !is_whole)
}

fn takes_nothing(plan: &Plan) -> bool {
    plan.steps.iter().all(|step| step.is_write() && step.class != Class::RemovesTraffic)
}
