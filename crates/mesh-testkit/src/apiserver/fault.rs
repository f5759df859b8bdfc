//! What can go wrong between a client and a cluster, as data.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mesh_model::kind::Kind;
use tokio::sync::watch;

use super::call::{Call, Verb};
use super::resource::Resource;

/// One way in which an answer is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ill {
    /// The request is taken and never answered.
    Hang,
    /// The request waits until the server is healed, and is then carried out.
    Wait,
    /// The answer comes, but not before this time.
    Slow(Duration),
    /// The body comes at this many bytes a second.
    Trickle(u32),
    /// A server error, with the `Status` that a real server has for it.
    Status(u16),
    /// 429, with a `Retry-After` of this many seconds.
    RetryAfter(u32),
    /// 403: RBAC says no, in the words of the real server.
    Forbidden,
    /// 401: the credentials are no longer good.
    Unauthorized,
    /// The connection closes after half of the body.
    CutBody,
    /// 502, with the page of a proxy in HTML.
    Html,
    /// 410: the snapshot or version that a continued list or a watch asks for is gone. First pages do not have it.
    Gone,
    /// The TCP connection is reset before an answer.
    Reset,
    /// The request is carried out, then the connection closes without an answer.
    LostAnswer,
    /// 200, with the first half of the JSON as if it were all.
    Garbage,
    /// This error, whose message quotes the credential that was sent.
    Quote(u16),
    /// The same in a page of HTML, as a proxy shows it that was left in a debugging mode.
    QuotingPage(u16),
    /// 307, to the same path of another server.
    Redirect(String),
}

/// How often an ill strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Every request that it is about.
    Always,
    /// The first so many requests that it is about.
    First(u32),
}

/// An ill, and the requests that it is about. The first fault of a server that matches a request is the one that strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Requests with this verb, or any.
    pub verb: Verb,
    /// Requests for this kind; none: for anything.
    pub kind: Option<Kind>,
    /// Requests whose path and query contain this text; empty: all.
    pub path: String,
    /// How often.
    pub times: Times,
    /// What happens.
    pub ill: Ill,
}

impl Fault {
    /// Every request of this verb, whatever it is about, always.
    pub fn new(verb: Verb, ill: Ill) -> Self {
        Self { verb, kind: None, path: String::new(), times: Times::Always, ill }
    }

    /// Only for this kind.
    #[must_use]
    pub fn of(self, kind: Kind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// Only where path and query contain this text.
    #[must_use]
    pub fn at(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }

    /// Only the first `count` times.
    #[must_use]
    pub fn first(self, count: u32) -> Self {
        Self { times: Times::First(count), ..self }
    }

    fn is_about(&self, call: &Call) -> bool {
        let resumes = call.verb == Verb::Watch || !call.parameter("continue").is_empty();
        (self.verb == Verb::Any || self.verb == call.verb)
            && self.kind.is_none_or(|kind| call.resource.and_then(Resource::known) == Some(kind))
            && call.target.contains(&self.path)
            && (self.ill != Ill::Gone || resumes)
    }
}

/// The faults of one server.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    listed: Mutex<Vec<Fault>>,
    healed: watch::Sender<()>,
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    pub(crate) fn clear(&self) {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.healed.send_replace(());
    }

    /// Tells of each clearing from now on.
    pub(crate) fn healing(&self) -> watch::Receiver<()> {
        self.healed.subscribe()
    }

    /// The ill that strikes this request, which then has struck once more.
    pub(crate) fn strike(&self, call: &Call) -> Option<Ill> {
        let mut faults = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = faults.iter_mut().find(|fault| fault.times != Times::First(0) && fault.is_about(call))?;
        if let Times::First(left) = &mut fault.times {
            *left -= 1;
        }
        Some(fault.ill.clone())
    }
}
