//! Lists of one kind in the cluster that lists the others, page by page.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::rest::{Rest, RestError};
use crate::limits::{MAX_TARGETS, PAGE};

/// What is listed.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) group: &'static str,
    pub(crate) plural: &'static str,
    /// `kind` of a list of it.
    pub(crate) list: &'static str,
}

#[derive(Deserialize)]
struct List<T> {
    kind: String,
    #[serde(default)]
    metadata: Metadata,
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

/// All of `kind` below `path`, which has a query. Errors say what to do, and nothing of what was listed.
pub(crate) async fn list<T: DeserializeOwned>(rest: &Rest, kind: Kind, path: &str) -> Result<Vec<T>, String> {
    match list_once(rest, kind, path).await {
        // The list took longer than the server keeps its state: once more from the start.
        Err(Unlisted::Rest(error)) if error.is_gone() => list_once(rest, kind, path).await,
        other => other,
    }
    .map_err(|error| error.in_words(kind))
}

async fn list_once<T: DeserializeOwned>(rest: &Rest, kind: Kind, path: &str) -> Result<Vec<T>, Unlisted> {
    let first = format!("{path}&limit={PAGE}");
    let mut next = first.clone();
    let mut all = Vec::new();
    loop {
        let text = rest.read(&next).await.map_err(Unlisted::Rest)?;
        let page: List<T> = serde_json::from_str(&text).map_err(|_| Unlisted::Strange)?;
        if page.kind != kind.list {
            return Err(Unlisted::Strange);
        }
        all.extend(page.items.unwrap_or_default());
        if all.len() > MAX_TARGETS {
            return Err(Unlisted::TooMany);
        }
        match page.metadata.next.filter(|next| !next.is_empty()) {
            Some(token) => next = format!("{first}&continue={}", utf8_percent_encode(&token, NON_ALPHANUMERIC)),
            None => return Ok(all),
        }
    }
}

/// Why a list is not complete.
enum Unlisted {
    Rest(RestError),
    Strange,
    TooMany,
}

impl Unlisted {
    fn in_words(&self, kind: Kind) -> String {
        let Kind { group, plural, .. } = kind;
        match self {
            Self::Rest(error) if error.is_forbidden() => format!(
                "{plural} may not be listed; the missing rule is \
                 {{apiGroups: [{group:?}], resources: [{plural:?}], verbs: [\"list\"]}} ({error})"
            ),
            Self::Rest(error) => format!("{plural} cannot be listed: {error}"),
            Self::Strange => format!("{plural} cannot be listed: the answer is no {}", kind.list),
            Self::TooMany => format!("there are more than {MAX_TARGETS} {plural}"),
        }
    }
}
