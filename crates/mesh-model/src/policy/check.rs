//! What `check` leaves out: findings that are known and accepted, for a reason and until a date.

use jiff::civil::Date;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::finding::Code;

/// What `check` leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CheckPolicy {
    /// In the order written.
    pub suppress: Vec<Suppression>,
}

/// Findings that are known and accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Suppression {
    /// Their code.
    pub code: Code,
    /// A glob of their clusters; without one, every cluster and the fleet as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// A glob of their places; without one, every place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Why they are accepted.
    pub reason: String,
    /// The last day on which it counts, in UTC.
    #[serde(deserialize_with = "date")]
    pub until: Date,
}

/// A date as it is written out, and in no other of its forms: the schema has this one only.
fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let text = String::deserialize(deserializer)?;
    let date = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
    date.ok_or_else(|| D::Error::custom(format!("{text:?} is not a date such as 2027-01-31")))
}
