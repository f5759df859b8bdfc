//! The programs that tests start: Go modules under `tests/servers`, built into `target/servers`.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::go;
use crate::process::Command;
use crate::workspace::Workspace;

/// Builds every program. False without Go, which is said loudly and is an error in CI.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<bool> {
    if !go::is_there()? {
        return Ok(false);
    }
    let out = workspace.servers();
    fs::create_dir_all(&out).with_context(|| format!("{} cannot be created", out.display()))?;
    build_schema_check(&workspace.root.join("tests/servers/schema"), &out)?;
    Ok(true)
}

/// The checker of objects against Istio's CRDs, and the CRDs beside it: they come with the module that it is pinned to.
fn build_schema_check(source: &Path, out: &Path) -> anyhow::Result<()> {
    go_command(source, ["build", "-trimpath", "-o"]).args([out.join("schema-check")]).args(["."]).run()?;
    let module = go_command(source, ["list", "-m", "-f", "{{.Dir}}", "istio.io/api"]).read()?;
    let from = Path::new(&module).join("kubernetes/customresourcedefinitions.gen.yaml");
    // Not `fs::copy`: files in the module cache are read-only, and a second build could not overwrite such a copy.
    let crds = fs::read(&from).with_context(|| format!("{} cannot be read", from.display()))?;
    let to = out.join("istio-crds.yaml");
    fs::write(&to, crds).with_context(|| format!("{} cannot be written", to.display()))
}

fn go_command<'a>(folder: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    Command::new("go")
        .args(arguments)
        .folder(folder)
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-buildvcs=false -mod=readonly")
        .env("GOWORK", "off")
}
