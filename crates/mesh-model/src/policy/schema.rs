//! The JSON Schema of a policy, for editors and other checkers.

use serde_json::Value;

/// The schema as it is published with the documentation.
const TEXT: &str = include_str!("../../../../docs/schemas/mesh-policy.schema.json");

/// The JSON Schema (draft 2020-12) of `mesh.yaml`.
pub fn schema() -> Value {
    parsed(TEXT)
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("the committed schema is JSON")
}
