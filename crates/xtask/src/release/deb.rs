//! A Debian package of the plugin: where kubectl, its completion, man and shells look for what is theirs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{PLUGIN, Release, SHIM, copy};
use crate::process::Command;

/// Where files of the archive go in a system.
const PLACES: [(&str, &str); 6] = [
    (PLUGIN, "usr/bin/kubectl-mesh"),
    (SHIM, "usr/bin/kubectl_complete-mesh"),
    ("LICENSE", "usr/share/doc/kubectl-mesh/copyright"),
    ("completions/kubectl-mesh.bash", "usr/share/bash-completion/completions/kubectl-mesh"),
    ("completions/_kubectl-mesh", "usr/share/zsh/vendor-completions/_kubectl-mesh"),
    ("completions/kubectl-mesh.fish", "usr/share/fish/vendor_completions.d/kubectl-mesh.fish"),
];

/// Builds it of what is in the archive; none where the system has no `dpkg-deb`, which is said.
pub(super) fn build(release: &Release<'_>, staged: &Path) -> anyhow::Result<Option<PathBuf>> {
    if release.platform.os != "linux" || Command::new("dpkg-deb").args(["--version"]).read().is_err() {
        println!("no Debian package is built: it takes Linux and dpkg-deb");
        return Ok(None);
    }
    let root = release.staging("deb")?;
    fs::remove_file(root.join("LICENSE"))?;
    for (from, to) in PLACES {
        let to = root.join(to);
        fs::create_dir_all(to.parent().expect("it lies in a folder"))?;
        copy(&staged.join(from), &to)?;
    }
    let pages = root.join("usr/share/man/man1");
    fs::create_dir_all(&pages)?;
    for page in fs::read_dir(staged.join("man/man1"))? {
        let page = page?;
        let to = pages.join(page.file_name());
        copy(&page.path(), &to)?;
        Command::new("gzip").args(["-9n".as_ref(), to.as_os_str()]).read()?;
    }
    set_modes(&root)?;
    fs::create_dir_all(root.join("DEBIAN"))?;
    fs::write(root.join("DEBIAN/control"), control(release))?;
    let file = release.out.join(format!("{PLUGIN}_{}_{}.deb", release.version, release.platform.arch));
    Command::new("dpkg-deb")
        // Every dpkg reads gzip, and nobody waits for it.
        .args(["-Zgzip", "--build", "--root-owner-group"])
        .args([&root, &file])
        .env("SOURCE_DATE_EPOCH", "0")
        .run()?;
    Ok(Some(file))
}

/// What everybody may do with it, whatever the umask was.
fn set_modes(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_program = path.parent().is_some_and(|parent| parent.ends_with("usr/bin"));
        let mode = if path.is_dir() || is_program { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        if path.is_dir() {
            set_modes(&path)?;
        }
    }
    Ok(())
}

fn control(release: &Release<'_>) -> String {
    let Release { version, platform, workspace, .. } = release;
    let libraries = if cfg!(target_env = "gnu") { "Depends: libc6, libgcc-s1\n" } else { "" };
    format!(
        "Package: {PLUGIN}\nVersion: {version}\nArchitecture: {}\nMaintainer: kubectl-mesh <maintainers@example.invalid>\n{libraries}\
         Recommends: kubectl\nSection: admin\nPriority: optional\nHomepage: {}\n\
         Description: Call services across Istio clusters by one name\n \
         A kubectl plugin: reads every cluster of a fleet, works out which ServiceEntries\n \
         and DestinationRules each of them should hold, shows what would change and why,\n \
         and writes it when told to.\n",
        platform.arch, workspace.repository
    )
}
