//! One fake cluster: what it holds, who may ask, what goes wrong, what was asked.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use mesh_model::kind::Kind;
use tokio::sync::watch;

use super::fault::Faults;
use super::log::{Gauge, Log};
use super::resource::Resource;
use super::store::Store;

/// What the connections of a server share.
pub(crate) struct Cluster {
    pub token: String,
    pub unserved: BTreeSet<Kind>,
    pub faults: Faults,
    pub log: Log,
    /// Its own, then those of the fleet that it belongs to.
    pub gauges: Vec<Arc<Gauge>>,
    /// Connections that are open.
    pub connections: Arc<Gauge>,
    store: Mutex<Store>,
    /// The newest revision, for those who wait for one.
    pub changed: watch::Sender<u64>,
}

impl Cluster {
    pub(crate) fn of(store: Store, token: String, unserved: BTreeSet<Kind>, gauges: Vec<Arc<Gauge>>) -> Self {
        let changed = watch::Sender::new(store.revision);
        let (faults, log, connections) = (Faults::default(), Log::default(), Arc::default());
        Self { token, unserved, faults, log, gauges, connections, store: Mutex::new(store), changed }
    }

    /// Looks at the store or writes to it; watches hear of it.
    pub(crate) fn with_store<T>(&self, work: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let done = work(&mut store);
        let revision = store.revision;
        self.changed.send_if_modified(|last| std::mem::replace(last, revision) != revision);
        done
    }

    /// Whether this cluster has the resource at all.
    pub(crate) fn serves(&self, resource: &Resource) -> bool {
        resource.known().is_none_or(|kind| !self.unserved.contains(&kind))
    }
}
