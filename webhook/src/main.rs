//! `mesh-webhook`: the admission webhook of `kubectl mesh`.

mod admin;
mod args;
mod authority;
mod body;
mod certificates;
mod claims;
mod connections;
mod deadline;
mod folder;
mod index;
mod listener;
mod logs;
mod metrics;
mod overseer;
mod ready;
mod reviewers;
mod rounds;
mod routes;
mod self_managed;
mod self_test;
mod serve;
mod state;
mod stop;
mod tally;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command, LogFormat};

#[global_allocator]
static MEMORY: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let Args { command } = Args::parse();
    match command {
        Command::SelfTest(args) => {
            logs::start(LogFormat::Text);
            match self_test::run(&args) {
                Ok(()) => {
                    tracing::info!("the webhook answers as it should");
                    ExitCode::SUCCESS
                }
                Err(problem) => {
                    tracing::error!(problem, "the webhook does not answer as it should");
                    ExitCode::FAILURE
                }
            }
        }
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
