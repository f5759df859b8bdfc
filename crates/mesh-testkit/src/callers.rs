//! Callers of a webhook, as API servers are: they keep their connections, and do not ask twice.
//!
//! ```no_run
//! use std::num::NonZeroU32;
//! use mesh_testkit::callers::{Asking, Pace, Protocol, Question};
//!
//! # let (address, ca_pem) = ("127.0.0.1:10250".parse().unwrap(), "");
//! let question = Question::of_deployment("shop", "checkout", "stage");
//! let pace = Pace { callers: 16, per_second: NonZeroU32::new(500), per_connection: None };
//! let asking = Asking::start(Protocol::Http2, ca_pem, pace, vec![question], move || vec![address]);
//! let tally = asking.stop();
//! assert!(tally.failed.is_empty());
//! ```

mod caller;
mod question;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

pub use caller::{Protocol, served_certificate};
pub use question::Question;

use crate::runtime::runtime;
use crate::tls;
use caller::{Caller, Unanswered};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long nobody is tried where nobody can be reached.
const PAUSE: Duration = Duration::from_millis(10);

/// How much is asked.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Each with a connection of its own, and one question at a time.
    pub callers: usize,
    /// Questions of all of them in a second, whether those before are answered or not; none: each asks on when it is answered.
    pub per_second: Option<NonZeroU32>,
    /// A connection is left after so many; none: never.
    pub per_connection: Option<usize>,
}

/// A question that was not answered as it should.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Whom it was sent to.
    pub to: SocketAddr,
    /// What there was instead.
    pub why: String,
}

/// What became of all questions.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Those that were not answered as they should.
    pub failed: Vec<Failure>,
    /// How long each of the others took, shortest first: since it was due, where there is a pace.
    pub took: Vec<Duration>,
    /// How many connections were made.
    pub connections: usize,
    /// From the first question to the last answer.
    pub lasted: Duration,
}

impl Tally {
    /// So many of a hundred took at most this long.
    ///
    /// # Panics
    /// If nothing was answered.
    pub fn percentile(&self, percent: usize) -> Duration {
        self.took[(self.took.len() - 1) * percent / 100]
    }

    /// Answers in a second.
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "some hundred thousand answers")]
        let answers = self.took.len() as f64;
        answers / self.lasted.as_secs_f64()
    }
}

/// Callers that ask.
pub struct Asking {
    shared: Arc<Shared>,
    callers: Vec<JoinHandle<Tally>>,
    start: Instant,
}

struct Shared {
    protocol: Protocol,
    tls: Arc<ClientConfig>,
    pace: Pace,
    questions: Vec<Question>,
    /// Who may be asked now.
    ready: Box<dyn Fn() -> Vec<SocketAddr> + Send + Sync>,
    start: Instant,
    asked: AtomicU64,
    answered: AtomicUsize,
    is_over: AtomicBool,
}

impl Asking {
    /// Starts to ask these questions by turns, of those whom `ready` tells of: connections that are open are kept, whatever it tells.
    pub fn start(
        protocol: Protocol,
        ca_pem: &str,
        pace: Pace,
        questions: Vec<Question>,
        ready: impl Fn() -> Vec<SocketAddr> + Send + Sync + 'static,
    ) -> Self {
        let start = Instant::now();
        let shared = Arc::new(Shared {
            protocol,
            tls: protocol.offered(tls::trusting(ca_pem)),
            pace,
            questions,
            ready: Box::new(ready),
            start,
            asked: AtomicU64::new(0),
            answered: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        });
        let callers = (0..pace.callers).map(|number| runtime().spawn(ask(Arc::clone(&shared), number))).collect();
        Self { shared, callers, start }
    }

    /// How many questions were answered as they should so far.
    pub fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Asks no more, and waits for the last answers.
    ///
    /// # Panics
    /// If a caller did.
    pub fn stop(self) -> Tally {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        for caller in self.callers {
            let tally = runtime().block_on(caller).expect("a caller does not panic");
            all.failed.extend(tally.failed);
            all.took.extend(tally.took);
            all.connections += tally.connections;
        }
        all.lasted = self.start.elapsed();
        all.took.sort_unstable();
        all
    }
}

async fn ask(shared: Arc<Shared>, number: usize) -> Tally {
    let mut tally = Tally::default();
    let mut open: Option<(Caller, usize)> = None;
    // Callers begin with different ones of those who are ready.
    let mut turn = number;
    while let Some((due, question)) = shared.next().await {
        loop {
            let (mut caller, asked) = match open.take() {
                Some(open) => open,
                None => (shared.connect(&mut turn, &mut tally).await, 0),
            };
            let to = caller.address();
            match timeout(PATIENCE, caller.ask(question)).await {
                Ok(Err(Unanswered::NotSent)) => continue,
                Ok(Err(Unanswered::Broken(why))) => tally.failed.push(Failure { to, why }),
                Err(_) => tally.failed.push(Failure { to, why: "no answer in time".to_owned() }),
                Ok(Ok(answer)) => {
                    match Question::judge(&answer) {
                        Ok(()) => {
                            tally.took.push(due.elapsed());
                            shared.answered.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(why) => tally.failed.push(Failure { to, why }),
                    }
                    let is_enough = shared.pace.per_connection.is_some_and(|most| asked + 1 >= most);
                    if !is_enough && !answer.is_last {
                        open = Some((caller, asked + 1));
                    }
                }
            }
            break;
        }
    }
    tally
}

impl Shared {
    /// Waits for the next question, and when it is due. None when it is over.
    async fn next(&self) -> Option<(Instant, &Question)> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let due = match self.pace.per_second {
            Some(rate) => self.start + Duration::from_nanos(number * 1_000_000_000 / u64::from(rate.get())),
            None => Instant::now(),
        };
        if due > Instant::now() {
            sleep_until(due).await;
        }
        let turn = usize::try_from(number).expect("a count") % self.questions.len();
        (!self.is_over.load(Ordering::Relaxed)).then(|| (due, &self.questions[turn]))
    }

    /// A connection to the next one of those who are ready and can be reached.
    async fn connect(&self, turn: &mut usize, tally: &mut Tally) -> Caller {
        loop {
            let ready = (self.ready)();
            *turn += 1;
            if let Some(address) = ready.get(*turn % ready.len().max(1))
                && let Ok(caller) = Caller::connect(*address, &self.tls, self.protocol).await
            {
                tally.connections += 1;
                return caller;
            }
            sleep(PAUSE).await;
        }
    }
}
