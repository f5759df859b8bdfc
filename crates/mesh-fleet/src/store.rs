//! Files that are read bounded and written whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write as _};
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// Reads a regular file of at most `limit` bytes. Pipes, sockets and devices are refused, not waited for.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    if metadata.len() > limit {
        return Err(too_large(metadata.len(), limit));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    let file = File::open(path).map_err(|error| error.to_string())?;
    // One byte more than the limit tells that the file grew meanwhile.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let length = bytes.len() as u64;
    if length > limit { Err(too_large(length, limit)) } else { Ok(bytes) }
}

/// Reads a text of at most `limit` bytes.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, String> {
    String::from_utf8(read_bounded(path, limit)?).map_err(|_| "is not UTF-8 text".to_owned())
}

/// The version of a file: the sha-256 of its bytes, in hex.
pub(crate) fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Writes a file that must not exist yet: [`ErrorKind::AlreadyExists`] when it does.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (folder, file) = temporary(path, bytes, None)?;
    file.persist_noclobber(path)?;
    sync_folder(folder)
}

/// Makes a folder in one that is there.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    sync_folder(folder_of(path)?)
}

/// Replaces a file: whoever reads it sees the old bytes or the new ones. Its permissions stay.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let permissions = fs::metadata(path)?.permissions();
    let (folder, file) = temporary(path, bytes, Some(permissions))?;
    file.persist(path)?;
    sync_folder(folder)
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_folder(folder_of(path)?)
}

/// The bytes in a file of their own beside `path`, safe on disk. It removes itself unless it is persisted.
fn temporary<'p>(
    path: &'p Path,
    bytes: &[u8],
    permissions: Option<Permissions>,
) -> io::Result<(&'p Path, tempfile::NamedTempFile)> {
    let folder = folder_of(path)?;
    let mut builder = tempfile::Builder::new();
    // The dot keeps readers of the fleet from taking it for a manifest.
    builder.prefix(".mesh-").suffix(".tmp");
    let mut code = None;
    // `create_new` gives the permissions that every other program's files have.
    let made = builder.make_in(folder, |path| File::create_new(path).inspect_err(|error| code = error.raw_os_error()));
    // The system's own error: what it is wrapped with names the path, which is random and tells a person nothing.
    let mut file = made.map_err(|error| code.map_or(error, io::Error::from_raw_os_error))?;
    file.as_file_mut().write_all(bytes)?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    Ok((folder, file))
}

fn folder_of(path: &Path) -> io::Result<&Path> {
    path.parent().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "has no folder"))
}

/// Makes names in a folder last. Some file systems do not know how; there they last as well as they can.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Err(error),
        _ => Ok(()),
    }
}

fn too_large(length: u64, limit: u64) -> String {
    format!("has {} MiB, at most {} are read; split it", length.div_ceil(1 << 20), limit >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_created_once_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        create(&path, b"one").unwrap();
        assert_eq!(create(&path, b"two").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        remove(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "no temporary file stays");
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        create(&path, b"one").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o600, 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn reading_stops_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read_bounded(&path, 5).unwrap(), b"12345");
        assert!(read_bounded(&path, 4).unwrap_err().contains("split it"));
        assert!(read_bounded(folder.path(), 4).unwrap_err().contains("not a regular file"));
        fs::write(&path, [0xff]).unwrap();
        assert!(read_text(&path, 4).unwrap_err().contains("UTF-8"));
    }
}
