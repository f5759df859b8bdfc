//! Connections, from their handshake to their end, within bounds.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::listener::Undealt;
use crate::metrics::Metrics;
use crate::overseer::{Overseen, Overseer, Patience};
use crate::rounds::{Gate, Gated};

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
        let (port, overseer, mut open) = (Arc::new(self), Arc::new(Overseer::default()), JoinSet::new());
        let mut look_after = pin!(port.look_after(&overseer));
        let mut stop = pin!(stop);
        loop {
            let next = tokio::select! {
                biased;
                () = &mut stop => break,
                never = &mut look_after => match never {},
                Some(_) = open.join_next() => continue,
                next = dealt.recv() => next,
            };
            match next {
                Some(Ok(stream)) => drop(open.spawn(Arc::clone(&port).connection(stream, Arc::clone(&overseer)))),
                Some(Err(error)) => port.failures.tell(Failure::NotAccepted, &error),
                None => break,
            }
        }
        drop(dealt);
        overseer.finish();
        let all_done = async { while open.join_next().await.is_some() {} };
        tokio::select! {
            () = all_done => {}
            never = look_after => match never {},
            () = sleep(DRAIN) => {}
        }
    }

    async fn look_after(&self, overseer: &Overseer) -> Infallible {
        loop {
            sleep(self.patience.look).await;
            overseer.look(self.patience, self.room.is_scarce());
        }
    }

    async fn connection(self: Arc<Self>, stream: net::TcpStream, overseer: Arc<Overseer>) {
        let Ok(_room) = self.room.free.try_acquire() else {
            return self.failures.tell(Failure::TooMany, &"there are as many as there may be");
        };
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => return self.failures.tell(Failure::NotAccepted, &error),
        };
        let gate = Arc::<Gate>::default();
        let Some(tls) = &self.tls else { return self.requests(stream, &overseer.take_up(false, gate)).await };
        let handshake = tls.accept(Gated { stream, gate: Arc::clone(&gate) });
        match timeout(HANDSHAKE, handshake).await.map_err(io::Error::from).flatten() {
            Ok(stream) => {
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                self.requests(stream, &overseer.take_up(is_http2, gate)).await;
            }
            Err(error) => self.failures.tell(Failure::Handshake, &error),
        }
    }

    /// Answers requests over a connection until somebody hangs up.
    async fn requests<I>(&self, stream: I, overseen: &Arc<Overseen>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        if overseen.is_http2 {
            let (service, comes) = (self.service.clone(), Arc::clone(overseen));
            let service = service_fn(move |request| {
                comes.comes();
                service.call(request)
            });
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.max_concurrent_streams(STREAMS).max_header_list_size(MAX_HEAD.into());
            overseen.serve(builder.serve_connection(io, service)).await;
        } else {
            let service = service_fn(|request| overseen.during(self.service.call(request)));
            let mut builder = http1::Builder::new();
            builder.max_buf_size(MAX_HEAD.into());
            // hyper's own timer runs between requests as well, and is made anew for each.
            builder.header_read_timeout(None);
            // An answer takes less long than to find out meanwhile whether somebody still waits for it.
            builder.half_close(true);
            // Answers are short: one piece is had sooner than two.
            builder.writev(false);
            // Only from here on: in a handshake nobody is answered in rounds.
            overseen.gate.shut();
            overseen.serve(builder.serve_connection(io, service)).await;
        }
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

    /// What serves a connection with answers that take so long.
    fn port(
        room: Capacity,
        patience: Patience,
        takes: Duration,
    ) -> Port<
        impl Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync,
    > {
        let service = service_fn(move |_| async move {
            sleep(takes).await;
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        });
        Port { service, tls: None, room, patience, failures: Failures::new(Metrics::new()) }
    }

    /// How long it takes until a connection is closed over which this is sent and nothing more, and what was answered.
    async fn lasts(room: &Capacity, patience: Patience, takes: Duration, sent: &[u8]) -> (Duration, String) {
        let (port, overseer) = (port(room.clone(), patience, takes), Overseer::default());
        let (mut caller, stream) = duplex(1 << 10);
        let start = Instant::now();
        caller.write_all(sent).await.unwrap();
        let connection = overseer.take_up(false, Arc::default());
        tokio::select! {
            () = port.requests(stream, &connection) => {}
            never = port.look_after(&overseer) => match never {},
        }
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
    #[tokio::test]
    async fn who_has_asked_is_answered_and_then_all_end() {
        let takes = Duration::from_millis(50);
        let (port, overseer) = (port(Capacity::new(4), PATIENCE, takes), Overseer::default());
        let (mut caller, stream) = duplex(1 << 10);
        let connection = overseer.take_up(false, Arc::default());
        caller.write_all(ASKED).await.unwrap();
        let mut answered = pin!(port.requests(stream, &connection));
        assert!(timeout(takes / 10, &mut answered).await.is_err());
        overseer.finish();
        timeout(PATIENCE.between, answered).await.expect("nobody waits for what nobody asks");
        let mut answer = String::new();
        caller.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        // Nor does who comes now, or has asked nothing.
        let (_caller, stream) = duplex(1 << 10);
        let late = timeout(PATIENCE.between, port.requests(stream, &overseer.take_up(false, Arc::default()))).await;
        late.expect("it ends at once");
    }
}
