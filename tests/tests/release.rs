//! What `cargo xtask release` packs: installed from the archive kubectl runs it, the Debian package has its files where they belong,
//! and krew would take the manifest.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use mesh_tests::{TestEnv, program, skipped_without, webhook_program, xtask_program};
use serde_json::{Value, json};

const URL: &str = "https://releases.example/v1";

/// The platforms that have their archives from elsewhere.
const FOREIGN: [&str; 2] = ["darwin-arm64", "windows-amd64"];

/// A folder with a release of the programs that tests use.
struct Released {
    env: TestEnv,
}

impl Released {
    /// The one that tests share: packing takes its time.
    fn shared() -> &'static Self {
        static SHARED: OnceLock<Released> = OnceLock::new();
        SHARED.get_or_init(Self::new)
    }

    fn new() -> Self {
        let env = TestEnv::new();
        let foreign = FOREIGN.map(|platform| {
            let file = env.root().join(format!("kubectl-mesh-v{}-{platform}.tar.gz", env!("CARGO_PKG_VERSION")));
            fs::write(&file, platform).unwrap();
            format!("--archive={platform}={}", file.display())
        });
        let output = Self::run(&env, &foreign.each_ref().map(String::as_str));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { env }
    }

    fn run(env: &TestEnv, more: &[&str]) -> Output {
        let mut command = Command::new(xtask_program());
        command.args(["release", "--out", "out", "--url", URL, "--programs"]).arg(programs());
        command.args(more).current_dir(env.root()).output().unwrap()
    }

    fn out(&self) -> PathBuf {
        self.env.root().join("out")
    }

    /// The one file made here whose name begins and ends so.
    fn file(&self, begins: &str, ends: &str) -> PathBuf {
        let is_foreign = |name: &str| FOREIGN.iter().any(|platform| name.contains(platform));
        let is_it = |name: &str| name.starts_with(begins) && name.ends_with(ends) && !is_foreign(name);
        let mut found: Vec<PathBuf> = files(&self.out()).into_iter().filter(|path| is_it(&name(path))).collect();
        let file = found.pop().unwrap_or_else(|| panic!("no {begins}…{ends} in {:?}", files(&self.out())));
        assert_eq!(found, Vec::<PathBuf>::new());
        file
    }

    /// What an archive holds, unpacked.
    fn unpacked(&self, archive: &Path, to: &str) -> PathBuf {
        let folder = self.env.root().join(to);
        fs::create_dir(&folder).unwrap();
        let status = Command::new("tar").args(["-xzf"]).arg(archive).arg("-C").arg(&folder).status();
        assert!(status.unwrap().success());
        folder
    }
}

/// The built programs without what debuggers read, which is nearly all of them.
fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<TestEnv> = OnceLock::new();
    let env = PROGRAMS.get_or_init(|| {
        let env = TestEnv::new();
        for built in [program(), webhook_program()] {
            let to = env.root().join(built.file_name().unwrap());
            let stripped = Command::new("strip").arg("-o").arg(&to).arg(built).status();
            if !stripped.is_ok_and(|status| status.success()) {
                fs::copy(built, &to).unwrap();
            }
        }
        env
    });
    env.root()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn kubectl_runs_what_is_installed_from_the_archive() {
    let released = Released::shared();
    let folder = released.unpacked(&released.file("kubectl-mesh-v", ".tar.gz"), "installed");
    let names: Vec<String> = files(&folder).iter().map(|path| name(path)).collect();
    assert_eq!(names, ["LICENSE", "completions", "kubectl-mesh", "kubectl_complete-mesh", "man"]);
    let scripts: Vec<String> = files(&folder.join("completions")).iter().map(|path| name(path)).collect();
    assert_eq!(scripts, ["_kubectl-mesh", "kubectl-mesh.bash", "kubectl-mesh.fish", "kubectl-mesh.ps1"]);
    assert!(files(&folder.join("completions")).iter().all(|path| fs::metadata(path).unwrap().len() > 100));
    assert!(folder.join("man/man1/kubectl-mesh-plan.1").is_file());
    let webhook = released.unpacked(&released.file("mesh-webhook-v", ".tar.gz"), "webhook");
    let version = Command::new(webhook.join("mesh-webhook")).arg("--version").output().unwrap();
    assert!(String::from_utf8_lossy(&version.stdout).contains(env!("CARGO_PKG_VERSION")), "{version:?}");
    assert!(webhook.join("LICENSE").is_file());

    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        return skipped_without("kubectl");
    }
    let paths = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect::<Vec<_>>();
    let path = std::env::join_paths(std::iter::once(folder).chain(paths)).unwrap();
    for (args, word) in
        [(&["mesh", "version"][..], env!("CARGO_PKG_VERSION")), (&["__complete", "mesh", "stat"][..], "status")]
    {
        let said = Command::new("kubectl").args(args).env("PATH", &path).output().unwrap();
        assert!(said.status.success() && String::from_utf8_lossy(&said.stdout).contains(word), "{args:?}: {said:?}");
    }
}

#[test]
fn the_same_files_give_the_same_archive_and_every_digest_is_right() {
    let (first, second) = (Released::shared(), Released::new());
    let sums = fs::read_to_string(first.out().join("SHA256SUMS")).unwrap();
    assert_eq!(sums, fs::read_to_string(second.out().join("SHA256SUMS")).unwrap());
    let checked =
        Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(first.out()).output();
    let checked = checked.unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let listed: BTreeSet<&str> = sums.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    let all: Vec<String> = files(&first.out()).iter().map(|path| name(path)).collect();
    let all: BTreeSet<&str> = all.iter().map(String::as_str).filter(|name| *name != "SHA256SUMS").collect();
    assert_eq!(listed, all, "every file but the list itself");
}

#[test]
fn the_debian_package_has_its_files_where_they_belong() {
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        return skipped_without("dpkg-deb");
    }
    let released = Released::shared();
    let package = released.file("kubectl-mesh_", ".deb");
    let field = |name: &str| {
        let output = Command::new("dpkg-deb").arg("--field").arg(&package).arg(name).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!([field("Package"), field("Version")], ["kubectl-mesh", env!("CARGO_PKG_VERSION")]);
    let contents = Command::new("dpkg-deb").arg("--contents").arg(&package).output().unwrap();
    let contents = String::from_utf8(contents.stdout).unwrap();
    for (mode, file) in [
        ("-rwxr-xr-x root/root", "./usr/bin/kubectl-mesh"),
        ("-rwxr-xr-x root/root", "./usr/bin/kubectl_complete-mesh"),
        ("-rw-r--r-- root/root", "./usr/share/doc/kubectl-mesh/copyright"),
        ("-rw-r--r-- root/root", "./usr/share/man/man1/kubectl-mesh.1.gz"),
        ("-rw-r--r-- root/root", "./usr/share/bash-completion/completions/kubectl-mesh"),
        ("-rw-r--r-- root/root", "./usr/share/zsh/vendor-completions/_kubectl-mesh"),
        ("-rw-r--r-- root/root", "./usr/share/fish/vendor_completions.d/kubectl-mesh.fish"),
    ] {
        let is_there = contents.lines().any(|line| line.starts_with(mode) && line.ends_with(&format!(" {file}")));
        assert!(is_there, "{mode} {file}: {contents}");
    }
    let root = released.env.root().join("root");
    assert!(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&root).status().unwrap().success());
    let said = Command::new(root.join("usr/bin/kubectl-mesh")).arg("version").output().unwrap();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(
        fs::read(root.join("usr/bin/kubectl-mesh")).unwrap(),
        fs::read(programs().join("kubectl-mesh")).unwrap()
    );
}

#[test]
fn krew_takes_the_manifest_for_every_platform_that_has_an_archive() {
    let (released, version) = (Released::shared(), env!("CARGO_PKG_VERSION"));
    let manifest = fs::read_to_string(released.out().join("mesh.yaml")).unwrap();
    let manifest: Value = serde_saphyr::from_str(&manifest).unwrap();
    as_krew_validates("mesh", &manifest);
    assert_eq!(manifest["spec"]["version"], format!("v{version}"));
    let mut systems = BTreeSet::new();
    for platform in manifest["spec"]["platforms"].as_array().unwrap() {
        let selected = &platform["selector"]["matchLabels"];
        let (os, arch) = (selected["os"].as_str().unwrap(), selected["arch"].as_str().unwrap());
        assert!(systems.insert((os, arch)), "{os} {arch} is there twice");
        let file = format!("kubectl-mesh-v{version}-{os}-{arch}.tar.gz");
        assert_eq!(platform["uri"], format!("{URL}/{file}"));
        let digest = Command::new("sha256sum").arg(released.out().join(&file)).output().unwrap();
        let digest = String::from_utf8(digest.stdout).unwrap();
        assert_eq!(platform["sha256"], digest.split(' ').next().unwrap());
        assert_eq!(platform["bin"], if os == "windows" { "kubectl-mesh.exe" } else { "kubectl-mesh" });
    }
    assert_eq!(systems.len(), 3, "{systems:?}");
}

/// The rules of krew's own validation (`internal/index/validation`), and those of its page on manifests.
fn as_krew_validates(name: &str, manifest: &Value) {
    assert_eq!(manifest["apiVersion"], "krew.googlecontainertools.github.com/v1alpha2");
    assert_eq!(manifest["kind"], "Plugin");
    assert_eq!(manifest["metadata"], json!({"name": name}));
    let only = |object: &Value, keys: &[&str]| {
        let unknown: Vec<&String> =
            object.as_object().unwrap().keys().filter(|key| !keys.contains(&key.as_str())).collect();
        assert_eq!(unknown, Vec::<&String>::new());
    };
    only(manifest, &["apiVersion", "kind", "metadata", "spec"]);
    let spec = &manifest["spec"];
    only(spec, &["version", "homepage", "shortDescription", "description", "caveats", "platforms"]);
    let text =
        |value: &Value| value.as_str().filter(|text| !text.is_empty()).unwrap_or_else(|| panic!("{value}")).to_owned();
    let parts: Vec<u64> =
        text(&spec["version"]).strip_prefix('v').unwrap().split('.').map(|part| part.parse().unwrap()).collect();
    assert_eq!(parts.len(), 3);
    let short = text(&spec["shortDescription"]);
    assert!(!short.contains(['\n', '\r']) && short.len() <= 50, "{short}");
    assert!(text(&spec["homepage"]).starts_with("https://"));
    let platforms = spec["platforms"].as_array().unwrap();
    assert!(!platforms.is_empty());
    for platform in platforms {
        only(platform, &["selector", "uri", "sha256", "bin", "files"]);
        assert!(text(&platform["uri"]).starts_with("https://"));
        let digest = text(&platform["sha256"]);
        assert!(
            digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
            "{digest}"
        );
        only(&platform["selector"], &["matchLabels"]);
        let labels = &platform["selector"]["matchLabels"];
        only(labels, &["os", "arch"]);
        assert!(["linux", "darwin", "windows"].contains(&labels["os"].as_str().unwrap()), "{labels}");
        assert!(["amd64", "arm64"].contains(&labels["arch"].as_str().unwrap()), "{labels}");
        let files = platform["files"].as_array().unwrap();
        assert!(!files.is_empty());
        // What is linked must be among the files that are taken over, and so should the licence.
        let taken: Vec<String> = files.iter().map(|file| text(&file["from"])).collect();
        assert!(files.iter().all(|file| text(&file["to"]) == "."));
        assert!(taken.contains(&text(&platform["bin"])) && taken.contains(&"LICENSE".to_owned()), "{taken:?}");
    }
}

#[test]
fn what_cannot_be_released_is_refused() {
    let env = TestEnv::new();
    fs::write(env.root().join("other.tar.gz"), "").unwrap();
    for (more, word) in [
        (&["--archive=linux-mips=other.tar.gz"][..], "linux-mips"),
        (&["--archive=linux-arm64"][..], "PLATFORM=FILE"),
        (&["--archive=darwin-arm64=other.tar.gz"][..], "is not called kubectl-mesh-v"),
    ] {
        let output = Released::run(&env, more);
        assert!(!output.status.success(), "{more:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(word), "{more:?}: {output:?}");
    }
}
