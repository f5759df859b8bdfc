//! `sync --dry-run=server`: what the API servers would say to each write.

use mesh_fleet::Fleet;
use mesh_fleet::live::{LiveFleet, PolicyOutcome};
use mesh_plan::plan::Plan;

use super::outcome;
use crate::cli::Format;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

/// Only API servers can be asked.
pub(super) fn check(fleet: &Fleet) -> Result<(), CommandError> {
    live(fleet).map(|_| ())
}

/// Asks, and reports a row for each cluster.
pub(super) fn run(fleet: &Fleet, plan: &Plan, format: Format, output: &mut Output) -> Result<Exit, CommandError> {
    let live = live(fleet)?;
    output.notice_interrupts()?;
    let mut exit = Exit::Success;
    for result in output.watched(|run| live.rehearse_policy(run)) {
        let cluster = result.cluster;
        match result.outcome {
            Ok(PolicyOutcome::Same) => {}
            Ok(PolicyOutcome::Created | PolicyOutcome::Updated) => {
                output.note(&format!("{cluster}: would store the policy, revision {}", live.policy().revision));
            }
            Err(why) => {
                output.warning(&format!("{cluster}: the policy would not be stored: {why}"));
                exit = Exit::Partial;
            }
        }
    }
    let report = output.watched(|run| live.rehearse(plan, run));
    Ok(exit.merge(outcome::show(&report, format, output)?))
}

fn live(fleet: &Fleet) -> Result<&LiveFleet, CommandError> {
    match fleet {
        Fleet::Live(live) => Ok(live),
        Fleet::Directory(_) => Err(CommandError::usage(format!("{fleet} is a folder: there is no server to ask"))
            .hint("--dry-run shows what would be written")),
    }
}
