//! etcd, kube-apiserver and kube-controller-manager, for the tests that need real API servers.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, bail};

use super::read;
use crate::go;

/// What `go install tool` calls each program, and what it is called in `target/servers`.
const PROGRAMS: &[(&str, &str)] = &[
    ("server", "etcd"), // named for its package
    ("kube-apiserver", "kube-apiserver"),
    ("kube-controller-manager", "kube-controller-manager"),
];

/// The convention of controller-runtime's envtest: a folder with etcd and kube-apiserver, which tests then use.
const ASSETS: &str = "KUBEBUILDER_ASSETS";

/// Builds the programs, unless they are there as this source and these flags make them, or were brought along.
pub(super) fn build(source: &Path, out: &Path) -> anyhow::Result<()> {
    if let Some(folder) = env::var_os(ASSETS).map(PathBuf::from) {
        return brought(&folder);
    }
    let version = version(source)?;
    let flags = linker_flags(&version);
    let wanted = format!("{flags}\n{}{}", read(&source.join("go.mod"))?, read(&source.join("go.sum"))?);
    let stamp = out.join("kubernetes.stamp");
    let names = || PROGRAMS.iter().map(|(_, name)| out.join(format!("{name}{EXE_SUFFIX}")));
    if names().all(|program| program.is_file()) && fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        println!("etcd and Kubernetes {version} are up to date");
        return Ok(());
    }
    println!("etcd and Kubernetes {version} are built once into target/servers (about six minutes on two cores)");
    let unnamed = out.join("kubernetes.build");
    go::command(source, ["install", "-trimpath", "-ldflags"])
        .args([&flags])
        .args(["tool"])
        .env("GOBIN", &unnamed)
        .run()?;
    for ((built, _), program) in PROGRAMS.iter().zip(names()) {
        let built = unnamed.join(format!("{built}{EXE_SUFFIX}"));
        fs::rename(&built, &program).with_context(|| format!("{} cannot be moved", built.display()))?;
    }
    fs::remove_dir_all(&unnamed).with_context(|| format!("{} cannot be removed", unnamed.display()))?;
    // Last, so that a build that was cut short is done again.
    fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))
}

/// Accepts the programs of `KUBEBUILDER_ASSETS` instead of building any.
fn brought(folder: &Path) -> anyhow::Result<()> {
    for name in ["etcd", "kube-apiserver"] {
        if !folder.join(format!("{name}{EXE_SUFFIX}")).is_file() {
            bail!("{ASSETS} names {}, which has no {name}: unset it to build one", folder.display());
        }
    }
    println!("etcd and kube-apiserver are not built: {ASSETS} names {}", folder.display());
    Ok(())
}

/// The version of Kubernetes that the module is pinned to, such as `v1.37.2`.
fn version(source: &Path) -> anyhow::Result<String> {
    let manifest = source.join("go.mod");
    read(&manifest)?
        .lines()
        // After it may stand `// indirect`: tools are no imports.
        .find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes ")?.split_whitespace().next())
        .map(str::to_owned)
        .with_context(|| format!("{} requires no k8s.io/kubernetes", manifest.display()))
}

/// Without symbols; and with the version, which Kubernetes does not know by itself.
fn linker_flags(version: &str) -> String {
    let mut numbers = version.trim_start_matches('v').split('.');
    let versions = [("gitVersion", Some(version)), ("gitMajor", numbers.next()), ("gitMinor", numbers.next())];
    let set =
        versions.map(|(name, value)| format!("-X k8s.io/component-base/version.{name}={}", value.unwrap_or_default()));
    format!("-s -w {}", set.join(" "))
}
