//! Label and field selectors, as query parameters carry them.

use std::collections::BTreeMap;

use super::status::Refusal;

/// A parsed `labelSelector`: every requirement must hold.
#[derive(Debug, Default)]
pub(crate) struct LabelSelector(Vec<Requirement>);

#[derive(Debug, PartialEq, Eq)]
enum Requirement {
    Exists(String),
    Absent(String),
    In(String, Vec<String>),
    /// Also holds where the label is missing, as for the real server.
    NotIn(String, Vec<String>),
}

impl LabelSelector {
    /// Reads `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a` and `!a`, separated by commas.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let parts = top_level(text);
        let requirements = parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).map(requirement);
        let refused = || Refusal::bad_request(format!("unable to parse requirement: {text:?}"));
        requirements.collect::<Option<Vec<_>>>().map(Self).ok_or_else(refused)
    }

    pub(crate) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::Exists(key) => labels.contains_key(key),
            Requirement::Absent(key) => !labels.contains_key(key),
            Requirement::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
            Requirement::NotIn(key, values) => labels.get(key).is_none_or(|value| !values.contains(value)),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A parsed `fieldSelector`: names and namespaces, which every resource has.
#[derive(Debug, Default)]
pub(crate) struct FieldSelector {
    pub name: Option<String>,
    pub namespace: Option<String>,
}

impl FieldSelector {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut selector = Self::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(|| {
                Refusal::bad_request(format!("invalid selector: {part:?}; can't understand {part:?}"))
            })?;
            let value = Some(value.trim_start_matches('=').to_owned());
            match key {
                "metadata.name" => selector.name = value,
                "metadata.namespace" => selector.namespace = value,
                _ => return Err(Refusal::bad_request(format!("field label not supported: {key}"))),
            }
        }
        Ok(selector)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.name.is_none() && self.namespace.is_none()
    }
}

/// Splits at commas that lie outside of parentheses.
fn top_level(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn requirement(text: &str) -> Option<Requirement> {
    if let Some((key, values)) = text.split_once(" notin ") {
        return Some(Requirement::NotIn(key.trim().to_owned(), set(values)?));
    }
    if let Some((key, values)) = text.split_once(" in ") {
        return Some(Requirement::In(key.trim().to_owned(), set(values)?));
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Some(Requirement::NotIn(key.trim().to_owned(), vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = text.split_once('=') {
        return Some(Requirement::In(key.trim().to_owned(), vec![value.trim_start_matches('=').trim().to_owned()]));
    }
    if text.contains(char::is_whitespace) {
        return None;
    }
    match text.strip_prefix('!') {
        Some(key) => Some(Requirement::Absent(key.to_owned())),
        None => Some(Requirement::Exists(text.to_owned())),
    }
}

fn set(text: &str) -> Option<Vec<String>> {
    let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
    Some(inner.split(',').map(|value| value.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str) -> bool {
        let labels = [("app", "shop"), ("tier", "web")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        LabelSelector::parse(selector).unwrap().matches(&BTreeMap::from(labels))
    }

    #[test]
    fn label_selectors_read_as_kubectl_writes_them() {
        for selector in
            ["", "app=shop", "app==shop,tier=web", "app in (bank, shop)", "app", "!zone", "zone!=eu", "app notin (x)"]
        {
            assert!(selects(selector), "{selector}");
        }
        for selector in
            ["app=bank", "app=shop,tier=db", "tier in (db,cache),app", "zone", "!app", "app!=shop", "app notin (shop)"]
        {
            assert!(!selects(selector), "{selector}");
        }
        assert!(LabelSelector::parse("app in shop").is_err() && LabelSelector::parse("a b").is_err());
    }
}
