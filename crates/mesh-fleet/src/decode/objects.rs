//! Objects out of documents: each with its name checked, a broken one without harm to the others.

use std::sync::Arc;

use jiff::Timestamp;
use mesh_model::finding::{Code, Finding};
use mesh_model::kind::Kind;
use mesh_model::name::Namespace;
use serde::Deserialize;

use super::items::each_item;
use super::page::Page;
use super::places::Identity;
use super::problem::ReadError;
use super::source::Source;
use super::wire::{List, Metadata, Object, PageHead};
use super::{ClusterDecoder, Place, shorten};
use crate::limits::{MAX_NAME, MAX_OBJECT, MAX_OBJECTS};

/// Whether a document holds one object or a list.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    One,
    Many,
    /// A list as an API server sends it. Its objects are kept one by one while it is read, so that what was kept counts
    /// only where all of it reads.
    Page,
}

/// A document of a known kind that waits to be read.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) kind: Kind,
    pub(super) source: Source<'a>,
    pub(super) shape: Shape,
    pub(super) place: Place<'a>,
    /// Whether the kind is only a guess.
    pub(super) check: bool,
}

/// An object whose name was checked.
pub(super) struct Item<'a> {
    pub(super) kind: Kind,
    pub(super) namespace: Option<Namespace>,
    pub(super) name: Arc<str>,
    pub(super) created: Option<Timestamp>,
    pub(super) source: Source<'a>,
    pub(super) place: Place<'a>,
}

impl Item<'_> {
    fn identity(&self) -> Identity {
        (self.kind, self.namespace.clone(), self.name.clone())
    }

    /// The namespace of a namespaced object.
    pub(super) fn namespace(&self) -> Namespace {
        self.namespace.clone().expect("an object of a namespaced kind has a namespace")
    }

    /// `Service shop/checkout`, `Node node-1`.
    pub(super) fn shown(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }
}

impl<Spec, Status, Fields> Object<'_, Spec, Status, Fields> {
    /// Whether the document says that it is of this kind.
    fn is(&self, kind: Kind) -> bool {
        let group = self.api_version.as_deref().and_then(|text| text.split_once('/')).map_or("", |(group, _)| group);
        self.kind.as_deref() == Some(kind.as_str()) && group == kind.group()
    }
}

impl ClusterDecoder<'_> {
    /// Reads the object, or each of the objects, and hands it to `keep`. What does not read, or what `keep` refuses,
    /// makes the kind unseen. What a page says of itself; none where it does not read, or is none.
    pub(super) fn each<'a, Spec, Status, Fields>(
        &mut self,
        job: Job<'a>,
        keep: impl Fn(&mut Self, &Item<'a>, Object<'a, Spec, Status, Fields>) -> Result<(), String>,
    ) -> Option<PageHead<'a>>
    where
        Spec: Deserialize<'a>,
        Status: Deserialize<'a>,
        Fields: Deserialize<'a> + Default,
    {
        let unreadable = |decoder: &mut Self, error: ReadError| {
            decoder.objects += 1;
            let problem = format!("{}{}", job.source.shown(), error.problem);
            decoder.note_unreadable(Some(job.kind), job.place, &ReadError { problem, ..error });
        };
        // What is kept of a ConfigMap is read from its own document.
        let is_read_twice = job.kind == Kind::ConfigMap;
        match job.shape {
            Shape::One if job.source.text().is_some_and(|text| text.len() > MAX_OBJECT) => {
                let bound = MAX_OBJECT >> 20;
                unreadable(self, ReadError::new(format!("is larger than {bound} MiB, which no API server takes")));
            }
            Shape::One => match job.source.read::<Object<'a, Spec, Status, Fields>>() {
                Ok(object) if job.check && !object.is(job.kind) => {
                    self.unreadable_document(job.place, &ReadError::new("its kind cannot be told"));
                }
                Ok(object) => self.keep(&job, object, &keep),
                Err(error) => unreadable(self, error),
            },
            Shape::Page => {
                let text = job.source.text().filter(|_| !is_read_twice)?;
                return mesh_json::read(text, Page::new(|object| self.keep(&job, object, &keep)));
            }
            Shape::Many => {
                if !is_read_twice && let Ok(list) = job.source.read::<List<Object<'a, Spec, Status, Fields>>>() {
                    list.items.into_iter().for_each(|object| self.keep(&job, object, &keep));
                    return None;
                }
                // One of them is broken, maybe. The others are found by taking the list apart.
                let taken = each_item(job.source, &mut |item| {
                    self.take_known(job.kind, Source::Item(item), Shape::One, job.place, false);
                });
                if let Err(error) = taken {
                    unreadable(self, error);
                }
            }
        }
        None
    }

    fn keep<'a, Spec, Status, Fields>(
        &mut self,
        job: &Job<'a>,
        mut object: Object<'a, Spec, Status, Fields>,
        keep: &impl Fn(&mut Self, &Item<'a>, Object<'a, Spec, Status, Fields>) -> Result<(), String>,
    ) {
        self.objects += 1;
        if self.objects > MAX_OBJECTS {
            return self.mark_unreadable(format!("has more than {MAX_OBJECTS} objects"));
        }
        let result = self.item(job, &mut object.metadata).and_then(|item| match item {
            Some(item) => keep(self, &item, object).map_err(|problem| format!("{}: {problem}", item.shown())),
            None => Ok(()),
        });
        if let Err(problem) = result {
            self.note_unreadable(Some(job.kind), job.place, &ReadError::new(problem));
        }
    }

    /// The object's name, checked; none when an object of that name was there before.
    fn item<'a, Fields>(
        &mut self,
        job: &Job<'a>,
        metadata: &mut Metadata<'a, Fields>,
    ) -> Result<Option<Item<'a>>, String> {
        let name = metadata.name.as_deref().unwrap_or_default();
        if name.is_empty() {
            return Err("has no metadata.name".to_owned());
        }
        if name.len() > MAX_NAME || name.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/') {
            return Err(format!("its metadata.name {:?} is not a name", shorten(name)));
        }
        let namespace = if is_cluster_scoped(job.kind) {
            None
        } else {
            let text = metadata.namespace.as_deref().filter(|n| !n.is_empty()).unwrap_or("default");
            let known = self.interner.namespace(text);
            Some(known.map_err(|_| format!("its metadata.namespace {:?} is not a name", shorten(text)))?)
        };
        let created = match metadata.creation_timestamp.as_deref() {
            None | Some("") => None,
            Some(text) => Some(
                text.parse::<Timestamp>()
                    .map_err(|_| format!("its creationTimestamp {:?} is not a time in RFC 3339", shorten(text)))?,
            ),
        };
        let name = self.interner.text(name);
        let item = Item { kind: job.kind, namespace, name, created, source: job.source, place: job.place };
        if let Some(first) = self.places.note(item.identity(), job.place) {
            let message = format!("{} is also defined at {first}, which counts", item.shown());
            let place = self.places.in_words(job.place);
            self.find(Finding::new(Code::DuplicateObject, Some(&self.cluster.clone()), place, message));
            return Ok(None);
        }
        Ok(Some(item))
    }
}

fn is_cluster_scoped(kind: Kind) -> bool {
    matches!(kind, Kind::Namespace | Kind::Node | Kind::GlobalName | Kind::GlobalNameSet)
}
