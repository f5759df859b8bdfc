//! One object by its name, read as a list: an API server answers such a list from the one key that it names, and lets a
//! role restrict it by `resourceNames`. Runs that only read then need one verb, `list`, and not finding an object is an
//! answer like any other.

use mesh_model::kind::Kind;
use serde::Deserialize;
use serde_json::Value;

use super::rest::{Rest, RestError};

/// The query that a list of this one object has.
pub(crate) fn selector(name: &str) -> String {
    format!("fieldSelector=metadata.name%3D{name}")
}

/// The object of this name in the lists below `base`, such as `/api/v1/namespaces/mesh-sync`; none when it is not there.
///
/// What is answered by something that is no API server is not an empty list, but an error.
pub(crate) async fn find(rest: &Rest, kind: Kind, base: &str, name: &str) -> Result<Option<Value>, RestError> {
    let text = rest.read(&format!("{base}/{}?{}", kind.plural(), selector(name))).await?;
    only(&text, kind, name).map_err(|()| RestError::Strange(format!("something else than a list of {}", kind.plural())))
}

/// The object in a list of at most this one; an error when it is another list, or goes on.
fn only(text: &str, kind: Kind, name: &str) -> Result<Option<Value>, ()> {
    let list: List = serde_json::from_str(text).map_err(drop)?;
    let goes_on = list.metadata.next.is_some_and(|next| !next.is_empty());
    if list.kind.strip_suffix("List") != Some(kind.as_str()) || goes_on {
        return Err(());
    }
    let mut items = list.items.unwrap_or_default();
    match (items.pop(), items.is_empty()) {
        (None, _) => Ok(None),
        (Some(item), true) if item["metadata"]["name"] == name => Ok(Some(item)),
        _ => Err(()),
    }
}

#[derive(Deserialize)]
struct List {
    kind: String,
    #[serde(default)]
    metadata: Metadata,
    /// `null` is an empty list, but no list is none.
    #[serde(deserialize_with = "items")]
    items: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

fn items<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Value>>, D::Error> {
    Deserialize::deserialize(deserializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_says_that_it_is_not_there_and_anything_else_says_nothing() {
        let only = |text: &str| only(text, Kind::ConfigMap, "a");
        let found = only(r#"{"kind":"ConfigMapList","items":[{"metadata":{"name":"a"},"data":{"k":"v"}}]}"#);
        assert_eq!(found.unwrap().unwrap()["data"]["k"], "v");
        for empty in [r#"{"kind":"ConfigMapList","items":[]}"#, r#"{"kind":"ConfigMapList","items":null}"#] {
            assert_eq!(only(empty), Ok(None), "{empty}");
        }
        for strange in [
            "",
            "<html>",
            "{}",
            r#"{"kind":"ConfigMapList"}"#,
            r#"{"kind":"SecretList","items":[]}"#,
            r#"{"kind":"ConfigMap","metadata":{"name":"a"}}"#,
            r#"{"kind":"ConfigMapList","metadata":{"continue":"x"},"items":[]}"#,
            r#"{"kind":"ConfigMapList","items":[{"metadata":{"name":"b"}}]}"#,
            r#"{"kind":"ConfigMapList","items":[{"metadata":{"name":"a"}},{"metadata":{"name":"a"}}]}"#,
        ] {
            assert_eq!(only(strange), Err(()), "{strange}");
        }
    }
}
