//! Files that a person names on the command line: read bounded, pipes welcome.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The text of a file of at most `limit` bytes.
pub(crate) fn read(file: &Path, limit: usize) -> io::Result<String> {
    read_from(File::open(file)?, limit)
}

/// The text of a file of at most `limit` bytes; `-` is standard input.
pub(crate) fn read_or_stdin(file: &Path, limit: usize) -> io::Result<String> {
    if file == Path::new("-") { read_from(io::stdin(), limit) } else { read(file, limit) }
}

fn read_from(source: impl Read, limit: usize) -> io::Result<String> {
    let mut bytes = Vec::new();
    // One byte more than the limit tells that there is more. What has no end is left there.
    source.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        let problem = format!("has more than {} KiB, which is all that is read", limit >> 10);
        return Err(io::Error::new(ErrorKind::FileTooLarge, problem));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_stops_at_the_limit() {
        assert_eq!(read_from(&b"1234"[..], 4).unwrap(), "1234");
        assert_eq!(read_from(&b"12345"[..], 4).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read_from(io::repeat(b'x'), 4).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read_from(&[0xff][..], 4).unwrap_err().to_string(), "is not UTF-8 text");
    }
}
