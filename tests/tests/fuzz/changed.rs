//! Inputs that are changed: bits flipped, bytes put in and taken out, pieces of others put in, cut short, said many times.

use std::fmt;

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What an input may grow to, in bytes.
const LONGEST: usize = 64 << 10;

/// An input, shown as Rust writes bytes.
#[derive(Clone)]
pub(super) struct Input(pub(super) Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// What of a corpus is changed a few times.
pub(super) fn changed(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Input> {
    let other = select(corpus.clone());
    (select(corpus), prop::collection::vec((change(), any::<Index>(), any::<Index>(), other), 1..5)).prop_map(
        |(mut bytes, changes)| {
            for (change, from, to, other) in changes {
                change.make(&mut bytes, from, to, &other);
                bytes.truncate(LONGEST);
            }
            Input(bytes)
        },
    )
}

#[derive(Debug, Clone)]
enum Change {
    Flip(u8),
    Put(Vec<u8>),
    TakeOut,
    Cut,
    Splice,
    Repeat(usize),
}

fn change() -> impl Strategy<Value = Change> {
    // What means something in YAML, JSON or names.
    let words: &[&[u8]] = &[
        b"\"",
        b"'",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"\n",
        b" ",
        b"\t",
        b"-",
        b"---\n",
        b"#",
        b"&a ",
        b"*a",
        b"!!int ",
        b"|\n",
        b"null",
        b"true",
        b"~",
        b"0",
        b"-1",
        b"1e999",
        b"18446744073709551616",
        b"\\u0000",
        b"\0",
        b"\xff",
        "\u{202e}".as_bytes(),
        "\u{1b}[31m".as_bytes(),
        "\u{e9}".as_bytes(),
        b"/",
        b"~1",
        b".",
        b"..",
        b"*",
        b"{}",
        b"[]",
        b"\"\"",
        b"<<: ",
    ];
    let words: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
    prop_oneof![
        3 => (0..8_u8).prop_map(|bit| Change::Flip(1 << bit)),
        3 => select(words).prop_map(Change::Put),
        1 => prop::collection::vec(any::<u8>(), 1..4).prop_map(Change::Put),
        3 => Just(Change::TakeOut),
        1 => Just(Change::Cut),
        2 => Just(Change::Splice),
        1 => (2..40_usize).prop_map(Change::Repeat),
    ]
}

impl Change {
    fn make(self, bytes: &mut Vec<u8>, one: Index, two: Index, other: &[u8]) {
        let (one, two) = (one.index(bytes.len() + 1), two.index(bytes.len() + 1));
        let (from, to) = (one.min(two), one.max(two));
        match self {
            Self::Flip(bit) => {
                if let Some(byte) = bytes.get_mut(from) {
                    *byte ^= bit;
                }
            }
            Self::Put(more) => drop(bytes.splice(from..from, more)),
            Self::TakeOut => drop(bytes.drain(from..to)),
            Self::Cut => bytes.truncate(from),
            Self::Splice => {
                let piece = &other[from.min(other.len())..to.min(other.len())];
                bytes.splice(from..to, piece.iter().copied());
            }
            Self::Repeat(times) => {
                let piece = bytes[from..to].repeat(times.min(LONGEST / (to - from).max(1)));
                bytes.splice(from..to, piece);
            }
        }
    }
}
