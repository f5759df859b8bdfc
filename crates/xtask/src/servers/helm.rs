//! Helm, for the tests of the chart.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::Path;

use anyhow::Context;

use super::read;
use crate::go;

/// Builds it unless it is there as this source makes it.
pub(super) fn build(source: &Path, out: &Path) -> anyhow::Result<()> {
    let wanted = format!("{}{}", read(&source.join("go.mod"))?, read(&source.join("go.sum"))?);
    let stamp = out.join("helm.stamp");
    let program = out.join(format!("helm{EXE_SUFFIX}"));
    if program.is_file() && fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        println!("Helm is up to date");
        return Ok(());
    }
    println!("Helm is built once into target/servers (about two minutes on two cores)");
    go::command(source, ["install", "-trimpath", "-ldflags", "-s -w", "tool"]).env("GOBIN", out).run()?;
    // Last, so that a build that was cut short is done again.
    fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))
}
