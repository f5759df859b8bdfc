//! One module a verb: arguments → read the fleet → a pure call → text.

use crate::cli::{Cli, Command};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

pub(crate) mod plan;

/// Runs the verb that was typed.
pub(crate) fn run(cli: &Cli, output: &mut Output) -> Result<Exit, CommandError> {
    match &cli.command {
        Command::Plan(args) => plan::run(args, &cli.global, output),
    }
}
