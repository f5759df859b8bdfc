//! The checker of objects against Istio's CRDs, and the CRDs beside it: they come with the module that it is pinned to.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::go;

/// Builds `schema-check` and writes `istio-crds.yaml`.
pub(super) fn build(source: &Path, out: &Path) -> anyhow::Result<()> {
    go::command(source, ["build", "-trimpath", "-o"]).args([out.join("schema-check")]).args(["."]).run()?;
    let module = go::command(source, ["list", "-m", "-f", "{{.Dir}}", "istio.io/api"]).read()?;
    let from = Path::new(&module).join("kubernetes/customresourcedefinitions.gen.yaml");
    // Not `fs::copy`: files in the module cache are read-only, and a second build could not overwrite such a copy.
    let crds = fs::read(&from).with_context(|| format!("{} cannot be read", from.display()))?;
    let to = out.join("istio-crds.yaml");
    fs::write(&to, crds).with_context(|| format!("{} cannot be written", to.display()))
}
