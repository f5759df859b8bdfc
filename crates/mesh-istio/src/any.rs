//! A value of which only matters that it is there.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// Any value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Any;

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}
