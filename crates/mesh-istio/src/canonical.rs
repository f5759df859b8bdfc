//! Canonical JSON: keys sorted, no white space. Equal values are equal texts.

use serde::Serialize;
use serde_json::Value;

/// The canonical JSON of `value`. Goes through [`Value`], whose maps are sorted.
///
/// # Panics
/// Never for the plain structs of this crate: strings, numbers, sequences and maps with text keys always serialize.
pub fn to_canonical_json<T: Serialize>(value: &T) -> String {
    let value: Value = serde_json::to_value(value).expect("plain data always serializes");
    value.to_string()
}
