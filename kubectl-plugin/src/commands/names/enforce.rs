//! `kubectl mesh names enforce`.

use clap::Args;
use mesh_model::claim::record_name;

use crate::cli::{FormatArgs, GlobalArgs, ToleranceArgs};
use crate::commands::sync::{self, SyncArgs};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct EnforceArgs {
    /// The global name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
    /// Write without asking
    #[arg(short, long)]
    yes: bool,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Hold everything that removes traffic when more than N endpoints or exposures would go [default: as `sync`]
    #[arg(long, value_name = "N")]
    max_removals: Option<usize>,
    /// Let the last endpoint of the name go although it has clients
    #[arg(long)]
    allow_last: bool,
}

/// A sync of this name alone, in which endpoints that are live are no exception to its claim.
pub(super) fn run(args: &EnforceArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let enforced = [record_name(&args.name.as_str().into())].into();
    let global = GlobalArgs { enforced, ..global.clone() };
    let sync = SyncArgs::of_name(&args.name, &args.format, &args.tolerance)
        .agreed(args.yes, args.dry_run)
        .limited(args.max_removals, args.allow_last);
    sync::run(&sync, &global, output)
}
