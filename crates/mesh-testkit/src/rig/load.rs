//! A steady client: it counts every request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::app::SERVED_BY;
use super::http::Connection;

/// What became of the requests.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// How many there were.
    pub requests: usize,
    /// How many each server answered with 200.
    pub served: BTreeMap<String, usize>,
    /// The others, in their order.
    pub failed: Vec<Failure>,
}

/// A request that was not answered with 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When it was sent, after the start.
    pub at: Duration,
    /// Its code, or what there was instead of an answer.
    pub why: String,
}

/// Requests that are being sent.
pub struct Loading {
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<Load>>,
}

/// How much is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amount {
    /// At most so many requests, if there is a bound.
    pub(super) count: Option<usize>,
    /// At once.
    pub(super) workers: usize,
    /// Between the answer and the next request of a worker.
    pub(super) pause: Duration,
}

impl Loading {
    /// Starts to send to a path; each worker has a connection, and a new one after each that broke.
    pub(super) fn start(
        connect: impl Fn() -> Result<Connection, String> + Send + Sync + 'static,
        path: &str,
        amount: Amount,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicUsize::new(0));
        let connect = Arc::new(connect);
        let start = Instant::now();
        let workers = (0..amount.workers)
            .map(|_| {
                let (stop, sent, connect, path) =
                    (Arc::clone(&stop), Arc::clone(&sent), Arc::clone(&connect), path.to_owned());
                thread::spawn(move || {
                    let may_send = || match amount.count {
                        Some(count) => sent.fetch_add(1, Ordering::Relaxed) < count,
                        None => true,
                    };
                    let mut load = Load::default();
                    let mut connection = None;
                    while !stop.load(Ordering::Relaxed) && may_send() {
                        load.send(start, &mut connection, &*connect, &path);
                        thread::sleep(amount.pause);
                    }
                    load
                })
            })
            .collect();
        Self { stop, workers }
    }

    /// Waits until all requests of a bounded load were sent.
    pub fn wait(self) -> Load {
        let mut all = Load::default();
        for worker in self.workers {
            let load = worker.join().expect("a worker does not panic");
            all.requests += load.requests;
            all.failed.extend(load.failed);
            for (server, count) in load.served {
                *all.served.entry(server).or_default() += count;
            }
        }
        all.failed.sort_by_key(|failure| failure.at);
        all
    }

    /// Sends no more.
    pub fn stop(self) -> Load {
        self.stop.store(true, Ordering::Relaxed);
        self.wait()
    }
}

impl Load {
    fn send(
        &mut self,
        start: Instant,
        connection: &mut Option<Connection>,
        connect: &(impl Fn() -> Result<Connection, String> + ?Sized),
        path: &str,
    ) {
        let at = start.elapsed();
        self.requests += 1;
        let answer = match connection.take().map_or_else(connect, Ok) {
            Ok(mut taken) => taken.get(path).inspect(|_| *connection = Some(taken)),
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) if answer.status == 200 => {
                *self.served.entry(answer.header(SERVED_BY).to_owned()).or_default() += 1;
            }
            Ok(answer) => self.failed.push(Failure { at, why: answer.status.to_string() }),
            Err(why) => self.failed.push(Failure { at, why }),
        }
    }

    /// How many of a hundred successful answers this server gave.
    pub fn percent(&self, server: &str) -> f64 {
        let all: usize = self.served.values().sum();
        let of = self.served.get(server).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "thousands of requests")]
        let percent = 100.0 * of as f64 / all.max(1) as f64;
        percent
    }
}
