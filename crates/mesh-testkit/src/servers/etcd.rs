//! The store of all clusters of a set.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::sandbox::{Process, Sandbox};
use super::until_ready;

/// A running etcd.
pub(super) struct Etcd {
    program: PathBuf,
    port: u16,
    sandbox: Arc<Sandbox>,
    /// None while it is stopped.
    process: Option<Process>,
}

/// What an etcd held once. It goes away when it is dropped.
pub struct Backup(TempDir);

impl Etcd {
    pub(super) fn start(program: &Path, sandbox: &Arc<Sandbox>, port: u16) -> Result<Self, String> {
        let mut etcd = Self { program: program.to_owned(), port, sandbox: Arc::clone(sandbox), process: None };
        etcd.run()?;
        Ok(etcd)
    }

    /// The id of its process.
    pub(super) fn process(&self) -> u32 {
        self.process.as_ref().expect("it is stopped within this file only").id()
    }

    pub(super) fn back_up(&mut self) -> Backup {
        self.process = None;
        let backup = Backup(TempDir::new().expect("there is a place for temporary files"));
        copy(&self.data(), backup.0.path());
        self.run().unwrap_or_else(|problem| panic!("etcd does not start again: {problem}"));
        backup
    }

    pub(super) fn restore(&mut self, backup: &Backup) {
        self.process = None;
        fs::remove_dir_all(self.data()).expect("a folder of our own");
        copy(backup.0.path(), &self.data());
        self.run().unwrap_or_else(|problem| panic!("etcd does not start again: {problem}"));
    }

    fn data(&self) -> PathBuf {
        self.sandbox.path().join("etcd")
    }

    fn run(&mut self) -> Result<(), String> {
        let url = format!("http://127.0.0.1:{}", self.port);
        let arguments = [
            format!("--data-dir={}", self.data().display()),
            format!("--listen-client-urls={url}"),
            format!("--advertise-client-urls={url}"),
            "--listen-peer-urls=http://127.0.0.1:0".to_owned(),
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
        ];
        let process =
            self.sandbox.start("etcd", &self.program, &arguments).map_err(|error| format!("etcd: {error}"))?;
        let process = self.process.insert(process);
        until_ready("etcd", process, || TcpStream::connect(("127.0.0.1", self.port)).is_ok())
    }
}

/// A folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder of our own");
    for entry in fs::read_dir(from).expect("a folder of our own") {
        let path = entry.expect("its entries can be read").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a file of our own");
        }
    }
}
