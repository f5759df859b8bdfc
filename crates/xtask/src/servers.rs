//! The programs that tests start: Go modules under `tests/servers`, built into `target/servers`.

mod helm;
mod istio;
mod kubernetes;
mod schema;

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::go;
use crate::workspace::Workspace;

/// Builds every program. False without Go, which is said loudly and is an error in CI.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<bool> {
    if !go::is_there()? {
        return Ok(false);
    }
    let sources = workspace.root.join("tests/servers");
    let out = workspace.servers();
    fs::create_dir_all(&out).with_context(|| format!("{} cannot be created", out.display()))?;
    schema::build(&sources.join("schema"), &out)?;
    kubernetes::build(&sources.join("kubernetes"), &out)?;
    helm::build(&sources.join("helm"), &out)?;
    istio::build(&sources.join("istio"), &out)?;
    Ok(true)
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}
