//! Claims that a person decides on: shown, agreed to, written.

use clap::Args;
use mesh_fleet::Fleet;
use mesh_plan::claims::begin;
use mesh_plan::plan::{Plan, Step};
use mesh_plan::scope::Scope;

use crate::cli::{Format, FormatArgs, GlobalArgs, ToleranceArgs};
use crate::commands::plan::text;
use crate::commands::sync::{confirmed, outcome};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::reading::Reading;
use crate::{fleet, tolerance};

/// How a change of claims is agreed to.
#[derive(Debug, Args)]
pub(super) struct ConfirmArgs {
    /// Write without asking
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Show what would be written, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) format: FormatArgs,
    #[command(flatten)]
    pub(super) tolerance: ToleranceArgs,
}

/// Reads the fleet. Its folders take claims, if it has any.
pub(super) fn reading(global: &GlobalArgs, output: &mut Output) -> Result<Reading, CommandError> {
    let mut reading = Reading::take_to_write(global, output)?;
    if matches!(reading.fleet, Fleet::Directory(_)) {
        begin(&mut reading.snapshot);
    }
    Ok(reading)
}

/// Shows the steps, asks, writes. The other members hear of it with the next sync.
pub(super) fn write(
    reading: &Reading,
    steps: Vec<Step>,
    args: &ConfirmArgs,
    output: &mut Output,
) -> Result<Exit, CommandError> {
    if let Some(refusal) = fleet::forbids_writing(&reading.fleet).filter(|_| !args.dry_run) {
        return Err(refusal);
    }
    let scope = Scope::default();
    let coverage = reading.coverage();
    let exit = tolerance::exit_by_coverage(&coverage, args.tolerance.allow_unseen);
    let plan = Plan { steps, coverage, ..Plan::default() };
    let format = args.format.output;
    let shown = |format: Format, output: &Output| text(reading, &plan, &scope, format, output.styling());
    if plan.is_empty() || args.dry_run {
        output.data(&shown(format, output))?;
        return Ok(exit);
    }
    // A program reads the report; what it is about goes to people.
    let is_shown = if format.is_for_programs() {
        output.note(&shown(Format::Table, output));
        true
    } else {
        let plan = shown(format, output);
        output.shown(&plan)?
    };
    if !(args.yes || is_shown && confirmed(reading, &plan, output)?) {
        output.note("declined: nothing was written");
        return Ok(Exit::Differences);
    }
    output.notice_interrupts()?;
    let report = output.watched(|run| reading.fleet.apply(&plan, run));
    let done = outcome::show(&report, format, output)?;
    if report.written() > 0 {
        output.note("the other members hear of it with the next `kubectl mesh sync`");
    }
    Ok(exit.merge(done))
}
