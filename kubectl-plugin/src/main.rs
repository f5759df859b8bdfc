//! `kubectl mesh`: cross-cluster Istio configuration, planned, shown and written on demand.

mod cli;
mod clock;
mod commands;
mod environment;
mod error;
mod exit;
mod fleet;
mod given;
mod interrupt;
mod known;
mod limits;
mod output;
mod panic;
mod progress;
mod reading;
mod tolerance;

use std::process::ExitCode;

use crate::cli::{Color, Invocation};
use crate::exit::Exit;
use crate::output::Output;

fn main() -> ExitCode {
    panic::tell_without_data();
    let mut plain = Output::new(Color::Never, 0);
    if let Some(exit) = commands::completion::answer_shell(std::env::args_os(), &mut plain) {
        return exit.into();
    }
    let cli = match cli::parse(std::env::args_os()) {
        Invocation::Run(cli) => cli,
        Invocation::Answered(exit) => return exit.into(),
    };
    let mut output = Output::new(cli.global.color, cli.global.verbose);
    let exit = commands::run(&cli, &mut output).unwrap_or_else(|error| output.error(&error));
    let exit = if output.is_interrupted() { exit.merge(Exit::Interrupted) } else { exit };
    exit.into()
}
