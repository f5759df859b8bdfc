//! Many clusters at once, a bounded number of them, until all are done or somebody stops the run.

use std::collections::BTreeMap;
use std::future::Future;

use futures::stream::{self, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::limits::TICK;
use crate::run::{Progress, Run};

/// Does `work` for each of `items`, at most `at_once` at a time. The results are in the order of the items; none for what
/// was not done when the run was stopped.
pub(crate) async fn each<T, R, F>(
    items: &[T],
    at_once: usize,
    doing: &'static str,
    run: Run<'_>,
    name: impl Fn(&T) -> String,
    work: impl Fn(usize) -> F,
) -> Vec<Option<R>>
where
    F: Future<Output = R>,
{
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    let started = std::sync::Mutex::new(BTreeMap::<usize, Instant>::new());
    let begin = |index: usize| {
        let (future, started) = (work(index), &started);
        async move {
            started.lock().expect("no holder panics").insert(index, Instant::now());
            (index, future.await)
        }
    };
    let mut running = stream::iter(0..items.len()).map(begin).buffer_unordered(at_once.max(1));
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut done = 0;
    loop {
        tokio::select! {
            next = running.next() => match next {
                Some((index, result)) => {
                    started.lock().expect("no holder panics").remove(&index);
                    results[index] = Some(result);
                    done += 1;
                }
                None => return results,
            },
            _ = tick.tick() => {
                if (run.interrupted)() {
                    return results;
                }
                let oldest = started.lock().expect("no holder panics").iter().min_by_key(|(_, since)| **since).map(|(index, _)| *index);
                let slowest = oldest.map(|index| name(&items[index]));
                (run.progress)(&Progress { doing, done, total: items.len(), slowest });
            }
        }
    }
}
