//! Values as they stand.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A newtype of this name is given the text of a value.
pub(crate) const PART: &str = "$mesh::Part";

/// The text of a value, which is not looked at: what `serde_json` has its `RawValue` for, which no other reader can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a>(pub(crate) &'a str);

impl<'a> Part<'a> {
    /// The text.
    pub fn get(self) -> &'a str {
        self.0
    }

    /// Reads it.
    ///
    /// # Errors
    /// What `serde_json` says of it, in its words.
    pub fn read<T: Deserialize<'a>>(self) -> serde_json::Result<T> {
        crate::read(self.0, PhantomData).map_or_else(|| serde_json::from_str(self.0), Ok)
    }
}

impl<'a> From<&'a RawValue> for Part<'a> {
    fn from(value: &'a RawValue) -> Self {
        Self(value.get())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Part<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Part<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Part<'de>, E> {
                Ok(Part(text))
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<Part<'de>, D::Error> {
                <&RawValue>::deserialize(from).map(Part::from)
            }
        }

        from.deserialize_newtype_struct(PART, Read)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn both_readers_give_the_same_parts() {
        let text = r#" { "a" : {"b": [1, "}"]} , "c":null,"d": "\u0041" , "e":-1.5e3, "f" :true } "#;
        let quickly: BTreeMap<&str, Part<'_>> = crate::read(text, PhantomData).unwrap();
        let plainly: BTreeMap<&str, Part<'_>> = serde_json::from_str(text).unwrap();
        assert_eq!(quickly, plainly);
        assert_eq!(quickly["a"].get(), r#"{"b": [1, "}"]}"#);
        assert_eq!(
            quickly.values().map(|part| part.get()).skip(1).collect::<Vec<_>>(),
            ["null", r#""\u0041""#, "-1.5e3", "true"]
        );
        assert!(crate::read::<PhantomData<Part<'_>>>("[1", PhantomData).is_none());
    }
}
