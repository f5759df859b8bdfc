//! Threads that answer reviews and do nothing else. Each has connections of its own from their first byte to their last, so that
//! no review waits for a watch, or wakes another thread.

use std::io;
use std::net::{self, SocketAddr};
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use axum_server::{AddrListener, Address};
use futures::future::{join_all, pending};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::sleep;

/// Most threads: an API server has one connection.
const MOST: NonZeroUsize = NonZeroUsize::new(4).expect("more than none");
/// Most connections that wait for one thread to take them up. Others wait in the kernel, where they take no file.
const MOST_DEALT: usize = 32;
/// How long it takes until it is tried again after a connection could not be taken, as no file was left.
const PAUSE: Duration = Duration::from_millis(50);

/// Whoever asks for reviews: from where does not matter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller;

impl Address for Caller {
    type Stream = TcpStream;
    type Listener = Dealt;
}

/// A connection of no thread yet, or why there is none.
type Undealt = io::Result<net::TcpStream>;

/// Connections of one thread. They are dealt in turn, so that all threads have as many.
#[derive(Debug)]
pub(crate) struct Dealt(Mutex<mpsc::Receiver<Undealt>>);

impl AddrListener<TcpStream, Caller> for Dealt {
    async fn bind_to(_: Caller) -> io::Result<Self> {
        // Whoever deals has bound.
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn accept_stream(&self) -> io::Result<(TcpStream, Caller)> {
        match self.0.lock().await.recv().await {
            Some(dealt) => Ok((TcpStream::from_std(dealt?)?, Caller)),
            // No more will come.
            None => pending().await,
        }
    }

    fn get_local_addr(&self) -> io::Result<Caller> {
        Ok(Caller)
    }
}

/// How long nothing may come over a connection before it is asked whether there is still somebody, and how long then until
/// it is asked once more.
const SILENCE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(5));
/// How often it is asked in vain.
const TRIES: u32 = 3;

/// Listens here. That callers are still there is found out by TCP: of HTTP/2 that takes a look at the clock for each frame.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address).await?;
    let (idle, interval) = SILENCE;
    let keep_alive = TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(TRIES);
    // Connections have it of the listener.
    SockRef::from(&listener).set_tcp_keepalive(&keep_alive)?;
    Ok(listener)
}

/// Deals connections to threads in turn for as long as one of them takes some. One task takes them from the kernel: where
/// threads did so in turn, a crowd would wait for a change of threads for each, which takes long where processors are busy.
async fn deal(listener: TcpListener, threads: Vec<mpsc::Sender<Undealt>>) {
    let go_on = async {
        for thread in threads.iter().cycle() {
            let come = listener.accept().await;
            let failed = come.is_err();
            let undealt = come.and_then(|(stream, _)| stream.into_std());
            // Who ends takes no more: whoever came is turned away.
            let _ = thread.send(undealt).await;
            if failed {
                sleep(PAUSE).await;
            }
        }
    };
    tokio::select! {
        () = go_on => {}
        _ = join_all(threads.iter().map(mpsc::Sender::closed)) => {}
    }
}

/// How many threads there are.
pub(crate) fn count() -> NonZeroUsize {
    thread::available_parallelism().map_or(NonZeroUsize::MIN, |processors| processors.min(MOST))
}

/// Starts the threads, each with what `serve` makes of its connections. What is returned is ready when all are done.
pub(crate) fn start<F>(listener: TcpListener, serve: impl Fn(Dealt) -> F) -> io::Result<impl Future<Output = ()>>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (mut dealt_to, mut all_done) = (Vec::new(), Vec::new());
    for number in 0..count().get() {
        let mut builder = runtime::Builder::new_current_thread();
        builder.enable_all().max_blocking_threads(1);
        // Before this thread sleeps, whoever is ready may run: often a caller, whose next review then needs nobody to be woken.
        builder.on_thread_park(thread::yield_now);
        let runtime = builder.build()?;
        let (done, is_done) = oneshot::channel();
        let (sender, next) = mpsc::channel(MOST_DEALT);
        let serving = serve(Dealt(Mutex::new(next)));
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::mpsc::unbounded_channel;
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    async fn here() -> (TcpListener, SocketAddr) {
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn who_comes_when_all_are_done_is_turned_away() {
        let (listener, address) = here().await;
        let all = start(listener, |dealt| async move { drop(dealt.accept_stream().await) });
        let come = async { while TcpStream::connect(address).await.is_ok() {} };
        let ((), come) = tokio::join!(all.unwrap(), timeout(SOON, come));
        come.expect("nobody listens any more");
    }

    #[tokio::test]
    async fn all_take_as_many_connections() {
        let (listener, address) = here().await;
        let (taken, mut counts) = unbounded_channel();
        let next = AtomicUsize::new(0);
        let _all = start(listener, |dealt| {
            let (thread, taken) = (next.fetch_add(1, Ordering::Relaxed), taken.clone());
            async move {
                while dealt.accept_stream().await.is_ok() {
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
