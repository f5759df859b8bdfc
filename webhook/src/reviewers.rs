//! Threads that answer reviews and do nothing else. Each has connections of its own from their first byte to their last, so that
//! no review waits for a watch, or wakes another thread.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum_server::{AddrListener, Address};
use futures::future::join_all;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::{Mutex, oneshot};

/// Most threads: an API server has one connection.
const MOST: NonZeroUsize = NonZeroUsize::new(4).expect("more than none");

/// Where a connection comes from, or goes to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(SocketAddr);

impl Address for Caller {
    type Stream = TcpStream;
    type Listener = InTurn;
}

/// A listener that several threads share: each takes a connection when it is its turn, so that all have as many.
#[derive(Debug, Clone)]
pub(crate) struct InTurn {
    // It is had in the order in which it was asked for.
    listener: Arc<Mutex<TcpListener>>,
    pub(crate) address: SocketAddr,
}

/// How long nothing may come over a connection before it is asked whether there is still somebody, and how long then until
/// it is asked once more.
const SILENCE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(5));
/// How often it is asked in vain.
const TRIES: u32 = 3;

/// Listens here. That callers are still there is found out by TCP: of HTTP/2 that takes a look at the clock for each frame.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<InTurn> {
    let listener = InTurn::bind_to(Caller(address)).await?;
    let (idle, interval) = SILENCE;
    let keep_alive = TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(TRIES);
    // Connections have it of the listener.
    SockRef::from(&*listener.listener.lock().await).set_tcp_keepalive(&keep_alive)?;
    Ok(listener)
}

impl AddrListener<TcpStream, Caller> for InTurn {
    async fn bind_to(Caller(address): Caller) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener: Arc::new(Mutex::new(listener)), address })
    }

    async fn accept_stream(&self) -> io::Result<(TcpStream, Caller)> {
        let (stream, from) = self.listener.lock().await.accept().await?;
        Ok((stream, Caller(from)))
    }

    fn get_local_addr(&self) -> io::Result<Caller> {
        Ok(Caller(self.address))
    }
}

/// How many threads there are.
pub(crate) fn count() -> NonZeroUsize {
    thread::available_parallelism().map_or(NonZeroUsize::MIN, |processors| processors.min(MOST))
}

/// Starts the threads, each with what `serve` makes. What is returned is ready when all are done.
pub(crate) fn start<F>(serve: impl Fn() -> F) -> io::Result<impl Future<Output = ()>>
where
    F: Future<Output = ()> + Send + 'static,
{
    let started = (0..count().get()).map(|number| {
        let mut builder = runtime::Builder::new_current_thread();
        builder.enable_all().max_blocking_threads(1);
        // Before this thread sleeps, whoever is ready may run: often a caller, whose next review then needs nobody to be woken.
        builder.on_thread_park(thread::yield_now);
        let runtime = builder.build()?;
        let (done, is_done) = oneshot::channel();
        let serving = serve();
        thread::Builder::new().name(format!("reviews-{number}")).spawn(move || {
            runtime.block_on(serving);
            // Nobody may wait for it any more.
            let _ = done.send(());
        })?;
        Ok(is_done)
    });
    let all = started.collect::<io::Result<Vec<_>>>()?;
    Ok(async { drop(join_all(all).await) })
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::task::yield_now;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn who_comes_when_all_are_done_is_turned_away() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.address;
        let all = start(move || {
            let listener = listener.clone();
            async move { drop(listener.accept_stream().await) }
        });
        let come = async { while TcpStream::connect(address).await.is_ok() {} };
        let ((), come) = tokio::join!(all.unwrap(), timeout(Duration::from_secs(20), come));
        come.expect("nobody listens any more");
    }

    #[tokio::test]
    async fn all_take_as_many_connections() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let taken = [const { AtomicUsize::new(0) }; 3];
        let take = |count| {
            let listener = &listener;
            async move {
                loop {
                    // Whoever comes is kept for as long as it takes to count it.
                    let _stream = listener.accept_stream().await.unwrap();
                    AtomicUsize::fetch_add(count, 1, Ordering::Relaxed);
                }
            }
        };
        let all = || taken.iter().map(|count| count.load(Ordering::Relaxed)).sum::<usize>();
        let come = async {
            for number in 1..=12 {
                let _stream = TcpStream::connect(listener.address).await.unwrap();
                while all() < number {
                    yield_now().await;
                }
            }
        };
        let take = pin!(join_all(taken.iter().map(take)));
        tokio::select! {
            _ = take => {}
            () = come => {}
        }
        assert_eq!(taken.each_ref().map(|count| count.load(Ordering::Relaxed)), [4; 3]);
    }
}
