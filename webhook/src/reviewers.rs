//! Threads that answer reviews and do nothing else. Each has connections of its own from their first byte to their last, so that
//! no review waits for a watch, or wakes another thread.

use std::io;
use std::num::NonZeroUsize;
use std::thread;

use futures::future::join_all;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};

use crate::listener::{MOST_DEALT, Undealt, deal};

/// Most threads: an API server has one connection.
const MOST: NonZeroUsize = NonZeroUsize::new(4).expect("more than none");

/// How many threads there are.
pub(crate) fn count() -> NonZeroUsize {
    thread::available_parallelism().map_or(NonZeroUsize::MIN, |processors| processors.min(MOST))
}

/// Starts the threads, each with what `serve` makes of its connections. What is returned is ready when all are done.
pub(crate) fn start<F>(
    listener: TcpListener,
    serve: impl Fn(mpsc::Receiver<Undealt>) -> F,
) -> io::Result<impl Future<Output = ()>>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (mut dealt_to, mut all_done) = (Vec::new(), Vec::new());
    for number in 0..count().get() {
        let mut builder = runtime::Builder::new_current_thread();
        builder.enable_all().max_blocking_threads(1);
        let runtime = builder.build()?;
        let (done, is_done) = oneshot::channel();
        let (sender, next) = mpsc::channel(MOST_DEALT);
        let serving = serve(next);
        thread::Builder::new().name(format!("reviews-{number}")).spawn(move || {
            runtime.block_on(serving);
            // Nobody may wait for it any more.
            let _ = done.send(());
        })?;
        dealt_to.push(sender);
        all_done.push(is_done);
    }
    tokio::spawn(deal(listener, dealt_to));
    Ok(async { drop(join_all(all_done).await) })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::net::TcpStream;
    use tokio::sync::mpsc::unbounded_channel;
    use tokio::time::timeout;

    use super::*;
    use crate::listener::listen;

    const SOON: Duration = Duration::from_secs(20);

    async fn here() -> (TcpListener, SocketAddr) {
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn who_comes_when_all_are_done_is_turned_away() {
        let (listener, address) = here().await;
        let all = start(listener, |mut dealt| async move { drop(dealt.recv().await) });
        let come = async { while TcpStream::connect(address).await.is_ok() {} };
        let ((), come) = tokio::join!(all.unwrap(), timeout(SOON, come));
        come.expect("nobody listens any more");
    }

    #[tokio::test]
    async fn all_take_as_many_connections() {
        let (listener, address) = here().await;
        let (taken, mut counts) = unbounded_channel();
        let next = AtomicUsize::new(0);
        let _all = start(listener, |mut dealt| {
            let (thread, taken) = (next.fetch_add(1, Ordering::Relaxed), taken.clone());
            async move {
                while dealt.recv().await.is_some_and(|dealt| dealt.is_ok()) {
                    taken.send(thread).unwrap();
                }
            }
        });
        let _come = join_all((0..4 * count().get()).map(|_| TcpStream::connect(address))).await;
        let mut by_thread = vec![0; count().get()];
        while by_thread.iter().sum::<usize>() < 4 * by_thread.len() {
            let thread = timeout(SOON, counts.recv()).await.expect("all are taken").unwrap();
            by_thread[thread] += 1;
        }
        assert!(by_thread.iter().all(|&count| count == 4), "{by_thread:?}");
    }
}
