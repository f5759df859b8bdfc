//! What somebody else changed while it was to be written is read once more, planned anew for those names alone, and
//! written; what moves a second time is reported (product contract §4).

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_fleet::report::{ApplyReport, Outcome, StepResult};
use mesh_plan::budget::{Removal, hold_removals, removals};
use mesh_plan::plan::{self, Plan, Step};
use mesh_plan::scope::Scope;
use mesh_plan::writing::in_order;
use mesh_render::plan::count;

use super::limits::{self, Said};
use super::{SyncArgs, left_out, prune};
use crate::cli::GlobalArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::fleet;
use crate::output::Output;
use crate::reading::Reading;
use crate::tolerance;

/// What was shown and agreed to.
pub(super) struct First<'a> {
    pub(super) reading: &'a Reading,
    pub(super) plan: &'a Plan,
    pub(super) scope: &'a Scope,
    /// What was said of its limits.
    pub(super) said: &'a [Said],
}

/// What was tried, and what came of it.
pub(super) struct Tried<'a> {
    pub(super) plan: &'a Plan,
    pub(super) report: ApplyReport,
}

/// Tries the names that moved once more, of which `only` leaves in a plan what may be written now. Returns what came of
/// both tries, and how much of the second was held.
pub(super) fn settle(
    args: &SyncArgs,
    global: &GlobalArgs,
    first: &First<'_>,
    tried: Tried<'_>,
    only: &dyn Fn(&mut Plan),
    output: &mut Output,
) -> (ApplyReport, Exit) {
    let Tried { plan: tried, report } = tried;
    let names = moved(tried, &report);
    // Of a saved plan nothing else is written than what it says.
    if names.is_empty() || report.interrupted || args.plan.is_some() {
        return (report, Exit::Success);
    }
    output.note(&format!("{} changed meanwhile: reading again", count(names.len(), "name")));
    let scope = Scope { names: names.iter().cloned().collect(), ..first.scope.clone() };
    let (reading, mut plan) = match plan_again(args, global, first, &scope, output) {
        Ok(again) => again,
        Err(error) => {
            output.error(&error);
            return (report, Exit::Success);
        }
    };
    only(&mut plan);
    hold_unshown(first, &reading, &mut plan);
    if output.is_interrupted() {
        return (ApplyReport { interrupted: true, ..report }, Exit::Success);
    }
    let whole = left_out::noted(&plan, &reading, &scope);
    let second = output.watched(|run| reading.fleet.apply(&whole, run));
    let held = tolerance::exit_of(&plan, args.tolerance.allow_unseen);
    (merged(tried, &names, report, second), held)
}

/// Reads and plans once more, under the same limits.
pub(super) fn plan_again(
    args: &SyncArgs,
    global: &GlobalArgs,
    first: &First<'_>,
    scope: &Scope,
    output: &mut Output,
) -> Result<(Reading, Plan), CommandError> {
    let mut reading = Reading::take_to_write(global, output)?;
    if !is_as_agreed(first.reading, &reading) {
        let message = "the policy or the members changed meanwhile";
        return Err(CommandError::new(Exit::Partial, message).hint("run again to see what follows"));
    }
    prune(args, &mut reading, output);
    let mut plan = plan::plan(&reading.desired, &reading.snapshot, reading.fleet.policy(), scope);
    let said = limits::apply(args, &reading, &mut plan, |most| most);
    if said != first.said {
        limits::say(&said, output);
    }
    Ok((reading, plan))
}

/// The base hosts of the steps that were not as they had been read. What has none cannot be asked for by name.
fn moved(plan: &Plan, report: &ApplyReport) -> BTreeSet<String> {
    let steps = in_order(plan).into_iter().zip(&report.results);
    let moved = steps.filter(|(_, result)| matches!(result.outcome, Outcome::Moved(_)));
    moved.filter_map(|(step, _)| name(step)).collect()
}

fn name(step: &Step) -> Option<String> {
    step.base.as_ref().or(step.host.as_ref()).map(ToString::to_string)
}

/// Whether the fleet is the one that a person agreed to write to.
fn is_as_agreed(first: &Reading, second: &Reading) -> bool {
    first.fleet.policy() == second.fleet.policy() && fleet::forbids_writing(&second.fleet).is_none()
}

/// What `plan` would take away that was not shown.
pub(super) fn unshown(first: &First<'_>, reading: &Reading, plan: &Plan) -> BTreeSet<Removal> {
    let shown = removals(first.plan, &first.reading.desired);
    let changed: BTreeSet<&Arc<str>> = shown.iter().map(host).collect();
    let mut found = removals(plan, &reading.desired);
    // Where a host was shown to be served from fewer places, so was that it is served otherwise.
    found.retain(|removal| {
        !shown.contains(removal) && !matches!(removal, Removal::Change { host } if changed.contains(host))
    });
    found
}

/// Holds what would take away more than what was shown.
fn hold_unshown(first: &First<'_>, reading: &Reading, plan: &mut Plan) {
    let unshown = unshown(first, reading, plan);
    let hosts: BTreeSet<&str> = unshown.iter().map(|removal| &**host(removal)).collect();
    if hosts.is_empty() {
        return;
    }
    let rule = "it removes what the plan of this run did not show; run again to see it";
    hold_removals(plan, rule, |step| hosts.contains(step.host.as_deref().unwrap_or(&step.key.name)));
}

fn host(removal: &Removal) -> &Arc<str> {
    match removal {
        Removal::Endpoint { host, .. } | Removal::Exposure { host, .. } | Removal::Change { host } => host,
    }
}

/// Of names that were tried twice the second try counts, beside what the first had written.
fn merged(plan: &Plan, names: &BTreeSet<String>, first: ApplyReport, second: ApplyReport) -> ApplyReport {
    let steps = in_order(plan).into_iter().zip(first.results);
    let is_settled = |step: &Step, result: &StepResult| {
        !result.outcome.is_written() && name(step).is_some_and(|name| names.contains(&name))
    };
    let kept = steps.filter(|(step, result)| !is_settled(step, result)).map(|(_, result)| result);
    ApplyReport {
        results: kept.chain(second.results).collect(),
        interrupted: first.interrupted || second.interrupted,
        ..first
    }
}
