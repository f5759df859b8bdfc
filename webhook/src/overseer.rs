//! Connections that a thread keeps an eye on. Each looks at one word whenever something comes over it: a timer and a channel
//! of its own would cost each review more than its look-up does.

use std::pin::pin;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::poll_fn;
use futures::task::AtomicWaker;
use hyper_util::server::graceful::GracefulConnection;

use crate::rounds::Gate;

/// How long nothing may be asked over a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Until the first request has come; until each, where there is not much room left.
    pub(crate) first: Duration,
    /// Between two requests of HTTP/1.1.
    pub(crate) between: Duration,
    /// How often it is looked at.
    pub(crate) look: Duration,
}

impl Patience {
    /// Longer than API servers keep connections that they do not use (90 s): they do not ask again what they ask over one that is just
    /// being closed.
    pub(crate) const USUAL: Self =
        Self { first: Duration::from_secs(5), between: Duration::from_mins(2), look: Duration::from_secs(1) };
}

/// A connection, as it is seen from elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Overseen {
    pub(crate) is_http2: bool,
    /// How often a request has come, or was answered: over HTTP/1.1, where one follows the other, the number is odd while there
    /// is one.
    turns: AtomicUsize,
    /// [`FINISH`] or [`CLOSE`].
    wish: AtomicU8,
    waker: AtomicWaker,
    /// Before what it writes.
    pub(crate) gate: Arc<Gate>,
}

/// What is wished of a connection, which is nothing at first: that it ends once it has nothing to do.
const FINISH: u8 = 1;
/// That it ends at once.
const CLOSE: u8 = 2;

impl Overseen {
    /// A request has come.
    pub(crate) fn comes(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// A request has come, and is answered by this.
    pub(crate) fn during<F: Future>(&self, answer: F) -> impl Future<Output = F::Output> {
        self.comes();
        answer.inspect(|_| {
            self.turns.fetch_add(1, Ordering::Relaxed);
        })
    }

    /// Serves the connection, until it ends by itself or as is wished.
    pub(crate) async fn serve(&self, connection: impl GracefulConnection) {
        let mut connection = pin!(connection);
        let mut is_told = false;
        poll_fn(|context| {
            // Before the look: a wish that comes after it wakes.
            self.waker.register(context.waker());
            self.gate.look();
            match self.wish.load(Ordering::Acquire) {
                CLOSE => return Poll::Ready(()),
                FINISH if !is_told => {
                    is_told = true;
                    connection.as_mut().graceful_shutdown();
                }
                _ => {}
            }
            // Whoever hangs up in between, or speaks no HTTP: nobody is left to be told.
            connection.as_mut().poll(context).map(drop)
        })
        .await;
    }

    fn wish(&self, wish: u8) {
        self.wish.fetch_max(wish, Ordering::Release);
        self.waker.wake();
    }
}

/// Whoever keeps an eye on connections: ends those that are silent for too long, and all of them in the end.
#[derive(Debug, Default)]
pub(crate) struct Overseer(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    finishes: bool,
    connections: Vec<Seen>,
}

/// What was seen of a connection: how often something had come, and how often since then it was looked in vain.
#[derive(Debug)]
struct Seen {
    connection: Weak<Overseen>,
    turns: usize,
    looks: u32,
}

impl Overseer {
    /// Takes up a connection.
    pub(crate) fn take_up(&self, is_http2: bool, gate: Arc<Gate>) -> Arc<Overseen> {
        let connection = Arc::new(Overseen { is_http2, gate, ..Overseen::default() });
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.finishes {
            connection.wish(FINISH);
        }
        state.connections.push(Seen { connection: Arc::downgrade(&connection), turns: 0, looks: 0 });
        connection
    }

    /// Lets go who was silent for too long; to be called every `patience.look`.
    pub(crate) fn look(&self, patience: Patience, is_scarce: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.connections.retain_mut(|seen| {
            let Some(connection) = seen.connection.upgrade() else { return false };
            let turns = connection.turns.load(Ordering::Relaxed);
            seen.looks = if turns == seen.turns { seen.looks + 1 } else { 0 };
            seen.turns = turns;
            let most = match turns {
                0 => patience.first,
                // Over HTTP/2 requests overlap, so that the number does not tell; who is gone is found out by TCP.
                _ if connection.is_http2 || turns % 2 == 1 => return true,
                _ if is_scarce => patience.first,
                _ => patience.between,
            };
            let is_silent = patience.look * seen.looks >= most;
            if is_silent {
                connection.wish(CLOSE);
            }
            !is_silent
        });
    }

    /// Each connection ends once it has nothing to do.
    pub(crate) fn finish(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.finishes = true;
        for connection in state.connections.iter().filter_map(|seen| seen.connection.upgrade()) {
            connection.wish(FINISH);
        }
    }
}
