//! File systems that are full or read-only, where the tests may mount one.

use std::path::{Path, PathBuf};
use std::process::Command;

use mesh_tests::skipped;

/// A small file system in memory, unmounted at the end.
pub(crate) struct Mounted(PathBuf);

impl Mounted {
    /// Mounts one of 64 KiB at `path`; none, with a loud word, where that is not allowed.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        if mount(&["-t", "tmpfs", "-o", "size=64k", "tmpfs"], path) {
            return Some(Self(path.to_owned()));
        }
        skipped("no file system can be mounted (needs root)");
        None
    }

    /// Lets nobody write to it any more.
    pub(crate) fn make_read_only(&self) {
        assert!(mount(&["-o", "remount,ro"], &self.0));
    }

    /// Writes into a hidden file until there is no room.
    pub(crate) fn fill(&self) {
        let _ = std::fs::write(self.0.join(".filling"), vec![0; 1 << 20]);
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], path: &Path) -> bool {
    let output = Command::new("mount").args(arguments).arg(path).output();
    output.is_ok_and(|output| output.status.success())
}
