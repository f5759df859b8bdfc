//! The programs that `cargo xtask servers` builds, and how their absence is told.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;

/// Names the folder with the programs that tests start; `cargo xtask test` sets it.
const SERVERS: &str = "MESH_SERVERS";

/// The convention of controller-runtime's envtest: a folder with etcd and kube-apiserver.
const ASSETS: &str = "KUBEBUILDER_ASSETS";

/// Where the file `name` of `target/servers` is: in the folder that the environment names, else beside this program's own
/// build output.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let told = env::var_os(SERVERS).map(PathBuf::from);
    let exe = env::current_exe().unwrap_or_default();
    let beside = exe.ancestors().skip(1).map(|folder| folder.join("servers"));
    told.into_iter().chain(beside).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Like [`find`], for a program.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    find(&format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// Like [`find_program`], but what `KUBEBUILDER_ASSETS` has comes first.
pub(crate) fn find_kubernetes(name: &str) -> Option<PathBuf> {
    let brought = env::var_os(ASSETS).map(|folder| PathBuf::from(folder).join(name));
    brought.filter(|path| path.is_file()).or_else(|| find_program(name))
}

/// Says on standard error that a test does not run since `what` is not built. It is a panic where `CI` is set, so that no
/// run can skip it silently.
pub(crate) fn skip(what: &str) {
    let message = format!("{what} not built: run `cargo xtask servers` (it needs Go)");
    assert!(env::var_os("CI").is_none(), "{message}");
    // Not eprintln: the test harness would swallow it, and a skip must be seen.
    let _ = writeln!(io::stderr(), "SKIPPED: {message}");
}
