//! Lists: pages of a consistent snapshot, rendered and compressed once.

use std::io::Write as _;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::call::Call;
use super::object::Object;
use super::resource::Resource;
use super::selector::{FieldSelector, LabelSelector};
use super::status::Refusal;
use super::store::{Collection, Store};

/// The real server compresses answers above this size (apiserver `defaultGzipThresholdBytes`).
const COMPRESSED_FROM: usize = 128 * 1024;

/// A body that can be sent plain or compressed.
#[derive(Debug)]
pub(crate) struct Page {
    pub plain: Bytes,
    compressed: OnceLock<Bytes>,
}

impl Page {
    pub(crate) fn of(plain: Vec<u8>) -> Self {
        Self { plain: plain.into(), compressed: OnceLock::new() }
    }

    /// The body compressed, if it is big enough for that.
    pub(crate) fn compressed(&self) -> Option<Bytes> {
        (self.plain.len() > COMPRESSED_FROM).then(|| self.compressed.get_or_init(|| compress(&self.plain)).clone())
    }
}

fn compress(plain: &[u8]) -> Bytes {
    // The level of the real server.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(1));
    encoder.write_all(plain).expect("memory can be written");
    encoder.finish().expect("memory can be written").into()
}

/// What a list or a watch is about.
pub(crate) struct Selection {
    namespace: String,
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selection {
    pub(crate) fn of(call: &Call) -> Result<Self, Refusal> {
        let mut fields = FieldSelector::parse(call.parameter("fieldSelector"))?;
        if !call.name.is_empty() {
            fields.name = Some(call.name.clone());
        }
        Ok(Self {
            namespace: call.namespace.clone(),
            labels: LabelSelector::parse(call.parameter("labelSelector"))?,
            fields,
        })
    }

    pub(crate) fn matches(&self, object: &Object) -> bool {
        (self.namespace.is_empty() || self.namespace == object.namespace)
            && self.fields.name.as_ref().is_none_or(|name| *name == object.name)
            && self.fields.namespace.as_ref().is_none_or(|namespace| *namespace == object.namespace)
            && self.labels.matches(&object.labels)
    }

    fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }
}

/// The page that is asked for. Pages go on where the last one ended, in the collection as it was then.
pub(crate) fn list(store: &mut Store, resource: &'static Resource, call: &Call) -> Result<Arc<Page>, Refusal> {
    let selection = Selection::of(call)?;
    let token = call.parameter("continue");
    let version = call.parameter("resourceVersion");
    let mut limit = usize::try_from(number(call.parameter("limit"))?).unwrap_or(usize::MAX);
    let asked = number(version)?;
    let newest = store.revision;
    let history = store.history(resource);
    let (collection, start) = if token.is_empty() {
        if version == "0" {
            // Answered from the watch cache, where the real server ignores a limit.
            limit = 0;
        } else if asked > newest {
            return Err(too_new(asked, newest));
        }
        let collection = Arc::clone(&history.now);
        (collection, String::new())
    } else {
        if asked != 0 {
            return Err(Refusal::bad_request("specifying resource version is not allowed when using continue"));
        }
        let (revision, start) = read_token(token)?;
        (history.at(revision).ok_or_else(Refusal::continue_expired)?, start)
    };
    if limit > 0 {
        history.remember();
    }
    let key = format!(
        "{}|{}|{}|{}|{start}|{limit}",
        call.version,
        call.namespace,
        call.parameter("labelSelector"),
        call.parameter("fieldSelector"),
    );
    Ok(collection.page(key, || render(resource, &call.version, &collection, &selection, &start, limit)))
}

fn render(
    resource: &Resource,
    version: &str,
    collection: &Collection,
    selection: &Selection,
    start: &str,
    limit: usize,
) -> Page {
    let prefix = if selection.namespace.is_empty() { String::new() } else { format!("{}/", selection.namespace) };
    let from = if start.is_empty() { prefix.as_str() } else { start };
    let mut found = collection
        .objects
        .range(from.to_owned()..)
        .take_while(|(key, _)| key.starts_with(&prefix))
        .filter(|(_, object)| selection.matches(object));
    let most = if limit == 0 { usize::MAX } else { limit };
    let mut items = Vec::new();
    let mut last = String::new();
    for (key, object) in found.by_ref().take(most) {
        if !items.is_empty() {
            items.push(b',');
        }
        object.item(resource, version, &mut items);
        last.clone_from(key);
    }
    let remaining = found.count();
    let mut metadata = json!({"resourceVersion": collection.revision.to_string()});
    if remaining > 0 {
        metadata["continue"] = write_token(collection.revision, &last).into();
        // With a selector the real server does not know.
        if selection.is_everything() {
            metadata["remainingItemCount"] = remaining.into();
        }
    }
    let head = if resource.custom {
        format!("{{\"apiVersion\":\"{}\",\"items\":[", resource.api_version(version))
    } else {
        let api_version = resource.api_version(version);
        format!(
            "{{\"kind\":\"{}List\",\"apiVersion\":\"{api_version}\",\"metadata\":{metadata},\"items\":[",
            resource.kind
        )
    };
    let tail = if resource.custom {
        format!("],\"kind\":\"{}List\",\"metadata\":{metadata}}}\n", resource.kind)
    } else {
        "]}\n".to_owned()
    };
    Page::of([head.as_bytes(), &items, tail.as_bytes()].concat())
}

/// A version that no write has reached yet.
fn too_new(asked: u64, newest: u64) -> Refusal {
    Refusal::Status {
        code: 504,
        reason: "Timeout",
        message: format!("Too large resource version: {asked}, current: {newest}"),
        details: json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        }),
    }
}

fn number(text: &str) -> Result<u64, Refusal> {
    let refused = || Refusal::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"));
    if text.is_empty() { Ok(0) } else { text.parse().map_err(|_| refused()) }
}

/// As the real server writes it: opaque to clients, who must not care.
fn write_token(revision: u64, last: &str) -> String {
    let token = json!({"v": "meta.k8s.io/v1", "rv": revision, "start": format!("{last}\0")});
    URL_SAFE_NO_PAD.encode(token.to_string())
}

fn read_token(token: &str) -> Result<(u64, String), Refusal> {
    let read = || {
        let token: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        Some((token["rv"].as_u64()?, token["start"].as_str()?.to_owned()))
    };
    read().ok_or_else(|| Refusal::bad_request("continue key is not valid"))
}
