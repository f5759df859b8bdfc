//! A quick reader of JSON for what an API server sends: of what is JSON, it reads what `serde_json` reads, or nothing.
//!
//! Of a page of a list, or of a review, most is never used: managed fields, the last applied configuration, containers,
//! status. Here that is passed over by its texts and brackets, some sixteen bytes at a time. What stands between them is
//! not looked at: an encoder wrote it, and nobody reads it. People's files are read by `serde_json`, which looks at all.
//!
//! What this reader does not take, for whatever reason, is read again by `serde_json`, which has the words for what is
//! wrong; so it may be choosy.

use serde::de::DeserializeSeed;

mod blocks;
mod part;
mod reader;
mod text;

pub use part::Part;
pub use reader::{Fail, RAW, Reader};
pub use text::Text;

/// Reads `text` into `seed`. None says nothing but that `serde_json` is to be asked.
pub fn read<'a, S: DeserializeSeed<'a>>(text: &'a str, seed: S) -> Option<S::Value> {
    read_by(text, |reader| seed.deserialize(reader))
}

/// Reads `text` by what `read` asks for, one thing after the other. None says nothing but that `serde_json` is to be asked.
pub fn read_by<'a, T>(text: &'a str, read: impl FnOnce(&mut Reader<'a>) -> Result<T, Fail>) -> Option<T> {
    let mut reader = Reader::new(text);
    let value = read(&mut reader).ok()?;
    reader.is_at_end().then_some(value)
}
