//! Digests of files, as `sha256sum --check` reads them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

/// 64 hex digits.
pub(super) fn sha256(file: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Writes SHA256SUMS of files, by their names.
pub(super) fn write(out: &Path, files: &[PathBuf]) -> anyhow::Result<PathBuf> {
    let mut lines = Vec::new();
    for file in files {
        let name = file.file_name().with_context(|| format!("{} has no name", file.display()))?;
        lines.push((name.to_string_lossy().into_owned(), sha256(file)?));
    }
    lines.sort();
    let mut text = String::new();
    for (name, digest) in lines {
        let _ = writeln!(text, "{digest}  {name}");
    }
    let sums = out.join("SHA256SUMS");
    fs::write(&sums, text).with_context(|| format!("{} cannot be written", sums.display()))?;
    Ok(sums)
}
