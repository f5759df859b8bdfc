//! `mesh-webhook`: the admission webhook of `kubectl mesh`.

mod admin;
mod args;
mod authority;
mod body;
mod certificates;
mod claims;
mod connections;
mod deadline;
mod index;
mod logs;
mod metrics;
mod ready;
mod routes;
mod self_managed;
mod serve;
mod stop;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};

fn main() -> ExitCode {
    let Args { command } = Args::parse();
    match command {
        Command::Serve(args) => {
            logs::start(args.log_format);
            match serve::run(&args) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    tracing::error!(%error, "the webhook ends");
                    ExitCode::FAILURE
                }
            }
        }
    }
}
