//! Benches that start the program as users have it: built for release.

use std::path::PathBuf;

use anyhow::Context;
use cargo_metadata::Message;

use crate::process::Command;
use crate::workspace::Workspace;

/// Builds the program and the bench, and runs the bench.
pub(super) fn run(workspace: &Workspace, bench: &str, arguments: &[usize]) -> anyhow::Result<()> {
    run_beside(workspace, "kubectl-mesh", &["--bin", "kubectl-mesh"], bench, arguments)
}

/// Builds the webhook, what it is measured against, and the bench, and runs the bench.
pub(super) fn run_webhook(workspace: &Workspace, bench: &str, arguments: &[usize]) -> anyhow::Result<()> {
    run_beside(workspace, "mesh-webhook", &["--bin", "mesh-webhook", "--example", "bare"], bench, arguments)
}

/// Builds a package's targets, of which one has the package's name, and the bench, and runs the bench beside it.
fn run_beside(
    workspace: &Workspace,
    package: &str,
    targets: &[&str],
    bench: &str,
    arguments: &[usize],
) -> anyhow::Result<()> {
    // In one build, so that the libraries of both are built once.
    let build = ["build", "--release", "--package", package, "--package", "mesh-tests"];
    let build = [&build[..], targets, &["--bench", bench]].concat();
    let (program, bench) = (built(workspace, &build, package)?, built(workspace, &build, bench)?);
    // Programs find each other by the name of the first.
    let program = program.with_file_name("kubectl-mesh");
    Command::new(bench)
        .args(arguments.iter().map(ToString::to_string))
        .env("MESH_PROGRAM", program)
        .env("MESH_SERVERS", workspace.servers())
        .run()
}

/// Runs cargo with these arguments; where the program of the target `name` is then.
pub(super) fn built(workspace: &Workspace, arguments: &[&str], name: &str) -> anyhow::Result<PathBuf> {
    let messages = workspace.cargo(arguments.iter().copied()).args(["--message-format=json"]).read()?;
    Message::parse_stream(messages.as_bytes())
        .filter_map(|message| match message {
            Ok(Message::CompilerArtifact(artifact)) if artifact.target.name == name => artifact.executable,
            _ => None,
        })
        .last()
        .map(Into::into)
        .with_context(|| format!("cargo named no program for {name}"))
}
