//! cargo-deny: licences, sources and bans of the dependency graph.

use std::fs;

use anyhow::Context;

use crate::process::Command;
use crate::workspace::Workspace;

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// Checks the dependency graph. Advisories are left out: their database is a git repository elsewhere, and a check
/// that fails without a network to it would make every build depend on that.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let bin = workspace.tools().join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if !bin.exists() || Command::new(&bin).args(["--version"]).read()? != format!("cargo-deny {VERSION}") {
        install(workspace)?;
    }
    Command::new(bin)
        .label("cargo-deny")
        .args(["--workspace", "--all-features", "check", "bans", "licenses", "sources"])
        .folder(&workspace.root)
        .run()
}

fn install(workspace: &Workspace) -> anyhow::Result<()> {
    println!("cargo-deny {VERSION} is built once into target/tools (a few minutes)");
    let build = workspace.tools().join("build");
    workspace
        .cargo(["install", "--quiet", "--locked", "--no-default-features", "--root"])
        .args([workspace.tools()])
        .args([format!("cargo-deny@{VERSION}")])
        .env("CARGO_TARGET_DIR", &build)
        .run()?;
    fs::remove_dir_all(&build).with_context(|| format!("{} cannot be removed", build.display()))
}
