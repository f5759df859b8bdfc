//! Watches: a stream of changes since a version, one JSON document a line.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, sleep_until};

use super::call::Call;
use super::cluster::Cluster;
use super::list::Selection;
use super::object::Object;
use super::resource::Resource;
use super::status::Refusal;
use super::store::Event;

/// How long a watch lasts whose client does not say.
const LONGEST: Duration = Duration::from_hours(1);

struct Watch {
    cluster: Arc<Cluster>,
    resource: &'static Resource,
    version: String,
    selection: Selection,
    bookmarks: bool,
    /// Everything up to this revision was told.
    told: u64,
}

/// The changes since the version that is asked for. Without one, what is there comes first, as added.
pub(crate) fn watch(
    cluster: Arc<Cluster>,
    resource: &'static Resource,
    call: &Call,
) -> Result<Receiver<Bytes>, Refusal> {
    let selection = Selection::of(call)?;
    let since = call.parameter("resourceVersion");
    let initial = call.parameter("sendInitialEvents") == "true";
    let told = if since.is_empty() { 0 } else { since.parse().map_err(|_| invalid_version(since))? };
    let bookmarks = call.parameter("allowWatchBookmarks") == "true";
    let seconds = call.parameter("timeoutSeconds").parse().map_or(LONGEST, Duration::from_secs);
    let mut watch = Watch { cluster, resource, version: call.version.clone(), selection, bookmarks, told };
    let (sender, receiver) = mpsc::channel(16);
    let first = if told == 0 || initial { Some(watch.what_is_there(initial)) } else { None };
    let end = Instant::now() + seconds;
    tokio::spawn(async move {
        for line in first.into_iter().flatten() {
            if sender.send(line).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = watch.follow(&sender) => {}
            () = sleep_until(end) => {
                if watch.bookmarks {
                    let _ = sender.send(watch.bookmark(false)).await;
                }
            }
            () = sender.closed() => {}
        }
    });
    Ok(receiver)
}

impl Watch {
    fn what_is_there(&mut self, with_end: bool) -> Vec<Bytes> {
        let now = self.cluster.with_store(|store| Arc::clone(&store.history(self.resource).now));
        self.told = now.revision;
        let found = now.objects.values().filter(|object| self.selection.matches(object));
        let mut lines: Vec<Bytes> = found.map(|object| self.line("ADDED", object)).collect();
        if with_end {
            lines.push(self.bookmark(true));
        }
        lines
    }

    async fn follow(&mut self, sender: &Sender<Bytes>) {
        let mut changed = self.cluster.changed.subscribe();
        loop {
            let Ok(events) = self.missed() else {
                let newest = self.cluster.changed.borrow().to_string();
                let gone = Refusal::expired(format!("too old resource version: {} ({newest})", self.told));
                let _ = sender.send(json_line(&json!({"type": "ERROR", "object": gone.body()}))).await;
                return;
            };
            for event in events {
                self.told = event.revision;
                if let Some(line) = self.told_of(&event)
                    && sender.send(line).await.is_err()
                {
                    return;
                }
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// The events since what was told; an error if some are no longer kept.
    fn missed(&self) -> Result<Vec<Arc<Event>>, ()> {
        self.cluster.with_store(|store| {
            let history = store.history(self.resource);
            if self.told < history.floor {
                return Err(());
            }
            Ok(history.events.iter().filter(|event| event.revision > self.told).cloned().collect())
        })
    }

    /// What a change looks like to somebody who sees only what the selectors let through.
    fn told_of(&self, event: &Event) -> Option<Bytes> {
        let seen = |object: &Option<Arc<Object>>| object.as_ref().is_some_and(|object| self.selection.matches(object));
        match (seen(&event.before), seen(&event.after)) {
            (false, false) => None,
            (false, true) => Some(self.line("ADDED", &event.last)),
            (true, true) => Some(self.line("MODIFIED", &event.last)),
            (true, false) => Some(self.line("DELETED", &event.last)),
        }
    }

    fn line(&self, what: &str, object: &Object) -> Bytes {
        let mut line = format!("{{\"type\":\"{what}\",\"object\":").into_bytes();
        line.extend_from_slice(&object.text(self.resource, &self.version));
        line.extend_from_slice(b"}\n");
        line.into()
    }

    fn bookmark(&self, initial: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": self.told.to_string(), "creationTimestamp": null});
        if initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let api_version = self.resource.api_version(&self.version);
        let object = json!({"kind": self.resource.kind, "apiVersion": api_version, "metadata": metadata});
        json_line(&json!({"type": "BOOKMARK", "object": object}))
    }
}

fn json_line(value: &Value) -> Bytes {
    format!("{value}\n").into()
}

fn invalid_version(text: &str) -> Refusal {
    Refusal::bad_request(format!("strconv.ParseUint: parsing {text:?}: invalid syntax"))
}
