//! What every test of the whole program needs: the built program and folders to run it in.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs, thread};

mod environment;

pub use environment::{NOW, TestEnv};

/// Names the built program; `cargo xtask test` sets it.
const MESH_PROGRAM: &str = "MESH_PROGRAM";

/// The built program: as told by the environment, else it is built first.
///
/// # Panics
/// If it cannot be built.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(told) = env::var_os(MESH_PROGRAM) {
            return told.into();
        }
        build("kubectl-mesh");
        let test = env::current_exe().expect("a running test has a path");
        let folder = test.ancestors().nth(2).expect("tests are built into target/PROFILE/deps");
        folder.join(format!("kubectl-mesh{}", env::consts::EXE_SUFFIX))
    })
}

/// The built webhook, beside the program.
///
/// # Panics
/// If it cannot be built.
pub fn webhook_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if env::var_os(MESH_PROGRAM).is_none() {
            build("mesh-webhook");
        }
        program().with_file_name(format!("mesh-webhook{}", env::consts::EXE_SUFFIX))
    })
}

/// The built chores, beside the program.
///
/// # Panics
/// If they cannot be built.
pub fn xtask_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if env::var_os(MESH_PROGRAM).is_none() {
            build("xtask");
            webhook_program();
        }
        program().with_file_name(format!("xtask{}", env::consts::EXE_SUFFIX))
    })
}

fn build(package: &str) {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(["build", "--quiet", "--package", package]).status();
    assert!(status.is_ok_and(|status| status.success()), "{package} does not build");
}

/// Names a file that gets a line for each test that did not run; `cargo xtask test` sets it, and repeats the lines at its end.
const MESH_SKIPPED: &str = "MESH_SKIPPED";

/// Says that a test did not run, and why: what a passing test prints is not shown.
///
/// # Panics
/// If that cannot be told to the runner.
#[expect(clippy::print_stderr, reason = "for whoever runs one test with --nocapture")]
pub fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
    let Some(file) = env::var_os(MESH_SKIPPED) else { return };
    let thread = thread::current();
    let line = format!("{}: {why}\n", thread.name().unwrap_or("a test"));
    let mut file = OpenOptions::new().create(true).append(true).open(file).expect("the runner gave a file");
    file.write_all(line.as_bytes()).expect("the runner gave a file");
}

/// The same where `program` is missing, which CI may not be without.
///
/// # Panics
/// In CI.
pub fn skipped_without(program: &str) {
    assert!(env::var_os("CI").is_none(), "CI needs a {program} on the PATH");
    skipped(&format!("there is no {program} on the PATH"));
}

/// The folder of an example, or of all of them.
pub fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

/// Copies a folder with everything in it.
///
/// # Panics
/// If that fails.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a test may write into its own folder");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let path = entry.expect("an entry of a readable folder").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a readable file");
        }
    }
}
