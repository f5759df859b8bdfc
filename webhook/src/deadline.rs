//! How long a review may take: the API server says how long it waits (`?timeout=10s`).

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::poll;
use tokio::sync::Notify;
use tokio::time::{Instant, interval};

/// The longest, whatever the API server says.
const MOST: Duration = Duration::from_secs(4);
/// What is left to the answer's way back.
const WAY_BACK: Duration = Duration::from_millis(200);
/// The shortest that is worth a try.
const LEAST: Duration = Duration::from_millis(50);

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(50);

/// Deadlines of many requests, kept to within a tick. A timer for each would cost more than its review: where it is the
/// earliest of all, tokio wakes a thread to tell it of it.
#[derive(Clone)]
pub(crate) struct Ticks(Arc<Notify>);

impl Ticks {
    /// Begins to tick, for as long as this is kept.
    pub(crate) fn start() -> Self {
        let ticks = Arc::new(Notify::new());
        let told = Arc::downgrade(&ticks);
        tokio::spawn(async move {
            let mut every = interval(TICK);
            while let Some(ticks) = told.upgrade() {
                ticks.notify_waiters();
                every.tick().await;
            }
        });
        Self(ticks)
    }

    /// What comes of `work`; none where that takes longer.
    pub(crate) async fn within<T>(&self, time: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        // Most of it is done at once, without a look at the clock.
        if let Poll::Ready(done) = poll!(&mut work) {
            return Some(done);
        }
        let until = Instant::now() + time;
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = self.0.notified() => {}
            }
            if Instant::now() >= until {
                return None;
            }
        }
    }
}

/// The time for a review, by the query of its request.
pub(crate) fn of_query(query: Option<&str>) -> Duration {
    let pairs = query.unwrap_or_default().as_bytes().split(|byte| *byte == b'&');
    let given = pairs.filter_map(|pair| pair.strip_prefix(b"timeout=")).find_map(go_duration);
    given.map_or(MOST, |given| given.saturating_sub(WAY_BACK)).clamp(LEAST, MOST)
}

/// A duration as Go writes it, of one unit.
fn go_duration(text: &[u8]) -> Option<Duration> {
    let (number, unit) = text.split_at(text.iter().position(u8::is_ascii_alphabetic)?);
    let millis = match unit {
        b"ms" => 1,
        b"s" => 1_000,
        b"m" => 60_000,
        _ => return None,
    };
    str::from_utf8(number).ok()?.parse::<u64>().ok()?.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_takes_longer_is_given_up() {
        let (ticks, time) = (Ticks::start(), Duration::from_millis(120));
        assert_eq!(ticks.within(time, async { 7 }).await, Some(7));
        let start = Instant::now();
        assert_eq!(ticks.within(time, std::future::pending::<()>()).await, None);
        assert!(start.elapsed() >= time, "{:?}", start.elapsed());
    }

    #[test]
    fn it_is_what_the_api_server_waits_less_the_way_back() {
        for (query, millis) in [
            (None, 4_000),
            (Some("timeout=3s"), 2_800),
            (Some("a=b&timeout=1s"), 800),
            (Some("timeout=10s"), 4_000),
            (Some("timeout=1ms"), 50),
            (Some("timeout=1m"), 4_000),
            (Some("timeout=99999999999999999999s"), 4_000),
            (Some("timeout=abc&&=&timeout"), 4_000),
            (Some("timeout="), 4_000),
        ] {
            assert_eq!(of_query(query), Duration::from_millis(millis), "{query:?}");
        }
    }
}
