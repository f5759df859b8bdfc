//! Manifests as text. Maps are sorted, so that equal objects are equal texts.

use serde_json::Value;

/// The manifest as YAML. Strings that some YAML reader would take for something else are quoted.
///
/// # Panics
/// Never: a JSON value always serializes.
pub fn yaml(manifest: &Value) -> String {
    // Folded scalars would spread the origins, one long line of JSON, over lines that mean nothing.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(manifest, options).expect("a JSON value always serializes")
}

/// The manifest as indented JSON.
///
/// # Panics
/// Never: a JSON value always serializes.
pub fn json(manifest: &Value) -> String {
    let mut text = serde_json::to_string_pretty(manifest).expect("a JSON value always serializes");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decode::{Source, Whole};

    #[test]
    fn what_is_written_reads_back_as_it_was() {
        let from = r#"{"from":[{"cluster":"c1","for":["endpoints/a.b.svc.cluster.local"],"kind":"Service","name":"b/a"}],"v":1}"#;
        let manifest = json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "ServiceEntry",
            "metadata": {"annotations": {"kubectl-mesh.io/from": from, "note": "yes", "multi": "a\n  b: c\n", "long": "word ".repeat(60)}},
            "spec": {
                "strings": ["yes", "no", "0123", "1e3", "1_000", "12:30:45", "2001-01-01", "null", "~", "", "- a", "a: b", "#", "\u{1b}[31m", "é"],
                "numbers": [15443, 0, -1, 0.5],
                "empty": {}, "none": [], "flag": true,
            },
        });
        let text = yaml(&manifest);
        assert_eq!(Source::Yaml(&text).read::<Whole>().unwrap().0, manifest, "{text}");
        assert_eq!(Source::Json(&json(&manifest)).read::<Whole>().unwrap().0, manifest);
        let line = text.lines().find(|line| line.contains("kubectl-mesh.io/from")).unwrap();
        assert!(line.ends_with("v\\\":1}\""), "the origins are one line: {text}");
    }
}
