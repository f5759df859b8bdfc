//! Archives. With GNU tar, the same files give the same bytes, whoever packs them, and whenever.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::process::Command;

/// What makes GNU tar leave out who packed, and when; gzip would write the time, too.
const SAME: [&str; 6] =
    ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--use-compress-program=gzip -n"];

/// Packs what is in a folder.
pub(super) fn pack(folder: &Path, file: &Path) -> anyhow::Result<()> {
    let entries: Result<Vec<_>, _> = fs::read_dir(folder)?.collect();
    let mut names: Vec<OsString> = entries?.into_iter().map(|entry| entry.file_name()).collect();
    names.sort();
    let is_gnu = Command::new("tar").args(["--version"]).read()?.contains("GNU tar");
    let how: &[&str] = if is_gnu { &SAME } else { &["--gzip"] };
    Command::new("tar").args(how).args(["-cf".as_ref(), file.as_os_str()]).folder(folder).args(names).run()
}
