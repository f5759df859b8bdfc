//! How the policy's values are written: words such as `off` that stand where a mapping may stand, too.
//!
//! Written by hand instead of `untagged` and `flatten`, which would lose the line and say "did not match any variant".

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::label::key_problem;
use super::{
    Adopt, ExportToPolicy, Injection, Ipv4Range, MemberState, OutlierProfile, OwnerFrom, SanPolicy, VipPolicy,
};
use crate::limits::MAX_NAMESPACES;

/// `off` and, unquoted, what YAML 1.1 makes of it.
const OFF: [&str; 2] = ["off", "false"];
const ON: [&str; 2] = ["on", "true"];

macro_rules! word {
    ($type:ident, $what:literal, $($word:expr => $value:expr),+) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                match text.as_str() {
                    $(word if $word.contains(&word) => Ok($value),)+
                    _ => Err(D::Error::custom(format!(concat!("{:?} is not ", $what), text))),
                }
            }
        }
    };
}

word!(Adopt, "`off` or `admiral`", OFF => Self::Off, ["admiral"] => Self::Admiral);
word!(Injection, "`istio` or `admiral`", ["istio"] => Self::Istio, ["admiral"] => Self::Admiral);
word!(
    OutlierProfile, "`admiral`, `swift` or `off`",
    ["admiral"] => Self::Admiral, ["swift"] => Self::Swift, OFF => Self::Off
);
word!(MemberState, "`active` or `retired`", ["active"] => Self::Active, ["retired"] => Self::Retired);

/// `off` or `on`.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Switch {
    Off,
    On,
}

word!(Switch, "`off` or `on`", OFF => Self::Off, ON => Self::On);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct VipForm {
    range: Ipv4Range,
    ipv6: Switch,
}

impl Default for VipForm {
    fn default() -> Self {
        match VipPolicy::default() {
            VipPolicy::Range { range, ipv6: false } => Self { range, ipv6: Switch::Off },
            _ => unreachable!("virtual addresses are on by default, IPv6 is off"),
        }
    }
}

impl<'de> Deserialize<'de> for VipPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "`off` or a mapping with `range` and `ipv6`";
        let word = |word: &str| OFF.contains(&word).then_some(Self::Off);
        let map = |form: VipForm| Self::Range { range: form.range, ipv6: form.ipv6 == Switch::On };
        deserializer.deserialize_any(WordOr { expected, word, map })
    }
}

impl Serialize for VipPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_str("off"),
            Self::Range { range, ipv6 } => {
                VipForm { range: *range, ipv6: if *ipv6 { Switch::On } else { Switch::Off } }.serialize(serializer)
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SanForm {
    template: String,
}

impl<'de> Deserialize<'de> for SanPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "`off`, `serviceAccounts` or a mapping with `template`";
        let word = |word: &str| match word {
            "serviceAccounts" => Some(Self::ServiceAccounts),
            off if OFF.contains(&off) => Some(Self::Off),
            _ => None,
        };
        deserializer.deserialize_any(WordOr { expected, word, map: |form: SanForm| Self::Template(form.template) })
    }
}

impl Serialize for SanPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_str("off"),
            Self::ServiceAccounts => serializer.serialize_str("serviceAccounts"),
            Self::Template(template) => SanForm { template: template.clone() }.serialize(serializer),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct ExportToForm {
    hosts: Vec<String>,
    max_namespaces: usize,
}

impl Default for ExportToForm {
    fn default() -> Self {
        Self { hosts: vec!["*".into()], max_namespaces: MAX_NAMESPACES }
    }
}

impl<'de> Deserialize<'de> for ExportToPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "`off` or a mapping with `hosts` and `maxNamespaces`";
        let word = |word: &str| OFF.contains(&word).then_some(Self::Off);
        let map = |form: ExportToForm| Self::Limited { hosts: form.hosts, max_namespaces: form.max_namespaces };
        deserializer.deserialize_any(WordOr { expected, word, map })
    }
}

impl Serialize for ExportToPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_str("off"),
            Self::Limited { hosts, max_namespaces } => {
                ExportToForm { hosts: hosts.clone(), max_namespaces: *max_namespaces }.serialize(serializer)
            }
        }
    }
}

impl TryFrom<String> for OwnerFrom {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text == "namespace-name" {
            return Ok(Self::NamespaceName);
        }
        let Some(key) = text.strip_prefix("namespace-label:") else {
            return Err(format!("{text:?} is not `namespace-name` or `namespace-label:KEY`"));
        };
        match key_problem(key) {
            Some(problem) => Err(format!("{key:?} {problem}")),
            None => Ok(Self::NamespaceLabel(key.to_owned())),
        }
    }
}

impl From<OwnerFrom> for String {
    fn from(from: OwnerFrom) -> Self {
        match from {
            OwnerFrom::NamespaceLabel(key) => format!("namespace-label:{key}"),
            OwnerFrom::NamespaceName => "namespace-name".into(),
        }
    }
}

/// A word or a mapping of form `F`.
struct WordOr<W, F, T> {
    expected: &'static str,
    word: W,
    map: fn(F) -> T,
}

impl<'de, W, F, T> Visitor<'de> for WordOr<W, F, T>
where
    W: Fn(&str) -> Option<T>,
    F: Deserialize<'de>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.word)(text).ok_or_else(|| E::custom(format!("{text:?} is not {}", self.expected)))
    }

    // An unquoted `off` is a boolean to a YAML 1.1 reader.
    fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
        self.visit_str(if value { "true" } else { "false" })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        F::deserialize(MapAccessDeserializer::new(map)).map(self.map)
    }
}
