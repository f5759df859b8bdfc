//! The Go toolchain, which the programs under `tests/servers` need.

use std::path::Path;

use anyhow::bail;

use crate::process::Command;
use crate::workspace::is_ci;

/// What a person reads whose machine has no Go.
const MISSING: &str = "\
┌──────────────────────────────────────────────────────────────────────────┐
│ Go was not found: target/servers cannot be built.                        │
│ SKIPPED: every test that validates objects against Istio's own schema,   │
│ and every test that starts real API servers, Helm or proxies.            │
│ Install Go 1.26 or later and run `cargo xtask test` again.               │
└──────────────────────────────────────────────────────────────────────────┘";

/// Whether there is a Go toolchain. Its absence is loud, and an error in CI.
pub(crate) fn is_there() -> anyhow::Result<bool> {
    if Command::new("go").args(["version"]).read().is_ok() {
        return Ok(true);
    }
    eprintln!("{MISSING}");
    if is_ci() {
        bail!("Go is missing, and CI may not skip what needs it");
    }
    Ok(false)
}

/// A Go command in a module's folder, that takes nothing from the machine but the toolchain and the module cache.
pub(crate) fn command<'a>(folder: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    Command::new("go")
        .args(arguments)
        .folder(folder)
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-buildvcs=false -mod=readonly")
        .env("GOWORK", "off")
}
