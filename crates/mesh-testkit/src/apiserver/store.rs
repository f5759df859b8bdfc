//! What a cluster holds. Collections are shared between clusters that hold the same, until one is written to.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::list::Page;
use super::object::{Object, key};
use super::resource::Resource;

/// Events that a watch may still ask for, per resource.
const EVENTS_KEPT: usize = 1_024;

/// Snapshots that a continue token may still ask for, per resource.
const SNAPSHOTS_KEPT: usize = 32;

/// The objects of one resource at one revision.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    /// When an object of it last changed. Lists carry it as their version.
    pub revision: u64,
    pub objects: BTreeMap<String, Arc<Object>>,
    pages: Mutex<HashMap<String, Arc<Page>>>,
}

impl Clone for Collection {
    fn clone(&self) -> Self {
        Self { revision: self.revision, objects: self.objects.clone(), pages: Mutex::default() }
    }
}

impl Collection {
    /// A page under this key, made at most once for all clusters that share the collection.
    pub(crate) fn page(&self, key: String, make: impl FnOnce() -> Page) -> Arc<Page> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(pages.entry(key).or_insert_with(|| Arc::new(make())))
    }

    fn put(&mut self, revision: u64, object: Arc<Object>) {
        self.revision = revision;
        self.objects.insert(object.key(), object);
        self.pages.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn remove(&mut self, revision: u64, key: &str) {
        self.revision = revision;
        self.objects.remove(key);
        self.pages.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A change, for watches: what was there, and what is there now.
#[derive(Debug)]
pub(crate) struct Event {
    pub revision: u64,
    pub before: Option<Arc<Object>>,
    pub after: Option<Arc<Object>>,
    /// The object as it went, at the revision of its going.
    pub last: Arc<Object>,
}

/// One resource of one cluster: now, and as much of the past as a server keeps.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub now: Arc<Collection>,
    pub events: VecDeque<Arc<Event>>,
    /// A watch from before this revision has missed something.
    pub floor: u64,
    snapshots: VecDeque<Arc<Collection>>,
}

impl History {
    /// Keeps what is there now for the pages to come.
    pub(crate) fn remember(&mut self) {
        if self.snapshots.back().is_none_or(|last| last.revision != self.now.revision) {
            self.snapshots.push_back(Arc::clone(&self.now));
            if self.snapshots.len() > SNAPSHOTS_KEPT {
                self.snapshots.pop_front();
            }
        }
    }

    /// The collection as it was at a revision, if that is still known.
    pub(crate) fn at(&self, revision: u64) -> Option<Arc<Collection>> {
        self.snapshots.iter().find(|snapshot| snapshot.revision == revision).cloned()
    }

    fn record(&mut self, event: Event) {
        self.events.push_back(Arc::new(event));
        if self.events.len() > EVENTS_KEPT
            && let Some(gone) = self.events.pop_front()
        {
            self.floor = gone.revision;
        }
    }
}

/// Everything that one cluster holds.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub revision: u64,
    histories: BTreeMap<&'static Resource, History>,
}

impl Store {
    /// A cluster that holds these collections.
    pub(crate) fn of(collections: &BTreeMap<&'static Resource, Arc<Collection>>, revision: u64) -> Self {
        let history =
            |now: &Arc<Collection>| History { floor: now.revision, now: Arc::clone(now), ..History::default() };
        Self { revision, histories: collections.iter().map(|(resource, now)| (*resource, history(now))).collect() }
    }

    pub(crate) fn history(&mut self, resource: &'static Resource) -> &mut History {
        let revision = self.revision;
        self.histories.entry(resource).or_insert_with(|| History {
            now: Arc::new(Collection { revision, ..Collection::default() }),
            floor: revision,
            ..History::default()
        })
    }

    pub(crate) fn find(&mut self, resource: &'static Resource, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.history(resource).now.objects.get(&key(namespace, name)).cloned()
    }

    /// Writes an object at the next revision, whatever was there.
    pub(crate) fn put(&mut self, resource: &'static Resource, mut value: Value) -> Arc<Object> {
        self.revision += 1;
        let revision = self.revision;
        value["metadata"]["resourceVersion"] = revision.to_string().into();
        let object = Arc::new(Object::of(&value));
        let history = self.history(resource);
        let before = history.now.objects.get(&object.key()).cloned();
        Arc::make_mut(&mut history.now).put(revision, Arc::clone(&object));
        history.record(Event { revision, before, after: Some(Arc::clone(&object)), last: Arc::clone(&object) });
        object
    }

    /// Takes an object away, if it is there.
    pub(crate) fn remove(&mut self, resource: &'static Resource, namespace: &str, name: &str) -> Option<Arc<Object>> {
        let before = self.find(resource, namespace, name)?;
        self.revision += 1;
        let revision = self.revision;
        let mut last = before.value(resource, resource.versions[0]);
        last["metadata"]["resourceVersion"] = revision.to_string().into();
        let history = self.history(resource);
        Arc::make_mut(&mut history.now).remove(revision, &before.key());
        let last = Arc::new(Object::of(&last));
        history.record(Event { revision, before: Some(Arc::clone(&before)), after: None, last });
        Some(before)
    }

    /// Takes away everything in a namespace, as the namespace controller does.
    pub(crate) fn empty_namespace(&mut self, namespace: &str) {
        let prefix = format!("{namespace}/");
        let doomed: Vec<(&'static Resource, String)> = self
            .histories
            .iter()
            .filter(|(resource, _)| resource.namespaced)
            .flat_map(|(resource, history)| {
                let inside =
                    history.now.objects.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
                inside.map(|(_, object)| (*resource, object.name.clone()))
            })
            .collect();
        for (resource, name) in doomed {
            self.remove(resource, namespace, &name);
        }
    }

    /// Forgets the past: continue tokens and old watches are answered 410 from here on.
    pub(crate) fn compact(&mut self) {
        let revision = self.revision;
        for history in self.histories.values_mut() {
            history.events.clear();
            history.snapshots.clear();
            history.floor = revision;
        }
    }
}
