//! The words of live fleets, kept for completion: it never asks a cluster.
//!
//! A verb that has read all of a live fleet writes them, one file a fleet, to the user's cache folder. Nothing depends on
//! them: a file that is missing, foreign or broken means no candidates, and one that cannot be written is no problem.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};

use mesh_fleet::live::Source;

use super::{Known, is_plain};
use crate::environment::{HOME, XDG_CACHE_HOME};
use crate::limits::MAX_CACHE;

/// The folder of our files, in the user's cache folder.
const FOLDER: &str = "kubectl-mesh";
/// How the name of a file begins; the fleet's fingerprint follows.
const PREFIX: &str = "names-";
/// First line of a file. Another format has another number.
const FORMAT: &str = "kubectl-mesh names 1";
/// What a line is, by how it begins.
const CLUSTER: &str = "cluster ";
const NAME: &str = "name ";

/// What was kept of `source`.
pub(crate) fn read(source: &Source) -> Option<Known> {
    let (file, owner) = file_of(source)?;
    read_file(&file, owner)
}

/// Keeps `known` of `source`, in the place of what was kept; nowhere for who has no home.
pub(crate) fn keep(source: &Source, known: &Known) -> io::Result<()> {
    let Some((file, owner)) = file_of(source) else { return Ok(()) };
    write_file(&file, owner, known)
}

/// Where the words of `source` are kept.
fn file_of(source: &Source) -> Option<(PathBuf, Owner)> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let home = set(HOME)?;
    let folder = set(XDG_CACHE_HOME).unwrap_or_else(|| home.join(".cache")).join(FOLDER);
    let file = folder.join(format!("{PREFIX}{}", source.fingerprint()?));
    Some((file, Owner::of(&fs::metadata(home).ok()?)))
}

/// What was kept. Nothing of what is not entirely our own.
fn read_file(file: &Path, owner: Owner) -> Option<Known> {
    let folder = fs::symlink_metadata(file.parent()?).ok()?;
    let metadata = fs::symlink_metadata(file).ok()?;
    let is_ours = folder.is_dir() && owner.keeps(&folder) && metadata.is_file() && owner.keeps(&metadata);
    if !is_ours || metadata.len() > MAX_CACHE as u64 {
        return None;
    }
    let mut text = String::new();
    let length = File::open(file).ok()?.take(MAX_CACHE as u64 + 1).read_to_string(&mut text).ok()?;
    if length > MAX_CACHE { None } else { parse(&text) }
}

/// Whoever reads it sees the old words or the new ones.
fn write_file(file: &Path, owner: Owner, known: &Known) -> io::Result<()> {
    let folder = file.parent().ok_or(ErrorKind::InvalidInput)?;
    if let Some(caches) = folder.parent() {
        fs::create_dir_all(caches)?;
    }
    match private_folder(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = fs::symlink_metadata(folder)?;
    if !metadata.is_dir() || !owner.keeps(&metadata) {
        return Err(io::Error::new(ErrorKind::PermissionDenied, "the folder is not the user's alone"));
    }
    // Only its owner may read it, and whoever reads it sees all of it.
    let mut temporary = tempfile::Builder::new().prefix(".names-").tempfile_in(folder)?;
    temporary.write_all(text_of(known).as_bytes())?;
    temporary.persist(file)?;
    Ok(())
}

/// Whose files count: those of the owner of the home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owner {
    #[cfg(unix)]
    uid: u32,
}

impl Owner {
    #[cfg(unix)]
    fn of(home: &fs::Metadata) -> Self {
        Self { uid: std::os::unix::fs::MetadataExt::uid(home) }
    }

    #[cfg(not(unix))]
    fn of(_: &fs::Metadata) -> Self {
        Self {}
    }

    /// Whether nobody else may read or write it.
    #[cfg(unix)]
    fn keeps(self, metadata: &fs::Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        let of_others = metadata.mode() & 0o077;
        metadata.uid() == self.uid && of_others == 0
    }

    #[cfg(not(unix))]
    fn keeps(self, _: &fs::Metadata) -> bool {
        true
    }
}

#[cfg(unix)]
fn private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)
}

fn text_of(known: &Known) -> String {
    let clusters = known.clusters.iter().map(|cluster| (CLUSTER, cluster));
    let names = known.names.iter().map(|name| (NAME, name));
    let mut text = format!("{FORMAT}\n");
    for (what, word) in clusters.chain(names).filter(|(_, word)| is_plain(word)) {
        if text.len() + what.len() + word.len() + 1 > MAX_CACHE {
            break;
        }
        text.extend([what, word, "\n"]);
    }
    text
}

fn parse(text: &str) -> Option<Known> {
    let mut lines = text.lines();
    if lines.next() != Some(FORMAT) {
        return None;
    }
    let mut known = Known::default();
    for line in lines {
        let (words, word) = match (line.strip_prefix(CLUSTER), line.strip_prefix(NAME)) {
            (Some(cluster), _) => (&mut known.clusters, cluster),
            (None, Some(name)) => (&mut known.names, name),
            (None, None) => return None,
        };
        if is_plain(word) {
            words.insert(word.to_owned());
        }
    }
    Some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(names: &[&str], clusters: &[&str]) -> Known {
        let set = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Known { names: set(names), clusters: set(clusters) }
    }

    #[test]
    fn what_is_kept_is_read_back_and_what_a_shell_would_act_on_is_not_kept() {
        let wanted = known(&["a", "prod.a.global"], &["c1"]);
        assert_eq!(text_of(&wanted), "kubectl-mesh names 1\ncluster c1\nname a\nname prod.a.global\n");
        assert_eq!(parse(&text_of(&wanted)), Some(wanted));
        assert_eq!(text_of(&known(&["$(reboot)", "a\nname b"], &["-rf"])), "kubectl-mesh names 1\n");
        assert_eq!(parse("kubectl-mesh names 1\nname $(reboot)\nname a\n"), Some(known(&["a"], &[])));
    }

    #[test]
    fn what_is_no_such_file_has_no_words() {
        for text in ["", "kubectl-mesh names 2\nname a\n", "name a\n", "kubectl-mesh names 1\nsecret a\n", "\u{0}"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_file_has_an_end() {
        let many = (0..1_000_000).map(|n| format!("a-rather-long-name-{n}")).collect();
        let text = text_of(&Known { names: many, ..Known::default() });
        assert!(text.len() <= MAX_CACHE && text.len() > MAX_CACHE - 100 && text.ends_with('\n'), "{}", text.len());
    }

    #[cfg(unix)]
    #[test]
    fn only_what_is_the_users_alone_is_read() {
        use std::fs::Permissions;
        use std::os::unix::fs::{PermissionsExt, symlink};
        let home = tempfile::tempdir().unwrap();
        let owner = Owner::of(&fs::metadata(home.path()).unwrap());
        let folder = home.path().join(".cache/kubectl-mesh");
        let file = folder.join("names-1");
        let wanted = known(&["a"], &["c1"]);
        write_file(&file, owner, &wanted).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(&folder)), (0o600, 0o700));
        assert_eq!(read_file(&file, owner), Some(wanted));
        write_file(&file, owner, &known(&["b"], &[])).unwrap();
        assert_eq!(read_file(&file, owner), Some(known(&["b"], &[])));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no temporary file stays");

        let somebody = Owner { uid: owner.uid + 1 };
        assert_eq!(read_file(&file, somebody), None);
        assert!(write_file(&file, somebody, &known(&["c"], &[])).is_err());
        let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        set(&file, 0o640);
        assert_eq!(read_file(&file, owner), None);
        set(&file, 0o600);
        set(&folder, 0o755);
        assert_eq!(read_file(&file, owner), None);
        assert!(write_file(&file, owner, &known(&["c"], &[])).is_err());
        set(&folder, 0o700);
        assert_eq!(read_file(&file, owner), Some(known(&["b"], &[])));
        let link = folder.join("names-2");
        symlink(&file, &link).unwrap();
        assert_eq!(read_file(&link, owner), None);
        fs::write(&file, vec![b'a'; MAX_CACHE + 1]).unwrap();
        assert_eq!(read_file(&file, owner), None);
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert_eq!(read_file(&file, owner), None);
    }
}
