//! What Kubernetes accepts as label keys and values.

/// What is wrong with `text` as a label or annotation key: `[prefix/]name`, the prefix a DNS subdomain of at most 253
/// bytes, the name at most 63 bytes.
pub(super) fn key_problem(text: &str) -> Option<&'static str> {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    if text.is_empty() {
        Some("is empty")
    } else if prefix.is_some_and(|prefix| !is_subdomain(prefix)) {
        Some("is no label key: what is before the slash is not a DNS subdomain")
    } else if name.is_empty() || !is_qualified(name) {
        Some("is no label key: letters, digits, `-`, `_` and `.`, at most 63, the first and last a letter or digit")
    } else {
        None
    }
}

/// What is wrong with `text` as a non-empty label value.
pub(super) fn value_problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if !is_qualified(text) {
        Some("is no label value: letters, digits, `-`, `_` and `.`, at most 63, the first and last a letter or digit")
    } else {
        None
    }
}

/// Whether `text` is a DNS subdomain (RFC 1123): lower-case labels, at most 253 bytes.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

/// Whether `text` is a lower-case DNS label (RFC 1123).
pub(super) fn is_dns_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_qualified(text: &str) -> bool {
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && ends(bytes.first())
        && ends(bytes.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_keys_are_those_of_kubernetes() {
        let longest = "a".repeat(63);
        for good in ["identity", "admiral.io/env", "sidecar.istio.io/inject", "Stage_of.1", "a", &longest] {
            assert_eq!(key_problem(good), None, "{good}");
        }
        let long = "a".repeat(64);
        let prefix = format!("{}/a", ["b".repeat(60), "c".repeat(60), "d".repeat(60), "e".repeat(71)].join("."));
        for bad in ["", "-a", "a-", "a b", "a/b/c", "/a", "a/", "Admiral.io/env", "ä", "a\n", &long, &prefix] {
            assert!(key_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn label_values_are_those_of_kubernetes() {
        assert_eq!(value_problem("us-west-2"), None);
        for bad in ["", "a/b", "a b", "-a", &"a".repeat(64)] {
            assert!(value_problem(bad).is_some(), "{bad}");
        }
    }
}
