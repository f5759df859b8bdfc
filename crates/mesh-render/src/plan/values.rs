//! What changes inside an object: a line for each field.

use std::collections::BTreeSet;

use mesh_istio::service_entry::Endpoint;
use mesh_plan::plan::Change;
use serde_json::{Map, Value};

use super::Detail;
use crate::escape;
use crate::limits::SUMMARY_VALUE;
use crate::style::{Styling, Tone};

/// `~ ports: 1 → 2`. In a summary, a value that is in both shows only what differs in it, and an endpoint only what a
/// person asks for.
pub(super) fn line(change: &Change, detail: Detail, styling: Styling) -> String {
    let Change { field, before, after } = change;
    let whole = detail == Detail::Full;
    let value = |text: &str| match endpoint(field, text).filter(|_| !whole) {
        Some(endpoint) => shown(&endpoint, whole),
        None => shown(text, whole),
    };
    let name = escape::line(field);
    match (before.as_deref(), after.as_deref()) {
        (Some(before), Some(after)) => {
            let inner = differences(before, after).filter(|_| !whole);
            let text = inner.unwrap_or_else(|| format!("{} → {}", shown(before, whole), shown(after, whole)));
            format!("{} {name}: {text}", styling.paint(Tone::Change, "~"))
        }
        (Some(before), None) => format!("{} {name}: {}", styling.paint(Tone::Remove, "-"), value(before)),
        (None, Some(after)) => format!("{} {name}: {}", styling.paint(Tone::Add, "+"), value(after)),
        (None, None) => format!("~ {name}"),
    }
}

/// `maxEjectionPercent 100 → 33`, for each field that differs between two maps.
fn differences(before: &str, after: &str) -> Option<String> {
    let parse = |text: &str| serde_json::from_str::<Map<String, Value>>(text).ok();
    let (before, after) = (parse(before)?, parse(after)?);
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let said =
        |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), |value| shown(&value.to_string(), false));
    let differ = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
    let texts: Vec<String> = differ
        .map(|key| format!("{} {} → {}", escape::line(key), said(before.get(key)), said(after.get(key))))
        .collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// `port 15443, us-west-2`: what an endpoint is beside its address.
fn endpoint(field: &str, text: &str) -> Option<String> {
    field.strip_prefix("endpoints/")?;
    let endpoint: Endpoint = serde_json::from_str(text).ok()?;
    let mut texts = vec![format!("port {}", endpoint.ports.values().next()?)];
    texts.extend(endpoint.locality.map(|region| region.to_string()));
    Some(texts.join(", "))
}

fn shown(text: &str, whole: bool) -> String {
    let text = escape::line(text);
    match text.char_indices().nth(SUMMARY_VALUE).filter(|_| !whole) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(field: &str, before: Option<&str>, after: Option<&str>) -> String {
        let [before, after] = [before, after].map(|text| text.map(str::to_owned));
        line(&Change { field: field.into(), before, after }, Detail::Summary, Styling::PLAIN)
    }

    #[test]
    fn a_map_that_stays_shows_what_differs_in_it() {
        let long = format!("{:?}", "x".repeat(300));
        let before = format!("{{\"a\":{long},\"b\":100,\"c\":1}}");
        let after = format!("{{\"a\":{long},\"b\":33,\"d\":[2]}}");
        assert_eq!(
            of("trafficPolicy/x", Some(&before), Some(&after)),
            "~ trafficPolicy/x: b 100 → 33, c 1 → none, d none → [2]"
        );
        assert_eq!(of("ports", Some("1"), Some("[2]")), "~ ports: 1 → [2]");
        let whole = format!("~ x: {before} → {after}");
        let change = Change { field: "x".into(), before: Some(before), after: Some(after) };
        assert_eq!(line(&change, Detail::Full, Styling::PLAIN), whole);
    }

    #[test]
    fn an_endpoint_that_comes_or_goes_shows_its_port_and_region() {
        let text = r#"{"address":"gw.example.","locality":"us-west-2","network":"n","ports":{"http":15443}}"#;
        assert_eq!(of("endpoints/gw.example.", Some(text), None), "- endpoints/gw.example.: port 15443, us-west-2");
        assert_eq!(of("endpoints/gw.example.", None, Some(text)), "+ endpoints/gw.example.: port 15443, us-west-2");
        assert_eq!(of("endpoints/odd", None, Some("{\"a\":1}")), "+ endpoints/odd: {\"a\":1}");
    }

    #[test]
    fn nothing_hostile_and_nothing_endless_gets_through() {
        let evil = "{\"k\\u001b\":\"\u{202e}\"}";
        let text = of("endpoints/\u{1b}", Some(evil), Some("{}"));
        assert!(!text.contains(escape::is_unsafe), "{text:?}");
        assert!(of("x", None, Some(&"y".repeat(500))).ends_with("y…"));
    }
}
