//! Answers that were compressed for the way, unpacked at once into room that is used again: a page is read where it lies,
//! before its thread does anything else, and the next one is about as long.

use std::cell::Cell;
use std::io::{self, ErrorKind};

use zlib_rs::{Inflate, InflateFlush, Status};

use crate::limits::{MAX_ANSWER, MAX_ROOM};

thread_local! {
    /// What the last answer of this thread was unpacked into.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// How servers call it (RFC 9110 §8.4.1).
pub(crate) const GZIP: &str = "gzip";
/// The largest window, in bits, and that a gzip header comes before (`inflateInit2` of zlib).
const GZIP_WINDOW: u8 = 16 + 15;
/// No byte stands for more than this many (zlib, "Maximum Compression Factor").
const MOST_FOR_ONE: usize = 1_032;
/// The end of a gzip file says how long it was, in so many bytes (RFC 1952 §2.3.1).
const SIZE: usize = size_of::<u32>();

/// Gives back the room of an answer that was read. The larger one is kept: most lists are short, and not compressed.
pub(crate) fn recycle(answer: Vec<u8>) {
    let kept = ROOM.take();
    let is_better = (kept.capacity()..=MAX_ROOM).contains(&answer.capacity());
    ROOM.set(if is_better { answer } else { kept });
}

/// What is in `packed`. None where it is more than an answer may bring; an error where it was cut or changed.
pub(crate) fn unpack(packed: &[u8]) -> io::Result<Option<Vec<u8>>> {
    unpack_at_most(packed, MAX_ANSWER)
}

fn unpack_at_most(packed: &[u8], most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut room = ROOM.take();
    // One byte more, so that the end is seen.
    room.resize(room.len().max(promised(packed).min(most) + 1), 0);
    let (mut read, mut length) = (0, 0);
    // One member after the other (RFC 1952 §2.2); mostly there is one.
    loop {
        let mut member = Inflate::new(true, GZIP_WINDOW);
        loop {
            if length == room.len() {
                room.resize((2 * length).min(most + 1), 0);
            }
            let before = (member.total_in(), member.total_out());
            let status = member
                .decompress(&packed[read..], &mut room[length..], InflateFlush::NoFlush)
                .map_err(|error| io::Error::new(ErrorKind::InvalidData, error.as_str()))?;
            let (taken, given) = (member.total_in() - before.0, member.total_out() - before.1);
            read += usize::try_from(taken).expect("no more than there is");
            length += usize::try_from(given).expect("no more than there is room for");
            if length > most {
                return Ok(None);
            }
            match status {
                Status::StreamEnd => break,
                Status::Ok | Status::BufError if (taken, given) == (0, 0) && length < room.len() => {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                Status::Ok | Status::BufError => {}
            }
        }
        if read == packed.len() {
            room.truncate(length);
            return Ok(Some(room));
        }
    }
}

/// How long it says that it was, as far as that can be.
fn promised(packed: &[u8]) -> usize {
    let size = packed.last_chunk::<SIZE>().map_or(0, |size| u32::from_le_bytes(*size));
    usize::try_from(size).unwrap_or(usize::MAX).min(packed.len().saturating_mul(MOST_FOR_ONE))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_packed_comes_out_whatever_was_in_the_room_before() {
        let long: Vec<u8> = (0..20_000).flat_map(|number: u32| format!("{number},").into_bytes()).collect();
        for bytes in [&b""[..], &long, b"short", " ".repeat(70_000).as_bytes(), &long[..1_000], b""] {
            let unpacked = unpack(&packed(bytes)).unwrap().unwrap();
            assert_eq!(unpacked, bytes);
            recycle(unpacked);
        }
        // A file of two parts, whose end tells the size of the second only.
        let parts = [packed(&long), packed(b"short")].concat();
        assert_eq!(unpack(&parts).unwrap().unwrap(), [&long[..], b"short"].concat());
    }

    #[test]
    fn the_larger_room_is_kept_but_none_that_is_too_large() {
        ROOM.take();
        for (length, kept) in [(1_000, 1_000), (10, 1_000), (2_000, 2_000), (MAX_ROOM + 1, 2_000)] {
            recycle(vec![0; length]);
            let room = ROOM.take();
            assert_eq!(room.capacity(), kept);
            ROOM.set(room);
        }
    }

    #[test]
    fn what_was_cut_or_changed_is_an_error_wherever() {
        let packed = packed(br#"{"kind":"ServiceList","metadata":{"resourceVersion":"7"},"items":[]}"#);
        for at in 0..packed.len() {
            // An answer of nothing at all is no gzip either.
            assert!(unpack(&packed[..at]).is_err(), "cut at {at}");
        }
        for at in packed.len() - 2 * SIZE..packed.len() {
            let mut changed = packed.clone();
            changed[at] ^= 1;
            assert!(unpack(&changed).is_err(), "changed at {at}");
        }
        assert!(unpack(b"{}").is_err());
    }

    #[test]
    fn a_bomb_is_too_large_and_a_size_that_is_a_lie_takes_no_room() {
        let bomb = packed(&vec![0; 1_000_001]);
        assert_eq!(unpack_at_most(&bomb, 1_000_000).unwrap(), None);
        assert!(unpack_at_most(&bomb, 1_000_001).unwrap().is_some());
        let mut lie = packed(b"{}");
        let end = lie.len() - SIZE;
        lie[end..].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(promised(&lie) <= lie.len() * MOST_FOR_ONE);
        assert!(unpack(&lie).is_err());
    }
}
