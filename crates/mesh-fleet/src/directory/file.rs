//! Reading one file, bounded.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

/// Reads a regular file of at most `limit` bytes. Pipes, sockets and devices are refused, not waited for.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
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
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn too_large(length: u64, limit: u64) -> String {
    format!("has {} MiB, at most {} are read", length.div_ceil(1 << 20), limit >> 20)
}
