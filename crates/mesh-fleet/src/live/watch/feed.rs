//! One kind of one cluster: a list, then a watch from its version, then the next watch from where that one ended.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use http_body_util::BodyExt;
use kube::client::Body;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Duration, Instant, sleep, timeout};

use super::super::pages::ListError;
use super::super::quotes::Sent;
use super::super::rest::{QUOTED, Rest, jittered, text};
use super::super::unpack::recycle;
use super::state::{Shared, number};
use crate::decode::{Interner, PageEnd, Part, RawPage, Slim, Slims};
use crate::fleet::Depth;
use crate::limits::{
    MARK_TIMEOUT, MAX_EVENT, PAGE, RETRY_PAUSE, WATCH_LASTS, WATCH_PAUSE, WATCH_SILENCE, WATCH_WORKED,
};

/// One kind of one cluster.
#[derive(Clone)]
pub(super) struct Feed {
    pub(super) shared: Arc<Shared>,
    pub(super) rest: Rest,
    pub(super) cluster: ClusterName,
    /// The cluster's number.
    pub(super) place: usize,
    /// The kind's number in the cluster.
    pub(super) number: usize,
    pub(super) kind: Kind,
    /// The path of the list.
    pub(super) path: String,
    /// `&fieldSelector=…`, if not all are wanted.
    pub(super) selector: &'static str,
    /// What a list may take.
    pub(super) list_timeout: Duration,
}

/// How a watch ended.
enum End {
    /// As it was asked to; the next one begins where it ended.
    InTime,
    /// The server does not know what happened since: the kind must be listed again.
    Gone,
    /// It broke; nothing is lost.
    Broken(String),
}

impl Feed {
    /// Lists all objects; what goes wrong is noted. The version from which to watch.
    pub(super) async fn list(&self) -> Option<u64> {
        let listed = self.list_pages().await;
        match listed {
            Ok((objects, version)) => {
                self.shared.listed(self.place, self.number, objects, version);
                Some(version)
            }
            Err(why) => {
                self.shared.broken(self.place, self.number, &why);
                None
            }
        }
    }

    /// Watches for ever, listing again where that is needed.
    pub(super) async fn follow(self, mut since: Option<u64>) {
        let mut tries = 0;
        loop {
            let Some(version) = &mut since else {
                self.pause(&mut tries).await;
                since = self.list().await;
                self.shared.interners.forget();
                continue;
            };
            let start = Instant::now();
            let end = self.watch(version).await;
            if start.elapsed() >= WATCH_WORKED {
                tries = 0;
            }
            match end {
                End::InTime if start.elapsed() >= WATCH_WORKED => {}
                End::InTime => self.pause(&mut tries).await,
                End::Gone => since = None,
                End::Broken(why) => {
                    if self.shared.broken(self.place, self.number, &why) {
                        self.pause(&mut tries).await;
                    } else {
                        since = None;
                    }
                }
            }
        }
    }

    /// The newest version of the kind, by a consistent read of as little as possible.
    pub(super) async fn newest(&self) -> Option<u64> {
        let rest = self.rest.until(Instant::now() + MARK_TIMEOUT);
        let text = rest.read(&format!("{}?limit=1{}", self.path, self.selector)).await.ok()?;
        RawPage::read(self.kind, &text).ok().and_then(|page| number(page.version()))
    }

    async fn pause(&self, tries: &mut u32) {
        sleep(jittered((RETRY_PAUSE * (1 << (*tries).min(10))).min(WATCH_PAUSE), (*tries).min(6))).await;
        *tries += 1;
    }

    async fn list_pages(&self) -> Result<(BTreeMap<Box<str>, Slim>, u64), String> {
        let rest = self.rest.until(Instant::now() + self.list_timeout);
        let list = format!("{}?limit={PAGE}{}", self.path, self.selector);
        let mut path = list.clone();
        let mut objects = BTreeMap::new();
        loop {
            let in_words = |error| ListError::Rest(error).in_words(self.kind);
            let answer = rest.read_page(&path).await.map_err(in_words)?;
            let page = text(&answer).map_err(in_words)?;
            let (page, end) = self.shared.interners.with(|interner| self.page(page, interner))?;
            objects.extend(page);
            recycle(answer);
            let Some(next) = end.next else {
                let version = number(&end.version).ok_or("the list has no version that can be watched from")?;
                return Ok((objects, version));
            };
            path = format!("{list}&continue={}", utf8_percent_encode(&next, NON_ALPHANUMERIC));
        }
    }

    /// The objects of a page that a rule uses, and what it says of the list.
    fn page(&self, text: &str, interner: &mut Interner) -> Result<(Slims, PageEnd), String> {
        let (cluster, policy) = (&self.cluster, &self.shared.policy);
        let (part, end) = Part::of_page(self.kind, text, &self.path, cluster, (policy, Depth::Plan), interner)?;
        if let Some(objects) = Slim::of_page(self.kind, part) {
            return Ok((objects, end));
        }
        let mut objects = Vec::new();
        for item in RawPage::read(self.kind, text)?.items() {
            let head = Head::read(item).ok_or("an object of the list has no name")?;
            let slim = self.decode(item, interner);
            if !matches!(slim, Slim::Nothing) {
                objects.push((head.id(), slim));
            }
        }
        Ok((objects, end))
    }

    fn decode(&self, text: &str, interner: &mut Interner) -> Slim {
        Slim::read(self.kind, text, &self.path, &self.cluster, &self.shared.policy, interner)
    }

    async fn watch(&self, since: &mut u64) -> End {
        let rest = self.rest.until(Instant::now() + WATCH_LASTS);
        // Not all at once again: the share of chance is in the pause.
        let seconds = jittered(WATCH_LASTS, 0).as_secs().max(1);
        let path = format!(
            "{}?watch=1&allowWatchBookmarks=true&resourceVersion={since}&timeoutSeconds={seconds}{}",
            self.path, self.selector
        );
        let (mut body, sent) = match rest.stream(&path).await {
            Ok(stream) => stream,
            Err(error) if error.is_gone() => return End::Gone,
            Err(error) if error.is_forbidden() => {
                return End::Broken(format!(
                    "may not be watched; the missing rule is {{apiGroups: [{:?}], resources: [{:?}], verbs: [\"watch\"]}} ({error})",
                    self.kind.group(),
                    self.kind.plural(),
                ));
            }
            Err(error) => return End::Broken(format!("cannot be watched: {error}")),
        };
        if !self.shared.connected(self.place, self.number) {
            return End::Gone;
        }
        let mut lines = Lines::default();
        loop {
            let line = match timeout(WATCH_SILENCE, lines.next(&mut body)).await {
                Ok(Ok(Some(line))) => line,
                Ok(Ok(None)) => return End::InTime,
                Ok(Err(why)) => return End::Broken(why),
                Err(_) => {
                    self.shared.broken(self.place, self.number, "its watch says nothing");
                    return End::Gone;
                }
            };
            if let Err(end) = self.take(&line, since, &sent) {
                return end;
            }
        }
    }

    fn take(&self, line: &[u8], since: &mut u64, sent: &Sent) -> Result<(), End> {
        let broken = || End::Broken("its watch sent something that is no event".to_owned());
        let event: Event<'_> = serde_json::from_slice(line).map_err(|_| broken())?;
        if event.sort == "ERROR" {
            let status: Status = serde_json::from_str(event.object.get()).unwrap_or_default();
            return Err(if status.code == 410 {
                End::Gone
            } else {
                End::Broken(format!("its watch ended: {}", sent.shown(&status.message)))
            });
        }
        if sent.is_quoted_in(event.object.get().as_bytes()) {
            return Err(End::Broken(format!("its watch answered {QUOTED}")));
        }
        let head: Head<'_> = serde_json::from_str(event.object.get()).map_err(|_| broken())?;
        let version = number(&head.metadata.resource_version).ok_or_else(broken)?;
        match &*event.sort {
            "BOOKMARK" => self.shared.bookmark(self.place, self.number, version),
            "ADDED" | "MODIFIED" => {
                // One interner an event: one for all would keep what was said once for as long as the run lasts.
                let slim = self.decode(event.object.get(), &mut Interner::default());
                let slim = Some(slim).filter(|slim| !matches!(slim, Slim::Nothing));
                self.shared.told(self.place, self.number, head.id(), slim, version);
            }
            "DELETED" => self.shared.told(self.place, self.number, head.id(), None, version),
            _ => return Err(broken()),
        }
        *since = (*since).max(version);
        Ok(())
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    sort: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
    message: String,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    metadata: HeadMetadata<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadMetadata<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, default)]
    resource_version: Cow<'a, str>,
}

impl<'a> Head<'a> {
    fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|head: &Self| !head.metadata.name.is_empty())
    }

    fn id(&self) -> Box<str> {
        format!("{}/{}", self.metadata.namespace, self.metadata.name).into()
    }
}

/// The lines of a body, each within its bound.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    /// How far there is no end of a line.
    searched: usize,
}

impl Lines {
    async fn next(&mut self, body: &mut Body) -> Result<Option<Vec<u8>>, String> {
        loop {
            if let Some(at) = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n') {
                let rest = self.bytes.split_off(self.searched + at + 1);
                self.searched = 0;
                return Ok(Some(std::mem::replace(&mut self.bytes, rest)));
            }
            self.searched = self.bytes.len();
            if self.searched > MAX_EVENT {
                return Err("its watch sent an event larger than any object".to_owned());
            }
            match body.frame().await {
                None if self.bytes.is_empty() => return Ok(None),
                None => return Err("its watch ended in the middle of an event".to_owned()),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.bytes.extend_from_slice(data);
                    }
                }
                Some(Err(_)) => return Err("its watch broke".to_owned()),
            }
        }
    }
}
