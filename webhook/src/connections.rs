//! Connections, within bounds.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum_server::Handle;
use axum_server::accept::Accept;
use futures::future::BoxFuture;

/// Most connections at once.
const MAX_CONNECTIONS: usize = 1024;
/// How long a handshake may take.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long the first request of a connection, and the head of each, may take.
pub(crate) const HEAD: Duration = Duration::from_secs(5);

/// Accepts as `inner` does, but closes what comes while there are too many.
#[derive(Debug, Clone)]
pub(crate) struct Capped<A> {
    pub(crate) inner: A,
    pub(crate) handle: Handle<SocketAddr>,
}

impl<A, I, S> Accept<I, S> for Capped<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
    I: Send + 'static,
    S: Send + 'static,
{
    type Stream = A::Stream;
    type Service = A::Service;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        if self.handle.connection_count() > MAX_CONNECTIONS {
            return Box::pin(async { Err(io::Error::other("too many connections")) });
        }
        Box::pin(self.inner.accept(stream, service))
    }
}
