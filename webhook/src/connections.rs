//! Connections, from their handshake to their end, within bounds.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{Request, Response};
use futures::FutureExt as _;
use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::listener::Undealt;
use crate::metrics::Metrics;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long requests may still take once no new ones are taken.
pub(crate) const DRAIN: Duration = Duration::from_secs(20);
/// Most requests at once over one connection.
const STREAMS: u32 = 256;
/// What the head of a request may take, in bytes.
const MAX_HEAD: u16 = 16 << 10;
/// What happens often is logged once in so long.
const SELDOM: Duration = Duration::from_secs(10);

/// How long nothing may be asked over a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Until the first request has come; until each, where there is not much room left.
    first: Duration,
    /// Between two requests of HTTP/1.1.
    between: Duration,
    /// How often it is looked at.
    look: Duration,
}

impl Patience {
    /// Longer than API servers keep connections that they do not use (90 s): they do not ask again what they ask over one that is just
    /// being closed.
    pub(crate) const USUAL: Self =
        Self { first: Duration::from_secs(5), between: Duration::from_mins(2), look: Duration::from_secs(1) };
}

/// How many connections there may be at once.
#[derive(Debug, Clone)]
pub(crate) struct Capacity {
    free: Arc<Semaphore>,
    most: usize,
}

impl Capacity {
    /// For so many.
    pub(crate) fn new(most: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), most }
    }

    /// Whether there is not much left.
    fn is_scarce(&self) -> bool {
        self.free.available_permits() < self.most / 4
    }
}

/// What serves connections that come to a port.
pub(crate) struct Port<S> {
    /// What answers requests.
    pub(crate) service: S,
    /// None where plain HTTP is spoken.
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) room: Capacity,
    pub(crate) patience: Patience,
    pub(crate) failures: Arc<Failures>,
}

impl<S, B> Port<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    /// Serves what is dealt, until `stop` is ready; whoever comes then is turned away, and who is there has a while to go.
    pub(crate) async fn serve(self, mut dealt: mpsc::Receiver<Undealt>, stop: impl Future<Output = ()>) {
        let (port, open) = (Arc::new(self), GracefulShutdown::new());
        let mut stop = pin!(stop);
        loop {
            let next = tokio::select! {
                biased;
                () = &mut stop => break,
                next = dealt.recv() => next,
            };
            match next {
                Some(Ok(stream)) => drop(tokio::spawn(Arc::clone(&port).connection(stream, open.watcher()))),
                Some(Err(error)) => port.failures.tell(Failure::NotAccepted, &error),
                None => break,
            }
        }
        drop(dealt);
        let _ = timeout(DRAIN, open.shutdown()).await;
    }

    async fn connection(self: Arc<Self>, stream: net::TcpStream, watcher: Watcher) {
        let Ok(_room) = self.room.free.try_acquire() else {
            return self.failures.tell(Failure::TooMany, &"there are as many as there may be");
        };
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => return self.failures.tell(Failure::NotAccepted, &error),
        };
        let Some(tls) = &self.tls else { return self.requests(stream, false, watcher).await };
        match timeout(HANDSHAKE, tls.accept(stream)).await.map_err(io::Error::from).flatten() {
            Ok(stream) => {
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                self.requests(stream, is_http2, watcher).await;
            }
            Err(error) => self.failures.tell(Failure::Handshake, &error),
        }
    }

    /// Answers requests over a connection until somebody hangs up.
    async fn requests<I>(&self, stream: I, is_http2: bool, watcher: Watcher)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (io, turns) = (TokioIo::new(stream), Arc::new(Turns::default()));
        let service = {
            let (service, turns) = (self.service.clone(), Arc::clone(&turns));
            service_fn(move |request| turns.during(service.call(request)))
        };
        let silent = self.falls_silent(&turns, is_http2);
        if is_http2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.max_concurrent_streams(STREAMS).max_header_list_size(MAX_HEAD.into());
            serve_until(silent, watcher, builder.serve_connection(io, service)).await;
        } else {
            // hyper's own timer runs between requests as well, and is made anew for each.
            let mut builder = http1::Builder::new();
            builder.header_read_timeout(None).max_buf_size(MAX_HEAD.into());
            serve_until(silent, watcher, builder.serve_connection(io, service)).await;
        }
    }

    /// Is ready once a connection was silent for too long.
    async fn falls_silent(&self, turns: &Turns, is_http2: bool) {
        let Patience { first, between, look } = self.patience;
        let (mut seen, mut looks) = (0, 0);
        loop {
            sleep(look).await;
            let count = turns.0.load(Ordering::Relaxed);
            looks = if count == seen { looks + 1 } else { 0 };
            seen = count;
            let most = match count {
                0 => first,
                // Over HTTP/2 requests overlap, so that the number does not tell; who is gone is found out by TCP.
                _ if is_http2 || count % 2 == 1 => continue,
                _ if self.room.is_scarce() => first,
                _ => between,
            };
            if look * looks >= most {
                return;
            }
        }
    }
}

async fn serve_until(silent: impl Future<Output = ()>, watcher: Watcher, connection: impl GracefulConnection) {
    tokio::select! {
        biased;
        // Whoever hangs up in between, or speaks no HTTP: nobody is left to be told.
        _ = watcher.watch(connection) => {}
        () = silent => {}
    }
}

/// How often a request has come over a connection, or was answered: over HTTP/1.1, where one follows the other, the number
/// is odd while there is one.
#[derive(Debug, Default)]
struct Turns(AtomicUsize);

impl Turns {
    fn during<F: Future>(self: &Arc<Self>, answer: F) -> impl Future<Output = F::Output> + use<F> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let turns = Arc::clone(self);
        answer.inspect(move |_| {
            turns.0.fetch_add(1, Ordering::Relaxed);
        })
    }
}

/// What came of a connection that came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// No file is left, or no memory.
    NotAccepted,
    /// There are as many as there may be.
    TooMany,
    /// Whoever speaks no TLS, or hangs up: not worth a line each.
    Handshake,
}

impl Failure {
    /// As metrics say it.
    fn as_str(self) -> &'static str {
        match self {
            Self::NotAccepted => "not-accepted",
            Self::TooMany => "too-many",
            Self::Handshake => "handshake",
        }
    }
}

/// Counts connections that come to nothing, and tells of those that are the webhook's own fault.
pub(crate) struct Failures {
    metrics: Arc<Metrics>,
    told: Mutex<Option<Instant>>,
}

impl Failures {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { metrics, told: Mutex::default() })
    }

    fn tell(&self, failure: Failure, error: &dyn std::fmt::Display) {
        let why = failure.as_str();
        self.metrics.connection_failed(why);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if failure != Failure::Handshake && told.is_none_or(|told| told.elapsed() > SELDOM) {
            *told = Some(Instant::now());
            tracing::warn!(%error, why, "connections are not taken");
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use http_body_util::Full;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const ASKED: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    const ASKED_ONCE: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    const HALF: &[u8] = b"GET / HTTP/1.1\r\n";
    const PATIENCE: Patience = Patience {
        first: Duration::from_millis(50),
        between: Duration::from_millis(400),
        look: Duration::from_millis(10),
    };

    /// How long it takes until a connection is closed over which this is sent and nothing more, and what was answered.
    async fn lasts(room: &Capacity, patience: Patience, takes: Duration, sent: &[u8]) -> (Duration, String) {
        let service = service_fn(move |_| async move {
            sleep(takes).await;
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        });
        let failures = Failures::new(Metrics::new());
        let port = Port { service, tls: None, room: room.clone(), patience, failures };
        let (mut caller, stream) = duplex(1 << 10);
        let (open, start) = (GracefulShutdown::new(), Instant::now());
        caller.write_all(sent).await.unwrap();
        port.requests(stream, false, open.watcher()).await;
        let mut answer = String::new();
        caller.read_to_string(&mut answer).await.unwrap();
        (start.elapsed(), answer)
    }

    #[tokio::test]
    async fn who_has_asked_may_be_silent_for_longer_than_who_has_not() {
        let room = Capacity::new(4);
        let at_once = Duration::ZERO;
        for sent in [b"", HALF] {
            let (lasted, _) = lasts(&room, PATIENCE, at_once, sent).await;
            assert!(lasted >= PATIENCE.first, "{lasted:?} {sent:?}");
        }
        for sent in [ASKED, &[ASKED, HALF].concat()] {
            let (lasted, answer) = lasts(&room, PATIENCE, at_once, sent).await;
            assert!(lasted >= PATIENCE.between && answer.starts_with("HTTP/1.1 200"), "{lasted:?} {answer}");
        }
    }

    #[tokio::test]
    async fn where_there_is_not_much_room_nobody_waits_in_it() {
        let room = Capacity::new(4);
        let _taken = room.free.try_acquire_many(4).unwrap();
        let for_ever = Patience { between: Duration::MAX, ..PATIENCE };
        let (lasted, answer) = lasts(&room, for_ever, Duration::ZERO, ASKED).await;
        assert!(lasted >= PATIENCE.first && answer.starts_with("HTTP/1.1 200"), "{lasted:?} {answer}");
    }

    #[tokio::test]
    async fn an_answer_may_take_longer_than_anybody_may_be_silent() {
        let (_, answer) = lasts(&Capacity::new(4), PATIENCE, PATIENCE.between * 2, ASKED_ONCE).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
