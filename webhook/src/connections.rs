//! Connections, within bounds.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum_server::accept::Accept;
use axum_server::{Address, Handle};
use futures::future::BoxFuture;
use tokio::time::Instant;

use crate::metrics::Metrics;

/// Most connections for reviews at once: systems let a process have 1,024 files, and its watches and its logs are some.
pub(crate) const MAX_CONNECTIONS: usize = 768;
/// Most connections to the admin port at once.
pub(crate) const MAX_ADMIN_CONNECTIONS: usize = 64;
/// How long a handshake may take.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long the first request of a connection, and the head of each, may take.
pub(crate) const HEAD: Duration = Duration::from_secs(5);
/// What happens often is logged once in so long.
const SELDOM: Duration = Duration::from_secs(10);

/// Accepts as `inner` does, but closes what comes while there are too many.
#[derive(Debug, Clone)]
pub(crate) struct Capped<A, F: Address> {
    pub(crate) inner: A,
    pub(crate) handle: Handle<F>,
    pub(crate) most: usize,
}

impl<A, F, I, S> Accept<I, S> for Capped<A, F>
where
    F: Address,
    A: Accept<I, S>,
    A::Future: Send + 'static,
    I: Send + 'static,
    S: Send + 'static,
{
    type Stream = A::Stream;
    type Service = A::Service;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        if self.handle.connection_count() > self.most {
            return Box::pin(async { Err(io::Error::other(TooMany)) });
        }
        Box::pin(self.inner.accept(stream, service))
    }
}

/// There are as many connections as there may be.
#[derive(Debug)]
struct TooMany;

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many connections")
    }
}

impl std::error::Error for TooMany {}

/// Counts connections that come to nothing, and tells of those that are the webhook's own fault.
pub(crate) fn failures<F>(metrics: Arc<Metrics>) -> impl Fn(Option<&F>, &io::Error) + Send + Sync + 'static {
    let told: Mutex<Option<Instant>> = Mutex::default();
    move |from, error| {
        let is_too_many = error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<TooMany>);
        let why = match from {
            // No file is left, or no memory.
            None => "not-accepted",
            Some(_) if is_too_many => "too-many",
            // Whoever speaks no TLS, or hangs up: not worth a line each.
            Some(_) => "handshake",
        };
        metrics.connection_failed(why);
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if why != "handshake" && told.is_none_or(|told| told.elapsed() > SELDOM) {
            *told = Some(Instant::now());
            tracing::warn!(%error, why, "connections are not taken");
        }
    }
}
