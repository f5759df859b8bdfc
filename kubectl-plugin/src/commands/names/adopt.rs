//! `kubectl mesh names adopt`.

use mesh_plan::claims::adopt;
use mesh_render::plan::count;

use super::write::{ConfirmArgs, reading, write};
use crate::cli::GlobalArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

/// Proposes a claim for each name that is served, and writes them.
pub(super) fn run(args: &ConfirmArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let reading = reading(global, output)?;
    let adopted = adopt(&reading.snapshot, reading.fleet.policy(), reading.now);
    for (name, why) in &adopted.left {
        output.warning(&format!("{name} is left as it is: {why}"));
    }
    let exit = write(&reading, adopted.steps, args, output)?;
    if adopted.left.is_empty() {
        return Ok(exit);
    }
    output.note(&format!("{} left; in strict mode their next deploy is refused", count(adopted.left.len(), "name")));
    Ok(exit.merge(Exit::Partial))
}
