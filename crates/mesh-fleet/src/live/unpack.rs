//! Answers that were compressed for the way, unpacked at once into room that is used again: a list is mostly pages of one
//! size, and a page is read where it lies.

use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;

use crate::limits::MAX_ANSWER;

/// How servers call it (RFC 9110 §8.4.1).
pub(crate) const GZIP: &str = "gzip";
/// No byte stands for more than this many (zlib, "Maximum Compression Factor").
const MOST_FOR_ONE: usize = 1_032;
/// The end of a gzip file says how long it was, in so many bytes (RFC 1952 §2.3.1).
const SIZE: usize = size_of::<u32>();

/// What is in `packed`, in `room`, whose content is lost. None where it is more than an answer may bring; an error where it
/// was cut or changed.
pub(crate) fn unpack(packed: &[u8], mut room: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    // One byte more, so that the end is seen.
    room.resize(room.len().max(promised(packed) + 1), 0);
    let mut reader = MultiGzDecoder::new(packed);
    let mut length = 0;
    loop {
        if length > MAX_ANSWER {
            return Ok(None);
        }
        if length == room.len() {
            room.resize((2 * length).min(MAX_ANSWER + 1), 0);
        }
        match reader.read(&mut room[length..])? {
            0 => break,
            read => length += read,
        }
    }
    room.truncate(length);
    Ok(Some(room))
}

/// How long it says that it was, as far as that can be.
fn promised(packed: &[u8]) -> usize {
    let size = packed.last_chunk::<SIZE>().map_or(0, |size| u32::from_le_bytes(*size));
    usize::try_from(size).unwrap_or(usize::MAX).min(packed.len().saturating_mul(MOST_FOR_ONE)).min(MAX_ANSWER)
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
        let long: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut room = Vec::new();
        for bytes in [&b""[..], &long, b"short", &[b' '; 70_000], &long[..1_000], b""] {
            room = unpack(&packed(bytes), room).unwrap().unwrap();
            assert_eq!(room, bytes);
        }
        // A file of two parts, whose end tells the size of the second only.
        let parts = [packed(&long), packed(b"short")].concat();
        assert_eq!(unpack(&parts, Vec::new()).unwrap().unwrap(), [&long[..], b"short"].concat());
    }

    #[test]
    fn what_was_cut_or_changed_is_an_error_wherever() {
        let packed = packed(br#"{"kind":"ServiceList","metadata":{"resourceVersion":"7"},"items":[]}"#);
        for at in 0..packed.len() {
            // An answer of nothing at all is no gzip either.
            assert!(unpack(&packed[..at], Vec::new()).is_err(), "cut at {at}");
        }
        for at in packed.len() - 2 * SIZE..packed.len() {
            let mut changed = packed.clone();
            changed[at] ^= 1;
            assert!(unpack(&changed, Vec::new()).is_err(), "changed at {at}");
        }
        assert!(unpack(b"{}", Vec::new()).is_err());
    }

    #[test]
    fn a_bomb_is_too_large_and_a_size_that_is_a_lie_takes_no_room() {
        let bomb = packed(&vec![0; MAX_ANSWER + 1]);
        assert_eq!(unpack(&bomb, Vec::new()).unwrap(), None);
        let mut lie = packed(b"{}");
        let end = lie.len() - SIZE;
        lie[end..].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(promised(&lie) <= lie.len() * MOST_FOR_ONE);
        assert!(unpack(&lie, Vec::new()).is_err());
    }
}
