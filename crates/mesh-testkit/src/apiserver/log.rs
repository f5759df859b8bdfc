//! What a server was asked, and how much at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mesh_model::kind::Kind;

use super::call::{Call, Verb};
use super::resource::Resource;

/// One request that a server got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it wants.
    pub verb: Verb,
    /// Of which kind, if it is one that runs read.
    pub kind: Option<Kind>,
    /// Path and query.
    pub target: String,
    /// The code of the answer; none while there is no answer, which may be forever.
    pub status: Option<u16>,
}

/// The requests of one server, in the order of their coming.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// How many came before the first entry.
    forgotten: usize,
    requests: Vec<Request>,
}

impl Log {
    /// Notes a request, and gives it a number.
    pub(crate) fn begin(&self, call: &Call) -> usize {
        let mut log = self.entries();
        log.requests.push(Request {
            verb: call.verb,
            kind: call.resource.and_then(Resource::known),
            target: call.target.clone(),
            status: None,
        });
        log.forgotten + log.requests.len() - 1
    }

    /// Notes the answer to the request of this number, unless that was forgotten.
    pub(crate) fn end(&self, number: usize, status: u16) {
        let mut log = self.entries();
        let at = number.checked_sub(log.forgotten);
        if let Some(request) = at.and_then(|at| log.requests.get_mut(at)) {
            request.status = Some(status);
        }
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        self.entries().requests.clone()
    }

    pub(crate) fn forget(&self) {
        let mut log = self.entries();
        log.forgotten += log.requests.len();
        log.requests.clear();
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts what is in flight: requests from their coming to the end of their answers, and connections.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    pub(crate) fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    fn up(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
    }
}

/// One request or connection, until it is dropped.
pub(crate) struct InFlight(Vec<Arc<Gauge>>);

impl InFlight {
    pub(crate) fn on(gauges: &[Arc<Gauge>]) -> Self {
        for gauge in gauges {
            gauge.up();
        }
        Self(gauges.to_vec())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        for gauge in &self.0 {
            gauge.now.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
