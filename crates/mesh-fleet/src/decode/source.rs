//! One document as text, and how it is read into structs.

use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::DeserializeSeed;
use serde_json::Value;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};

use super::problem::ReadError;
use crate::limits::{MAX_YAML_ALIAS_NODES, MAX_YAML_ALIASES, MAX_YAML_DEPTH, MAX_YAML_NODES};
use mesh_json::Text;

/// One document.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// YAML text, one document.
    Yaml(&'a str),
    /// JSON text, one document.
    Json(&'a str),
    /// JSON text as an API server sent it: of what nobody reads, not all is looked at.
    Answer(&'a str),
    /// An item of a list that had to be taken apart.
    Item(&'a Value),
}

impl<'a> Source<'a> {
    /// Reads the document as a `T`.
    pub(crate) fn read<T: Deserialize<'a>>(self) -> Result<T, ReadError> {
        match self {
            Self::Answer(text) => mesh_json::read(text, PhantomData).map_or_else(|| self.read_seed(PhantomData), Ok),
            _ => self.read_seed(PhantomData),
        }
    }

    /// Reads the document into `seed`.
    pub(crate) fn read_seed<S: DeserializeSeed<'a>>(self, seed: S) -> Result<S::Value, ReadError> {
        match self {
            Self::Yaml(text) => serde_saphyr::with_deserializer_from_str_with_options(text, yaml_options(), |reader| {
                seed.deserialize(reader)
            })
            .map_err(|error| ReadError::yaml(&error)),
            Self::Json(text) | Self::Answer(text) => {
                let mut reader = serde_json::Deserializer::from_str(text);
                let value = seed.deserialize(&mut reader).map_err(|error| ReadError::json(&error))?;
                reader.end().map_err(|error| ReadError::json(&error))?;
                Ok(value)
            }
            Self::Item(value) => seed.deserialize(value).map_err(|error| ReadError::json(&error)),
        }
    }

    /// The text, where it is one.
    pub fn text(self) -> Option<&'a str> {
        match self {
            Self::Yaml(text) | Self::Json(text) | Self::Answer(text) => Some(text),
            Self::Item(_) => None,
        }
    }

    /// `namespace/name: ` of an item, so that a finding about one in a long list can be told from the others.
    pub(crate) fn shown(self) -> String {
        let Self::Item(item) = self else { return String::new() };
        let text = |field: &str| item["metadata"][field].as_str().map(super::shorten);
        match (text("namespace"), text("name")) {
            (Some(namespace), Some(name)) => format!("{:?}: ", format!("{namespace}/{name}")),
            (None, Some(name)) => format!("{name:?}: "),
            (_, None) => String::new(),
        }
    }

    /// `apiVersion` and `kind` as far as they can be told without reading the document: from the two lines of a block
    /// mapping. What is read on this guess must say the same. It also tells the kind of a document that does not read.
    pub(crate) fn guess_head(self) -> Option<(&'a str, &'a str)> {
        let Self::Yaml(text) = self else { return None };
        let (mut api_version, mut kind) = (None, None);
        for line in text.lines() {
            let (slot, rest) = if let Some(rest) = line.strip_prefix("kind:") {
                (&mut kind, rest)
            } else if let Some(rest) = line.strip_prefix("apiVersion:") {
                (&mut api_version, rest)
            } else {
                continue;
            };
            if slot.replace(plain_scalar(rest)?).is_some() {
                return None;
            }
        }
        Some((api_version?, kind?))
    }

    /// `apiVersion` and `kind`.
    pub(crate) fn head(self) -> Result<Head<'a>, ReadError> {
        self.read()
    }
}

/// `apiVersion` and `kind` of a document.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Head<'a> {
    #[serde(borrow)]
    pub(crate) api_version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) kind: Option<Text<'a>>,
}

/// The value of a one-line scalar, if it is surely one: `Service`, `"v1"`, `v1 # comment`.
fn plain_scalar(text: &str) -> Option<&str> {
    let text = text.split_once(" #").map_or(text, |(value, _)| value).trim();
    let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    let text = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')).unwrap_or(text);
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'-'));
    plain.then_some(text)
}

/// YAML 1.2 booleans and numbers only, repeated keys refused, everything bounded.
pub(crate) fn yaml_options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_YAML_DEPTH,
            flow_nesting_limit: MAX_YAML_DEPTH,
            max_nodes: MAX_YAML_NODES,
            max_events: 2 * MAX_YAML_NODES,
            max_aliases: MAX_YAML_ALIASES,
            max_anchors: MAX_YAML_ALIASES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_YAML_ALIAS_NODES,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Merge,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        emit_comments: false,
        with_snippet: false,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::whole::Whole;
    use super::*;

    fn whole(text: &str) -> Value {
        Source::Yaml(text).read::<Whole>().unwrap().0
    }

    #[test]
    fn what_yaml_1_1_would_guess_stays_a_string() {
        let value = whole("a: yes\nb: no\nc: 0123\nd: \"1e3\"\ne: on\nf: 1_000\ng: 12:30:45\nh: 2001-01-01\ni: '1'\n");
        assert_eq!(
            value.to_string(),
            r#"{"a":"yes","b":"no","c":"0123","d":"1e3","e":"on","f":"1_000","g":"12:30:45","h":"2001-01-01","i":"1"}"#
        );
    }

    #[test]
    fn numbers_and_booleans_stay_what_they_are() {
        let value = whole("a: 15443\nb: -1\nc: true\nd: 0.5\ne: null\nf: [1, two]\ng: {}\nh: 18446744073709551615\n");
        assert_eq!(
            value.to_string(),
            r#"{"a":15443,"b":-1,"c":true,"d":0.5,"e":null,"f":[1,"two"],"g":{},"h":18446744073709551615}"#
        );
    }

    #[test]
    fn the_kind_is_told_from_its_line_only_when_there_is_one() {
        let head = |text| Source::Yaml(text).guess_head();
        assert_eq!(head("apiVersion: v1\nkind: Service\n"), Some(("v1", "Service")));
        assert_eq!(head("kind: \"Service\" # x\r\napiVersion: apps/v1\r\n"), Some(("apps/v1", "Service")));
        assert_eq!(head("apiVersion: v1\nkind: Service\nkind: Pod\n"), None);
        assert_eq!(head("{apiVersion: v1, kind: Service}"), None);
        assert_eq!(head("kind: &a Service\napiVersion: v1\n"), None);
    }

    #[test]
    fn repeated_keys_deep_nesting_and_alias_bombs_are_errors() {
        let error = |text: &str| Source::Yaml(text).read::<Whole>().unwrap_err();
        let twice = error("a: 1\nb:\n  c: 1\n  c: 2\n");
        assert_eq!(twice.line, Some(4), "{twice:?}");
        assert!(twice.problem.contains("duplicate"), "{twice:?}");
        error(&format!("{}1{}", "[".repeat(100), "]".repeat(100)));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let previous = format!("*a{}, ", level - 1).repeat(10);
            writeln!(bomb, "a{level}: &a{level} [{}]", previous.trim_end_matches(", ")).unwrap();
        }
        let bomb = error(&bomb);
        assert!(bomb.problem.contains("alias"), "{bomb:?}");
        assert!(Source::Json(r#"{"a":{"b":1,"b":2}}"#).read::<Whole>().unwrap_err().problem.contains("duplicate key"));
    }

    #[test]
    fn tabs_give_the_reader_s_error_with_its_line() {
        let error = Source::Yaml("a: 1\nb:\n\tc: 2\n").read::<Whole>().unwrap_err();
        assert_eq!(error.line, Some(3), "{error:?}");
        assert!(error.problem.contains("tab"), "{error:?}");
    }
}
