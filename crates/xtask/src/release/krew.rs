//! The manifest by which krew installs the plugin (<https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest>).

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use super::platform::Platform;
use super::sums::sha256;
use super::{PLUGIN, Release, archive_name};

/// The manifest, but for what differs between releases.
const TEMPLATE: &str = include_str!("krew.yaml");
/// krew wants the manifest of a plugin to be called like it.
const FILE: &str = "mesh.yaml";

/// Writes the manifest that names these archives, below `url`.
pub(super) fn write(release: &Release<'_>, url: &str, archives: &[(Platform, PathBuf)]) -> anyhow::Result<PathBuf> {
    let mut platforms = String::new();
    for (platform, file) in archives {
        platforms += &entry(release, url, *platform, &sha256(file)?);
    }
    let text = TEMPLATE
        .replace("VERSION", &format!("v{}", release.version))
        .replace("HOMEPAGE", &release.workspace.repository)
        .replace("PLATFORMS\n", &platforms);
    let manifest = release.out.join(FILE);
    fs::write(&manifest, text).with_context(|| format!("{} cannot be written", manifest.display()))?;
    Ok(manifest)
}

fn entry(release: &Release<'_>, url: &str, platform: Platform, digest: &str) -> String {
    let Platform { os, arch } = platform;
    let program = if os == "windows" { format!("{PLUGIN}.exe") } else { PLUGIN.to_owned() };
    let uri = format!("{}/{}", url.trim_end_matches('/'), archive_name(PLUGIN, &release.version, platform));
    let mut text = String::new();
    let _ = writeln!(text, "    - selector:\n        matchLabels:\n          os: {os}\n          arch: {arch}");
    let _ = writeln!(text, "      uri: {uri}\n      sha256: {digest}\n      bin: {program}\n      files:");
    for file in [&program, "LICENSE"] {
        let _ = writeln!(text, "        - from: {file}\n          to: .");
    }
    text
}
