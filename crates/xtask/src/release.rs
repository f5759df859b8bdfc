//! `cargo xtask release`: what is published of a version. Archives of both programs, a Debian package and a krew manifest of the
//! plugin, and the digests of all of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use crate::process::Command;
use crate::workspace::Workspace;
use platform::Platform;

mod archive;
mod deb;
mod krew;
mod platform;
mod sums;

/// The plugin, and what kubectl runs to complete it.
const PLUGIN: &str = "kubectl-mesh";
const SHIM: &str = "kubectl_complete-mesh";
const WEBHOOK: &str = "mesh-webhook";
/// The shells whose completion is in an archive, with the name of the file.
const SHELLS: [(&str, &str); 4] = [
    ("bash", "kubectl-mesh.bash"),
    ("zsh", "_kubectl-mesh"),
    ("fish", "kubectl-mesh.fish"),
    ("powershell", "kubectl-mesh.ps1"),
];

/// What is released, and where to.
#[derive(Args)]
pub(crate) struct Options {
    /// The folder that everything is written into; what is in it already stays.
    #[arg(long, value_name = "DIR", default_value = "target/release-artifacts")]
    out: PathBuf,
    /// Where the archives will be found: the manifest for krew names them below it.
    #[arg(long, value_name = "URL")]
    url: String,
    /// An archive of the plugin for another platform, made by this chore on one: linux-arm64=FILE. It is copied to the others.
    #[arg(long, value_name = "PLATFORM=FILE", value_parser = given)]
    archive: Vec<(Platform, PathBuf)>,
    /// Take the built programs from this folder, instead of building them.
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

fn given(text: &str) -> Result<(Platform, PathBuf), String> {
    let (platform, file) = text.split_once('=').ok_or("expected PLATFORM=FILE, such as linux-arm64=FILE")?;
    Ok((platform.parse()?, file.into()))
}

/// One version on one platform.
struct Release<'w> {
    workspace: &'w Workspace,
    version: String,
    platform: Platform,
    /// The folder with the built programs.
    programs: PathBuf,
    out: PathBuf,
}

/// Makes all of it.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    if !options.url.starts_with("https://") {
        bail!("--url {}: krew downloads over https:// only", options.url);
    }
    let host = Platform::host()?;
    let name = |platform| archive_name(PLUGIN, &workspace.version, platform);
    let mut others: Vec<(Platform, PathBuf)> = Vec::new();
    for (platform, file) in &options.archive {
        if *platform == host || others.iter().any(|(known, _)| known == platform) {
            bail!("there are two archives for {platform}");
        }
        if file.file_name().is_none_or(|given| *given != *name(*platform)) {
            bail!("{} is not called {}, as it will be downloaded", file.display(), name(*platform));
        }
        others.push((*platform, file.clone()));
    }
    let programs = match &options.programs {
        Some(folder) => folder.clone(),
        None => build(workspace)?,
    };
    // Where this is started and where it works need not be the same.
    let out = std::path::absolute(&options.out)?;
    fs::create_dir_all(&out).with_context(|| format!("{} cannot be made", out.display()))?;
    let release = Release {
        workspace,
        version: workspace.version.clone(),
        platform: host,
        programs: std::path::absolute(programs)?,
        out,
    };
    let staged = release.stage_plugin()?;
    let plugin = release.pack(PLUGIN, &staged)?;
    let webhook = release.pack(WEBHOOK, &release.stage_webhook()?)?;
    let mut made = vec![plugin.clone(), webhook];
    made.extend(deb::build(&release, &staged)?);
    let mut archives = vec![(host, plugin)];
    for (platform, file) in others {
        let beside = release.out.join(name(platform));
        if std::path::absolute(&file)? != beside {
            copy(&file, &beside)?;
        }
        made.push(beside.clone());
        archives.push((platform, beside));
    }
    archives.sort();
    made.push(krew::write(&release, &options.url, &archives)?);
    let sums = sums::write(&release.out, &made)?;
    for file in made.iter().chain([&sums]) {
        println!("{}", file.display());
    }
    Ok(())
}

/// Builds both programs; the folder that they are in.
fn build(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    workspace.cargo(["build", "--release", "--locked", "--package", PLUGIN, "--package", WEBHOOK, "--bins"]).run()?;
    Ok(workspace.target.join("release"))
}

impl Release<'_> {
    fn pack(&self, program: &str, staged: &Path) -> anyhow::Result<PathBuf> {
        let file = self.out.join(archive_name(program, &self.version, self.platform));
        archive::pack(staged, &file)?;
        Ok(file)
    }

    /// The built program of this name.
    fn program(&self, name: &str) -> PathBuf {
        self.programs.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    /// An empty folder to put an archive's files into.
    fn staging(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.workspace.target.join("release-staging").join(format!("{}-{name}", std::process::id()));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        copy(&self.workspace.root.join("LICENSE"), &folder.join("LICENSE"))?;
        Ok(folder)
    }

    fn stage_plugin(&self) -> anyhow::Result<PathBuf> {
        let folder = self.staging(PLUGIN)?;
        let program = self.program(PLUGIN);
        copy(&program, &folder.join(program.file_name().expect("a program has a name")))?;
        let shim =
            ["completion", "install", "--dir"].map(Into::into).into_iter().chain([folder.clone().into_os_string()]);
        Command::new(&program).label(PLUGIN).args(shim).read()?;
        if !folder.join(SHIM).is_file() {
            bail!("`{PLUGIN} completion install` did not write {SHIM}");
        }
        let scripts = folder.join("completions");
        fs::create_dir_all(&scripts)?;
        for (shell, file) in SHELLS {
            let script = Command::new(&program).label(PLUGIN).args(["completion", shell]).read()?;
            fs::write(scripts.join(file), script + "\n")?;
        }
        let pages = folder.join("man/man1");
        fs::create_dir_all(&pages)?;
        let written = self.workspace.root.join("docs/man");
        for page in fs::read_dir(&written).with_context(|| format!("{} cannot be read", written.display()))? {
            let page = page?;
            copy(&page.path(), &pages.join(page.file_name()))?;
        }
        Ok(folder)
    }

    fn stage_webhook(&self) -> anyhow::Result<PathBuf> {
        let folder = self.staging(WEBHOOK)?;
        let program = self.program(WEBHOOK);
        copy(&program, &folder.join(program.file_name().expect("a program has a name")))?;
        Ok(folder)
    }
}

/// How an archive of a program is called.
fn archive_name(program: &str, version: &str, platform: Platform) -> String {
    format!("{program}-v{version}-{platform}.tar.gz")
}

/// Copies a file, with what may be done with it.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to).with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))?;
    Ok(())
}
