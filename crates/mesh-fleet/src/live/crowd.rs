//! Many clusters at once, a bounded number of them, until all are done or somebody stops the run.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;

use futures::stream::{self, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::limits::{MAX_READERS, TICK};
use crate::run::{Progress, Run};

/// Why something was not read to its end.
pub(crate) const INTERRUPTED: &str = "the run was interrupted before it was read";

/// Goes on with each of `items` from where it was `begun`, as [`each`] does. What failed, or is not come to, is an error.
pub(crate) async fn go_on<T, B, R, F>(
    items: &[T],
    begun: Vec<Result<B, String>>,
    at_once: usize,
    doing: &'static str,
    run: Run<'_>,
    name: impl Fn(&T) -> String,
    work: impl Fn(usize, B) -> F + Sync,
) -> Vec<Result<R, String>>
where
    T: Sync,
    B: Send,
    R: Send,
    F: Future<Output = Result<R, String>>,
{
    let slots: Vec<_> = begun.into_iter().map(|one| Mutex::new(Some(one))).collect();
    let done = each(items, at_once, doing, run, name, |index| {
        let begun = slots[index].lock().expect("no holder panics").take().expect("each is done once");
        let more = begun.map(|begun| work(index, begun));
        async move { more?.await }
    });
    done.await.into_iter().map(|one| one.unwrap_or_else(|| Err(INTERRUPTED.to_owned()))).collect()
}

/// Does `work` for each of `items`, at most `at_once` at a time, on as many threads as the machine has cores: what
/// clusters answer is unpacked and read there. The results are in the order of the items; none for what was not done
/// when the run was stopped.
///
/// Blocks: it is for the thread that waits for the runtime, not for one of the runtime's own.
pub(crate) async fn each<T, R, F>(
    items: &[T],
    at_once: usize,
    doing: &'static str,
    run: Run<'_>,
    name: impl Fn(&T) -> String,
    work: impl Fn(usize) -> F + Sync,
) -> Vec<Option<R>>
where
    T: Sync,
    R: Send,
    F: Future<Output = R>,
{
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(MAX_READERS).min(at_once).min(items.len()).max(1);
    let results: Mutex<Vec<Option<R>>> = Mutex::new(items.iter().map(|_| None).collect());
    let started = Mutex::new(BTreeMap::<usize, Instant>::new());
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let one = |index: usize| {
        let (future, results, started, done) = (work(index), &results, &started, &done);
        async move {
            started.lock().expect("no holder panics").insert(index, Instant::now());
            let result = future.await;
            started.lock().expect("no holder panics").remove(&index);
            results.lock().expect("no holder panics")[index] = Some(result);
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let (stop, stopped) = watch::channel(false);
    let runtime = Handle::current();
    thread::scope(|scope| {
        let (ended, all_ended) = channel::<()>();
        for number in 0..threads {
            let (runtime, ended, mut stopped) = (runtime.clone(), ended.clone(), stopped.clone());
            let (one, next) = (&one, &next);
            let share = at_once / threads + usize::from(number < at_once % threads);
            scope.spawn(move || {
                let _ended = ended;
                let open = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
                let open = open.take_while(|index| *index < items.len());
                let all = stream::iter(open).map(one).buffer_unordered(share.max(1)).for_each(|()| async {});
                runtime.block_on(async {
                    tokio::select! {
                        () = all => {}
                        _ = stopped.wait_for(|stopped| *stopped) => {}
                    }
                });
            });
        }
        drop(ended);
        while all_ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            if (run.interrupted)() {
                stop.send_replace(true);
                break;
            }
            let started = started.lock().expect("no holder panics");
            let oldest = started.iter().min_by_key(|(_, since)| **since).map(|(index, _)| *index);
            drop(started);
            let slowest = oldest.map(|index| name(&items[index]));
            let done = done.load(Ordering::Relaxed);
            (run.progress)(&Progress { doing, done, total: items.len(), slowest });
        }
    });
    results.into_inner().expect("no holder panics")
}
