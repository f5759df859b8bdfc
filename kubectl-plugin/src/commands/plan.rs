//! `kubectl mesh plan`.

use clap::Args;

use crate::cli::{FormatArgs, GlobalArgs, ScopeArgs, ToleranceArgs};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::reading::Reading;

/// Show what would be created, changed, deleted or held, and why
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
    /// End with exit status 1 when there is anything to change
    #[arg(long)]
    exit_code: bool,
}

/// Reads the fleet and shows the plan.
pub(crate) fn run(args: &PlanArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let reading = Reading::take(global, output)?;
    let plan = reading.plan(&args.scope.scope());
    let counts = plan.counts();
    output.data(&format!("Plan: {} to add in {} clusters.\n", counts.add, counts.clusters))?;
    Ok(if args.exit_code && !plan.is_empty() { Exit::Differences } else { Exit::Success })
}
