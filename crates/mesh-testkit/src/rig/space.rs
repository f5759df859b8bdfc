//! Network namespaces: the one of the whole program, and those of nodes and pods.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, thread};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::limits::READY;
use crate::servers::sandbox::{Process, Sandbox};
use crate::servers::until;

/// Set in the program that runs in namespaces of its own.
const INSIDE: &str = "MESH_RIG_INSIDE";

/// How `/proc/ID/net/tcp` calls a socket that waits for connections.
const LISTENS: &str = "0A";

/// Whether this program is where [`super::Rig`] can start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entered {
    /// It is.
    Inside,
    /// The kernel does not allow it, for this reason.
    Refused(String),
}

/// Starts this program again in namespaces of its own, in its own place; returns in the second one, or where it cannot.
pub fn enter() -> Entered {
    if env::var_os(INSIDE).is_some() {
        return Entered::Inside;
    }
    let mut flags = vec!["--net", "--mount", "--propagation", "private"];
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() != 0) {
        flags.extend(["--user", "--map-root-user"]);
    }
    match Command::new("unshare").args(&flags).arg("true").stdin(Stdio::null()).output() {
        Ok(tried) if tried.status.success() => {
            let error = Command::new("unshare")
                .args(&flags)
                .arg(env::current_exe().expect("a running program has a path"))
                .args(env::args_os().skip(1))
                .env(INSIDE, "1")
                .exec();
            Entered::Refused(error.to_string())
        }
        Ok(tried) => Entered::Refused(String::from_utf8_lossy(&tried.stderr).trim().to_owned()),
        Err(error) => Entered::Refused(format!("unshare: {error}")),
    }
}

/// A network namespace with a mount namespace, kept by a process that sleeps in it.
pub(super) struct Space {
    holder: Process,
}

impl Space {
    /// An empty one, with a loopback address.
    pub(super) fn new(sandbox: &Sandbox, name: &str) -> Self {
        let arguments = ["--net", "--mount", "--propagation", "private", "sleep", "infinity"].map(str::to_owned);
        let holder = sandbox.start(&format!("space-{name}"), Path::new("unshare"), &arguments);
        let space = Self { holder: holder.expect("this program runs in namespaces of its own") };
        // The holder is there before it has left.
        let ours = fs::read_link("/proc/self/ns/net").expect("Linux");
        let left = until(READY, || fs::read_link(space.network()).is_ok_and(|theirs| theirs != ours));
        assert!(left, "{name}: no namespace");
        space.script("ip link set lo up");
        space
    }

    /// The id of a process in it.
    pub(super) fn id(&self) -> u32 {
        self.holder.id()
    }

    /// A command that runs in it, in this folder.
    pub(super) fn command(&self, folder: &Path, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.id().to_string(), "--net", "--mount"]);
        command.arg(format!("--wd={}", folder.display())).arg("--").arg(program);
        command
    }

    /// Runs lines of shell in it, which end at the first that fails.
    pub(super) fn script(&self, lines: &str) {
        run(self.command(Path::new("/"), Path::new("sh")).args(["-ec", lines]));
    }

    /// Does something on a thread in it: sockets that are made there stay there.
    pub(super) fn within<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        let network = File::open(self.network())?;
        thread::scope(|scope| {
            let inside = scope.spawn(move || {
                move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
                work()
            });
            inside.join().expect("what is done there does not panic")
        })
    }

    /// Whether nobody listens in it.
    pub(super) fn is_silent(&self) -> bool {
        let sockets = |protocol: &str| fs::read_to_string(format!("/proc/{}/net/{protocol}", self.id()));
        let listens = |socket: &str| socket.split_whitespace().nth(3) == Some(LISTENS);
        let text = ["tcp", "tcp6"].map(|protocol| sockets(protocol).unwrap_or_default());
        // Those of UDP have no such state.
        !text.iter().any(|text| text.lines().any(listens)) && sockets("udp").is_ok_and(|text| text.lines().count() < 2)
    }

    fn network(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.id()))
    }
}

/// Runs a command to its end, which must be a good one.
pub(super) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {said}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
