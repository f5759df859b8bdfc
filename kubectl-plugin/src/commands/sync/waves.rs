//! `sync --waves`: what clients gain and lose is written to a few clusters first, then to more, and each wave looks again
//! before it writes (product contract §4).

use std::collections::BTreeSet;

use mesh_fleet::report::{ApplyReport, Outcome, StepResult};
use mesh_model::name::ClusterName;
use mesh_plan::plan::{Plan, Step};
use mesh_plan::writing::in_order;
use mesh_render::plan::count;
use mesh_render::table;

use super::again::{self, First, Tried};
use super::{SyncArgs, left_out};
use crate::cli::GlobalArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::reading::Reading;
use crate::tolerance;

mod division;
mod given;

pub(super) use division::Division;
pub(super) use given::Waves;

/// Divides the clusters of `plan`, and says how.
pub(super) fn divide(waves: &Waves, plan: &Plan, output: &mut Output) -> Division {
    let division = Division::new(waves, plan);
    let shown: Vec<String> = division.waves().map(|wave| shown(&wave)).collect();
    if !shown.is_empty() {
        output.note(&format!("in {}: {}", count(shown.len(), "wave"), shown.join("; ")));
    }
    division
}

/// Writes wave after wave, until one is not written whole or must not begin. Returns what came of all steps, and how the
/// later plans end.
pub(super) fn write(
    args: &SyncArgs,
    global: &GlobalArgs,
    first: &First<'_>,
    division: &Division,
    output: &mut Output,
) -> (ApplyReport, Exit) {
    let mut report = ApplyReport::default();
    let mut exit = Exit::Success;
    let mut plan = first.plan.clone();
    for number in 0..division.count() {
        let again = match number {
            0 => None,
            _ => match look_again(args, global, first, output) {
                Ok((reading, next)) => {
                    exit = exit.merge(tolerance::exit_of(&next, args.tolerance.allow_unseen));
                    plan = next;
                    Some(reading)
                }
                Err(error) => {
                    output.error(&error);
                    stop(&mut report, &plan, division, number, output);
                    return (report, exit.merge(Exit::Partial));
                }
            },
        };
        let reading = again.as_ref().unwrap_or(first.reading);
        let due = division.due(&plan, number);
        if let Some(wave) = division.waves().nth(number) {
            output.note(&format!("wave {} of {}: {}", number + 1, division.count(), shown(&wave)));
        }
        let whole = left_out::noted(&due, reading, first.scope);
        let written = output.watched(|run| reading.fleet.apply(&whole, run));
        let tried = Tried { plan: &due, report: written };
        let (written, held) =
            again::settle(args, global, first, tried, &|plan| *plan = division.due(plan, number), output);
        exit = exit.merge(held);
        let is_done = written.not_written() == 0 && !written.interrupted;
        report.interrupted |= written.interrupted || output.is_interrupted();
        report.results.extend(written.results);
        if !is_done || report.interrupted {
            stop(&mut report, &plan, division, number + 1, output);
            return (report, exit);
        }
    }
    (report, exit)
}

/// The fleet as it is now, and what is left to do. An error where the next wave must not begin.
fn look_again(
    args: &SyncArgs,
    global: &GlobalArgs,
    first: &First<'_>,
    output: &mut Output,
) -> Result<(Reading, Plan), CommandError> {
    let (reading, plan) = again::plan_again(args, global, first, first.scope, output)?;
    let seen_then = |cluster: &&ClusterName| !first.plan.coverage.unseen.contains_key(*cluster);
    if let Some(cluster) = plan.coverage.unseen.keys().find(seen_then) {
        let why = &plan.coverage.unseen[cluster];
        return Err(CommandError::new(Exit::Partial, format!("{cluster} was seen before and is not now: {why}")));
    }
    let unshown = again::unshown(first, &reading, &plan);
    let Some(one) = unshown.first() else { return Ok((reading, plan)) };
    let more = match unshown.len() {
        1 => String::new(),
        all => format!(", and {} more", all - 1),
    };
    let message = format!("the next wave would remove what was not shown: {one}{more}");
    Err(CommandError::new(Exit::Partial, message).hint("run again to see it"))
}

/// Reports what is left from wave `number` on.
fn stop(report: &mut ApplyReport, plan: &Plan, division: &Division, number: usize, output: &mut Output) {
    let Some(done) = number.checked_sub(1) else { return };
    let tried = division.due(plan, done);
    let tried: BTreeSet<_> = in_order(&tried).into_iter().map(|step| (&step.cluster, &step.key)).collect();
    let is_left = |step: &&Step| !tried.contains(&(&step.cluster, &step.key));
    let left: Vec<&Step> = in_order(plan).into_iter().filter(is_left).collect();
    if left.is_empty() {
        return;
    }
    let clusters: BTreeSet<&ClusterName> = left.iter().map(|step| &step.cluster).collect();
    let clusters: Vec<&ClusterName> = clusters.into_iter().collect();
    let (after, left_in) = (format!("wave {} of {}", number, division.count()), table::clusters(&clusters, true));
    output.warning(&format!(
        "stopped after {after}: {} are left in {left_in}; look what happened, then run again to go on",
        count(left.len(), "step")
    ));
    let why = Outcome::NotTried(format!("the sync stopped after {after}"));
    report.results.extend(left.into_iter().map(|step| StepResult {
        cluster: step.cluster.clone(),
        key: step.key.clone(),
        outcome: why.clone(),
    }));
}

fn shown(wave: &[&ClusterName]) -> String {
    table::clusters(wave, false)
}
