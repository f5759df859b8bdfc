//! The webhook with 100,000 names against a server that gives every review the same answer, and what it adds to a deploy:
//! `cargo xtask bench webhook`. Both servers run beside the callers, on the same machine and in one run, and take turns.
#![expect(clippy::print_stdout, reason = "a bench's output is for the person who started it")]

#[path = "../tests/webhook/authority.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the tests need more of it, and it is written for them")]
mod authority;
#[path = "webhook/bare.rs"]
mod bare;
#[path = "webhook/cluster.rs"]
mod cluster;
#[path = "webhook/deploys.rs"]
mod deploys;
#[path = "../tests/webhook/process.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the tests need more of it, and it is written for them")]
mod process;
#[path = "../tests/webhook/running.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the tests need more of it, and it is written for them")]
mod running;
#[path = "webhook/spent.rs"]
mod spent;
#[path = "webhook/wrk.rs"]
mod wrk;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::thread;
use std::time::{Duration, Instant};

use mesh_testkit::callers::{Asking, Pace, Protocol, Question, Tally};
use mesh_testkit::servers::until;

use bare::Bare;
use process::{Addresses, Certificates, Webhook};
use wrk::{Said, Wrk};

/// Connections, as from as many API servers.
const CONNECTIONS: usize = 16;
/// How often each is measured as fast as callers can, by turns, and for how long: what else the machine does changes within
/// seconds, and should meet both alike. The middle ratio counts.
const FAST: (usize, Duration) = (41, Duration::from_millis(1_500));
/// The same at a steady pace: in so long, connections that are made are too few to count among one in a hundred.
const AT_STEADY: (usize, Duration) = (7, Duration::from_secs(5));
/// The same by wrk.
const BY_WRK: (usize, Duration) = (21, Duration::from_secs(2));
/// What of each is not counted: connections are made in it.
const WARM: Duration = Duration::from_millis(300);
/// Questions a second, whether those before are answered or not.
const STEADY: NonZeroU32 = NonZeroU32::new(1_000).expect("more than none");
/// Different names that are asked for.
const ASKED: usize = 1_000;
/// How long it may take until all names are known.
const SYNC: Duration = Duration::from_mins(10);

fn main() {
    let mut sizes = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let (names, here) = (sizes.next().unwrap_or(100_000), sizes.next().unwrap_or(10_000));
    let questions: Vec<Question> = (0..ASKED).map(|at| cluster::question(at * (names / ASKED).max(1))).collect();
    let wrk = Wrk::asking(&questions).expect("wrk is not here: install it (Debian: `apt-get install wrk`)");
    let server = cluster::of(names, here);
    let start = Instant::now();
    let webhook = Webhook::spawn(&server.kubeconfig("c1"), Addresses::free(), &Certificates::Folder.into());
    assert!(until(SYNC, || webhook.is_ready()), "{}", webhook.log());
    println!(
        "{names} names, {here} of them served and claimed here: {} hosts known after {:.1} s; {} MiB resident, {} MiB at most",
        webhook.metric("mesh_index_hosts", ""),
        start.elapsed().as_secs_f64(),
        webhook.memory("VmRSS:") >> 10,
        webhook.peak() >> 10,
    );
    let bare = Bare::start();
    for protocol in [Protocol::Http2, Protocol::Http1] {
        compare(protocol, &webhook, &bare, &questions);
    }
    compare_by(&wrk, &webhook, &bare);
    println!("{} MiB resident, {} MiB at most", webhook.memory("VmRSS:") >> 10, webhook.peak() >> 10);
    drop((webhook, bare, server));
    deploys::measure();
}

/// A server that is asked.
struct Server<'s> {
    address: SocketAddr,
    ca_pem: &'s str,
    pid: u32,
}

/// What came of asking one for a while.
struct Round {
    /// Answers in a second.
    rate: f64,
    tally: Tally,
    /// Seconds of processors for an answer: of the server, and of its callers.
    cost: [f64; 2],
}

impl Server<'_> {
    fn asked(&self, protocol: Protocol, pace: Pace, time: Duration, questions: &[Question]) -> Round {
        let address = self.address;
        let asking = Asking::start(protocol, self.ca_pem, pace, questions.to_vec(), move || vec![address]);
        thread::sleep(WARM);
        let spent = || [self.pid, std::process::id()].map(spent::of);
        let (start, answered, before) = (Instant::now(), asking.answered(), spent());
        thread::sleep(time.saturating_sub(WARM));
        let answers = f64::from(u32::try_from(asking.answered() - answered).expect("some thousands"));
        let (lasted, after) = (start.elapsed(), spent());
        let tally = asking.stop();
        assert!(tally.failed.is_empty(), "{:?}", tally.failed.first());
        let cost = [0, 1].map(|at| after[at].saturating_sub(before[at]).as_secs_f64() / answers);
        Round { rate: answers / lasted.as_secs_f64(), tally, cost }
    }
}

fn compare(protocol: Protocol, webhook: &Webhook, bare: &Bare, questions: &[Question]) {
    let as_fast = Pace { callers: CONNECTIONS, per_second: None, per_connection: None };
    let steady = Pace { per_second: Some(STEADY), ..as_fast };
    let servers = [
        Server { address: bare.address, ca_pem: &bare.ca_pem, pid: bare.pid() },
        Server { address: webhook.address, ca_pem: &webhook.ca_pem, pid: webhook.pid() },
    ];
    for (title, pace, (rounds, time)) in [("as fast as they can", as_fast, FAST), ("1,000 a second", steady, AT_STEADY)]
    {
        let ask = || servers.each_ref().map(|server| server.asked(protocol, pace, time, questions));
        // Once for nothing, so that caches and threads are warm.
        let _ = ask();
        let rounds: Vec<[Round; 2]> = (0..rounds).map(|_| ask()).collect();
        println!("{protocol:?}, {CONNECTIONS} connections, {title}, {} rounds:", rounds.len());
        for (at, name) in ["bare server", "webhook"].into_iter().enumerate() {
            let of = |figure: &dyn Fn(&Round) -> f64| middle(rounds.iter().map(|round| figure(&round[at])));
            let took = |percent| of(&|round| round.tally.percentile(percent).as_secs_f64() * 1e3);
            let [own, callers] = [0, 1].map(|whose| of(&|round| round.cost[whose] * 1e6));
            println!(
                "  {name:<12}{:>8.0} a second{:>9.2} ms in the middle{:>9.2} ms for 99 in 100{own:>7.0} us of processors \
                 an answer, and {callers:.0} of its callers",
                of(&|round| round.rate),
                took(50),
                took(99)
            );
        }
        say_ratio(rounds.iter().map(|[bare, webhook]| webhook.rate / bare.rate));
    }
}

fn compare_by(wrk: &Wrk, webhook: &Webhook, bare: &Bare) {
    let (rounds, time) = BY_WRK;
    let ask = || [bare.address, webhook.address].map(|address| wrk.ask(address, CONNECTIONS, time));
    let _ = ask();
    let rounds: Vec<[Said; 2]> = (0..rounds).map(|_| ask()).collect();
    println!("wrk, HTTP/1.1, {CONNECTIONS} connections, as fast as they can, {} rounds:", rounds.len());
    for (at, name) in ["bare server", "webhook"].into_iter().enumerate() {
        let rate = middle(rounds.iter().map(|round| round[at].rate));
        let took = middle(rounds.iter().map(|round| round[at].took.as_secs_f64() * 1e3));
        println!("  {name:<12}{rate:>8.0} a second{took:>9.2} ms for 99 in 100");
    }
    say_ratio(rounds.iter().map(|[bare, webhook]| webhook.rate / bare.rate));
}

fn say_ratio(ratios: impl Iterator<Item = f64>) {
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    let part = |quarters: usize| ratios[(ratios.len() - 1) * quarters / 4];
    println!(
        "  webhook to bare server: {:.2}; {:.2} to {:.2} in the middle half of the rounds",
        part(2),
        part(1),
        part(3)
    );
}

/// The middle one of some numbers.
fn middle(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
