//! The part of a query that selects objects by a label.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Those of whose label `key` the value is one of `values`.
pub(super) fn among(key: &str, values: &[String]) -> String {
    query(&format!("{key} in ({})", values.join(",")))
}

/// Those of whose label `key` the value is none of `values`, and those without the label.
pub(super) fn not_among(key: &str, values: &[String]) -> String {
    query(&format!("{key} notin ({})", values.join(",")))
}

/// Those without the label `key`.
pub(super) fn without(key: &str) -> String {
    query(&format!("!{key}"))
}

/// Those whose label `key` is `value`.
pub(super) fn equal(key: &str, value: &str) -> String {
    query(&format!("{key}={value}"))
}

fn query(selector: &str) -> String {
    format!("&labelSelector={}", utf8_percent_encode(selector, NON_ALPHANUMERIC))
}
