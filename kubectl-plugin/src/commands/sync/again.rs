//! What somebody else changed while it was to be written is read once more, planned anew for those names alone, and
//! written; what moves a second time is reported (product contract §4).

use std::collections::BTreeSet;

use mesh_fleet::report::{ApplyReport, Outcome, StepResult};
use mesh_plan::budget::{Removal, hold_removals, removals};
use mesh_plan::plan::{self, Plan, Step};
use mesh_plan::scope::Scope;
use mesh_plan::writing::in_order;
use mesh_render::plan::count;

use super::{SyncArgs, limits, prune};
use crate::cli::GlobalArgs;
use crate::exit::Exit;
use crate::fleet;
use crate::output::Output;
use crate::reading::Reading;
use crate::tolerance;

/// What was shown, agreed to and tried.
pub(super) struct First<'a> {
    pub(super) reading: &'a Reading,
    pub(super) plan: &'a Plan,
    pub(super) scope: &'a Scope,
}

/// Tries the names that moved once more. Returns what came of both tries, and how much of the second was held.
pub(super) fn settle(
    args: &SyncArgs,
    global: &GlobalArgs,
    first: &First<'_>,
    report: ApplyReport,
    output: &mut Output,
) -> (ApplyReport, Exit) {
    let names = moved(first.plan, &report);
    // Of a saved plan nothing else is written than what it says.
    if names.is_empty() || report.interrupted || args.plan.is_some() {
        return (report, Exit::Success);
    }
    output.note(&format!("{} changed meanwhile: reading again", count(names.len(), "name")));
    let mut reading = match Reading::take_to_write(global, output) {
        Ok(reading) => reading,
        Err(error) => {
            output.error(&error);
            return (report, Exit::Success);
        }
    };
    if !is_as_agreed(first.reading, &reading) {
        output.warning("the policy or the members changed meanwhile: run again to see what follows");
        return (report, Exit::Success);
    }
    prune(args, &mut reading, output);
    let scope = Scope { names: names.iter().cloned().collect(), ..first.scope.clone() };
    let mut plan = plan::plan(&reading.desired, &reading.snapshot, reading.fleet.policy(), &scope);
    limits::say(&limits::apply(args, &reading, &mut plan, |most| most), output);
    hold_unshown(first, &reading, &mut plan);
    if output.is_interrupted() {
        return (ApplyReport { interrupted: true, ..report }, Exit::Success);
    }
    let second = output.watched(|run| reading.fleet.apply(&plan, run));
    let held = tolerance::exit_of(&plan, args.tolerance.allow_unseen);
    (merged(first.plan, &names, report, second), held)
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

/// Holds what would take away more than what was shown.
fn hold_unshown(first: &First<'_>, reading: &Reading, plan: &mut Plan) {
    let shown = removals(first.plan, &first.reading.desired);
    let unshown: BTreeSet<_> = removals(plan, &reading.desired)
        .into_iter()
        .filter(|removal| !shown.contains(removal))
        .map(|removal| match removal {
            Removal::Endpoint { host, .. } | Removal::Exposure { host, .. } | Removal::Change { host } => host,
        })
        .collect();
    if unshown.is_empty() {
        return;
    }
    let rule = "it removes what the plan of this run did not show; run again to see it";
    hold_removals(plan, rule, |step| unshown.contains(step.host.as_deref().unwrap_or(&step.key.name)));
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
