//! The project's chores: `cargo xtask test` is what a contributor and CI run, `servers` and `bench` are its parts that
//! stand alone, and `release` packs what is published.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore's output is for the person who started it")]

mod bench;
mod deny;
mod go;
mod process;
mod release;
mod servers;
mod suite;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Chores of this project.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check everything: format, lints, every test, documentation, dependencies. Builds what it needs.
    Test(suite::Options),
    /// Write the pages of docs/ that are made from the program: commands.md, findings.md, man/.
    Docs,
    /// Build the Go programs that tests use into target/servers.
    Servers,
    /// Pack what is published of a version: archives, a Debian package, a manifest for krew, digests.
    Release(release::Options),
    /// Measure speed and size.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    match cli.chore {
        Chore::Test(options) => suite::run(&workspace, &options),
        Chore::Docs => workspace.cargo(["run", "--quiet", "-p", "kubectl-mesh", "--", "__docs", "docs"]).run(),
        Chore::Servers => servers::build(&workspace).map(drop),
        Chore::Release(options) => release::run(&workspace, &options),
        Chore::Bench(bench) => bench.run(&workspace),
    }
}
