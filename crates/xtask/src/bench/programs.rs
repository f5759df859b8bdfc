//! Benches that start the program as users have it: built for release.

use std::path::PathBuf;

use anyhow::Context;
use cargo_metadata::Message;

use crate::process::Command;
use crate::workspace::Workspace;

/// Builds the program and the bench, and runs the bench.
pub(super) fn run(workspace: &Workspace, bench: &str, arguments: &[usize]) -> anyhow::Result<()> {
    // In one build, so that the libraries of both are built once.
    let build = ["build", "--release", "--package", "kubectl-mesh", "--package", "mesh-tests"];
    let build = [&build[..], &["--bin", "kubectl-mesh", "--bench", bench]].concat();
    let (program, bench) = (built(workspace, &build, "kubectl-mesh")?, built(workspace, &build, bench)?);
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
