//! Label maps, borrowed from the document while it is read.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use mesh_json::{RAW, Text};

/// A map of texts (labels, annotations, selectors), sorted. A value of null is empty; a repeated key is an error.
#[derive(Debug, Default)]
pub(crate) struct Pairs<'a>(Vec<(Text<'a>, Paired<'a>)>);

/// The value of a pair.
enum Paired<'a> {
    Plain(Text<'a>),
    /// JSON with escapes, which are undone for who asks: most annotations are long, and nobody does.
    Raw(&'a str, OnceCell<Box<str>>),
}

impl Paired<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Raw(raw, plain) => {
                plain.get_or_init(|| serde_json::from_str(raw).expect("its escapes were checked while it was read"))
            }
        }
    }
}

impl fmt::Debug for Paired<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

impl Pairs<'_> {
    /// The value of `key`.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(self.0[at].1.text())
    }

    /// Whether `key` has exactly this value.
    pub(crate) fn has(&self, key: &str, value: &str) -> bool {
        self.value(key) == Some(value)
    }

    /// The pairs, sorted by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, value.text()))
    }

    /// A look-up of the shape that [`mesh_model::naming::Meta`] asks for.
    pub(crate) fn look_up<'s>(&'s self) -> impl Fn(&str) -> Option<&'s str> {
        move |key| self.value(key)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs: Vec<(Text<'de>, Paired<'de>)> = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                pairs.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
                if let Some(twice) = pairs.windows(2).find(|two| two[0].0 == two[1].0) {
                    return Err(A::Error::custom(format_args!("duplicate key {:?}", &*twice[0].0)));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Paired<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairedVisitor;
        impl<'de> Visitor<'de> for PairedVisitor {
            type Value = Paired<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                let text = Option::<Text<'de>>::deserialize(deserializer)?;
                Ok(Paired::Plain(text.unwrap_or_default()))
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Paired::Plain(Text(Cow::Borrowed(text))))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                self.visit_string(text.to_owned())
            }
            fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
                Ok(Paired::Plain(Text(Cow::Owned(text))))
            }
            fn visit_borrowed_bytes<E: Error>(self, raw: &'de [u8]) -> Result<Self::Value, E> {
                let raw = str::from_utf8(raw).map_err(E::custom)?;
                Ok(Paired::Raw(raw, OnceCell::new()))
            }
        }
        deserializer.deserialize_newtype_struct(RAW, PairedVisitor)
    }
}

/// Reads a field whose null means the same as its absence, as everywhere in Kubernetes.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_sorted_and_refuse_a_repeated_key() {
        let pairs: Pairs<'_> = serde_json::from_str(r#"{"b":"2","a":"1","c":null}"#).unwrap();
        assert_eq!(pairs.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2"), ("c", "")]);
        assert_eq!(pairs.value("b"), Some("2"));
        let error = serde_json::from_str::<Pairs<'_>>(r#"{"a":"1","a":"2"}"#).unwrap_err();
        assert!(error.to_string().contains("duplicate key \"a\""), "{error}");
    }
}
