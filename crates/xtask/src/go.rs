//! The Go toolchain, which the programs under `tests/servers` need.

use anyhow::bail;

use crate::process::Command;
use crate::workspace::is_ci;

/// What a person reads whose machine has no Go.
const MISSING: &str = "\
┌──────────────────────────────────────────────────────────────────────────┐
│ Go was not found: target/servers cannot be built.                        │
│ SKIPPED: every test that validates objects against Istio's own schema.   │
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
