//! The house keeps its shape: which crate may see which, who may use which library, where versions and lints stand,
//! how long a file may be, and that no test file lies around unlisted.
//!
//! The tables are the law: a new arrow is a decision, made here and in CONTRIBUTING.md, not in a manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Every crate of ours, with the crates of ours that it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("mesh-model", &[]),
    ("mesh-istio", &[]),
    ("mesh-json", &[]),
    ("mesh-plan", &["mesh-model", "mesh-istio"]),
    ("mesh-admission", &["mesh-model", "mesh-istio", "mesh-json"]),
    ("mesh-fleet", &["mesh-plan", "mesh-model", "mesh-istio", "mesh-json"]),
    ("mesh-render", &["mesh-plan", "mesh-model", "mesh-istio"]),
    ("kubectl-mesh", &["mesh-fleet", "mesh-render", "mesh-plan", "mesh-model", "mesh-istio"]),
    ("mesh-webhook", &["mesh-admission", "mesh-model", "mesh-istio"]),
    ("mesh-testkit", &["mesh-fleet", "mesh-plan", "mesh-model", "mesh-istio"]),
    ("mesh-tests", &[]),
    ("xtask", &[]),
];

/// What a crate may see in its tests and benches besides: the testkit, and nothing else. `mesh-tests` sees everything.
const DEV_ONLY: &str = "mesh-testkit";
const SEES_EVERYTHING_IN_TESTS: &str = "mesh-tests";

/// Libraries that belong to certain rooms of the house, with the crates that may use them, tests included.
const LIBRARIES: &[(&str, &[&str])] = &[
    // One edge to Kubernetes, and one to the network.
    ("kube", &["mesh-fleet", "mesh-webhook", "mesh-testkit"]),
    ("k8s-openapi", &["mesh-fleet", "mesh-webhook", "mesh-testkit"]),
    ("tokio", &["mesh-fleet", "kubectl-mesh", "mesh-webhook", "mesh-testkit"]),
    ("axum", &["mesh-webhook", "mesh-testkit"]),
    ("axum-server", &["mesh-webhook", "mesh-testkit"]),
    // Who looks at what a gateway shows is no client of Kubernetes, and kube has no room for it.
    ("rustls", &["mesh-fleet", "mesh-webhook", "mesh-testkit"]),
    ("tokio-rustls", &["mesh-webhook", "mesh-testkit"]),
    ("reqwest", &[]),
    // What a person sees.
    ("tabled", &["mesh-render"]),
    ("clap", &["kubectl-mesh", "mesh-webhook", "xtask"]),
    // Typed errors everywhere but in chores.
    ("anyhow", &["xtask"]),
    // Randomness comes from proptest's seeds alone.
    ("rand", &[]),
    ("fastrand", &[]),
    ("getrandom", &[]),
];

/// The crates that decide: no clock, environment, file, randomness or unordered map, by their `clippy.toml`.
const PURE: &[&str] = &["mesh-model", "mesh-istio", "mesh-plan", "mesh-json", "mesh-admission"];

/// No source file is longer, so that one can be read in one sitting.
const MOST_LINES: usize = 700;

#[test]
fn crates_depend_only_along_the_arrows() {
    let metadata = metadata();
    let ours: BTreeSet<&str> = metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let Some(allowed) = arrows.get(name) else {
            wrong.push(format!("{name} is not in the table of arrows"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| ours.contains(dependency.name.as_str())) {
            let target = dependency.name.as_str();
            let in_tests = dependency.kind == DependencyKind::Development;
            let may = allowed.contains(&target) || in_tests && (target == DEV_ONLY || name == SEES_EVERYTHING_IN_TESTS);
            if !may {
                wrong.push(format!("{name} → {target} ({:?} dependency)", dependency.kind));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that the house does not have:\n{}", wrong.join("\n"));
}

#[test]
fn libraries_stay_in_their_rooms() {
    let rooms: BTreeMap<&str, &[&str]> = LIBRARIES.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in metadata().workspace_packages() {
        for dependency in &package.dependencies {
            if let Some(allowed) = rooms.get(dependency.name.as_str())
                && !allowed.contains(&package.name.as_str())
            {
                wrong.push(format!("{} uses {}, which is for {allowed:?}", package.name, dependency.name));
            }
        }
    }
    assert!(wrong.is_empty(), "libraries outside their room:\n{}", wrong.join("\n"));
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for package in metadata().workspace_packages() {
        let inherited = manifest(package).get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
        assert_eq!(inherited, Some(true), "{} needs `[lints] workspace = true`", package.manifest_path);
    }
}

#[test]
fn versions_stand_only_in_the_root_manifest() {
    let mut wrong = Vec::new();
    for package in metadata().workspace_packages() {
        let manifest = manifest(package);
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, dependency) in manifest.get(table).and_then(toml::Value::as_table).into_iter().flatten() {
                if dependency.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    wrong.push(format!("{}: {table}.{name} needs `workspace = true`", package.manifest_path));
                }
            }
        }
        assert!(manifest.get("target").is_none(), "{}: target tables are not checked here", package.manifest_path);
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            let inherited = manifest["package"].get(key).and_then(|value| value.get("workspace")?.as_bool());
            if inherited != Some(true) {
                wrong.push(format!("{}: {key} needs `workspace = true`", package.manifest_path));
            }
        }
    }
    assert!(wrong.is_empty(), "versions outside the root manifest:\n{}", wrong.join("\n"));
}

#[test]
fn pure_crates_ban_the_same_things() {
    let mut bans: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in metadata().workspace_packages() {
        if PURE.contains(&package.name.as_str()) {
            let folder = package.manifest_path.parent().expect("a manifest lies in a folder");
            bans.entry(read(folder.join("clippy.toml").as_std_path())).or_default().push(package.name.to_string());
        }
    }
    assert_eq!(bans.len(), 1, "clippy.toml differs between {:?}", bans.values().collect::<Vec<_>>());
    let (text, _) = bans.first_key_value().expect("there are pure crates");
    for ban in ["std::time::SystemTime::now", "std::env::var", "std::fs::read", "std::collections::HashMap"] {
        assert!(text.contains(&format!("\"{ban}\"")), "{ban} is not banned");
    }
}

#[test]
fn the_architecture_section_shows_the_tree_as_it_is() {
    let text = read(&root().join("CONTRIBUTING.md"));
    for package in metadata().workspace_packages() {
        let folder = package.manifest_path.parent().expect("a manifest lies in a folder");
        let folder = folder.strip_prefix(root().to_str().expect("our own path is text")).expect("members lie below");
        assert!(text.contains(&format!("\n{folder}/ ")), "CONTRIBUTING.md does not show {folder}/");
    }
    let shown = text.lines().filter_map(|line| line.split_once("/ ")).map(|(folder, _)| folder);
    for folder in shown.filter(|folder| !folder.contains([' ', '|', '`'])) {
        assert!(root().join(folder).is_dir(), "CONTRIBUTING.md shows {folder}/, which is not there");
    }
}

#[test]
fn no_source_file_is_too_long_to_read() {
    let mut long = Vec::new();
    for file in rust_files(&root()) {
        let lines = read(&file).lines().count();
        if lines > MOST_LINES {
            long.push(format!("{}: {lines} lines", file.display()));
        }
    }
    assert!(long.is_empty(), "files over {MOST_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn no_test_file_is_forgotten() {
    let folder = root().join("tests/tests");
    let main = read(&folder.join("main.rs"));
    let listed: BTreeSet<&str> =
        main.lines().filter_map(|line| line.trim().strip_prefix("mod ")?.strip_suffix(';')).collect();
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(&folder).expect("the folder of this file exists") {
        let path = entry.expect("its entries can be read").path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_some_and(|extension| extension == "rs") && stem != "main" {
            found.insert(stem);
        }
    }
    let forgotten: Vec<_> = found.iter().filter(|stem| !listed.contains(stem.as_str())).collect();
    assert!(forgotten.is_empty(), "not listed in tests/tests/main.rs: {forgotten:?}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_path_buf()
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".into()])
        .exec()
        .expect("cargo describes the workspace")
}

fn manifest(package: &Package) -> toml::Table {
    read(package.manifest_path.as_std_path()).parse().expect("cargo has read this manifest already")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every `.rs` file of the tree, build output and hidden folders aside.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let entry = entry.expect("entries of our own tree can be read");
        let name = entry.file_name();
        let path = entry.path();
        if entry.file_type().expect("entries of our own tree have a type").is_dir() {
            if name != "target" && !name.to_string_lossy().starts_with('.') {
                files.extend(rust_files(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
