//! `kubectl mesh names prune`.

use mesh_plan::claims::release_unused;

use super::PruneArgs;
use super::write::{reading, write};
use crate::cli::GlobalArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

/// Releases what nothing serves: their tombstones stay, so that no backup brings them back.
pub(super) fn run(args: &PruneArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let reading = reading(global, output)?;
    let policy = reading.fleet.policy();
    let steps = release_unused(&reading.snapshot, policy, args.older_than, reading.now)
        .map_err(|error| CommandError::new(Exit::NothingDone, error.to_string()))?;
    write(&reading, steps, &args.confirm, output)
}
