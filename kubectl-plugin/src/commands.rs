//! One module a verb: arguments → read the fleet → a pure call → text.

use crate::cli::{Cli, Command};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

pub(crate) mod check;
pub(crate) mod completion;
pub(crate) mod diff;
pub(crate) mod docs;
pub(crate) mod explain;
pub(crate) mod fleet;
pub(crate) mod graph;
pub(crate) mod names;
pub(crate) mod permissions;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod render;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod trace;
pub(crate) mod version;
pub(crate) mod webhook;
pub(crate) mod whereis;

/// Runs the verb that was typed.
pub(crate) fn run(cli: &Cli, output: &mut Output) -> Result<Exit, CommandError> {
    match &cli.command {
        Command::Plan(args) => plan::run(args, &cli.global, output),
        Command::Diff(args) => diff::run(args, &cli.global, output),
        Command::Render(args) => render::run(args, &cli.global, output),
        Command::Sync(args) => sync::run(args, &cli.global, output),
        Command::Check(args) => check::run(args, &cli.global, output),
        Command::Status(args) => status::run(args, &cli.global, output),
        Command::Whereis(args) => whereis::run(args, &cli.global, output),
        Command::Explain(args) => explain::run(args, &cli.global, output),
        Command::Trace(args) => trace::run(args, &cli.global, output),
        Command::Graph(args) => graph::run(args, &cli.global, output),
        Command::Names(args) => names::run(args, &cli.global, output),
        Command::Fleet(args) => fleet::run(args, &cli.global, output),
        Command::Policy(args) => policy::run(args, &cli.global, output),
        Command::Webhook(args) => webhook::run(args, &cli.global, output),
        Command::Permissions(args) => permissions::run(args, output),
        Command::Completion(args) => completion::run(args, output),
        Command::Version(args) => version::run(args, output),
        Command::Complete(args) => completion::answer_kubectl(args, output),
        Command::Docs(args) => docs::run(args, output),
    }
}
