//! Writing a policy.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::MeshPolicy;

/// Fields that are written even where they are the default.
const ALWAYS: [&str; 3] = ["apiVersion", "kind", "revision"];

/// The whole policy, every default spelled out.
pub fn to_yaml(policy: &MeshPolicy) -> String {
    yaml(policy)
}

/// What differs from the defaults, plus `apiVersion`, `kind` and `revision`. Reads back as the same policy.
pub fn minimal_yaml(policy: &MeshPolicy) -> String {
    let defaults = fields(&MeshPolicy::default());
    let fields = fields(policy).into_iter().zip(defaults).filter_map(|((name, value), (_, default))| {
        let kept = if ALWAYS.contains(&name.as_str()) { Some(value) } else { value.without(&default) };
        kept.map(|value| (name, value))
    });
    yaml(&Tree::Map(fields.collect()))
}

fn fields(policy: &MeshPolicy) -> Vec<(String, Tree)> {
    let tree = serde_saphyr::from_str(&yaml(policy)).expect("a policy is written as YAML that can be read");
    match tree {
        Tree::Map(fields) => fields,
        _ => unreachable!("a policy is a mapping"),
    }
}

/// Any part of a policy as YAML, lines unbroken so that one value stays on one line.
pub(super) fn yaml(value: &(impl Serialize + ?Sized)) -> String {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(&value, options).expect("a policy has only texts, numbers, lists and mappings")
}

/// YAML in the order that it was written in.
#[derive(Debug, PartialEq)]
enum Tree {
    Text(String),
    Bool(bool),
    Number(u64),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// What differs from `default`, if anything does.
    fn without(self, default: &Self) -> Option<Self> {
        match (self, default) {
            (Self::Map(fields), Self::Map(defaults)) => {
                let differing = fields.into_iter().filter_map(|(name, value)| {
                    let default = defaults.iter().find(|(other, _)| *other == name).map(|(_, default)| default);
                    let kept = match default {
                        Some(default) => value.without(default),
                        None => Some(value),
                    };
                    kept.map(|value| (name, value))
                });
                let differing: Vec<_> = differing.collect();
                (!differing.is_empty()).then_some(Self::Map(differing))
            }
            (value, default) => (value != *default).then_some(value),
        }
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::List(items) => items.serialize(serializer),
            Self::Map(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyTree)
    }
}

struct AnyTree;

impl<'de> Visitor<'de> for AnyTree {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what a policy is made of")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(number))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Tree, E> {
        u64::try_from(number).map(Tree::Number).map_err(E::custom)
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Tree, A::Error> {
        let mut map = Vec::new();
        while let Some(field) = fields.next_entry()? {
            map.push(field);
        }
        Ok(Tree::Map(map))
    }
}

#[cfg(test)]
mod tests;
