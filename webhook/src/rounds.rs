//! Rounds of a thread: whatever has come since it looked last. What it answers goes out together, once all of a round is
//! answered. Whoever waits for several answers is then woken once for all of them; one that was written at once would wake it
//! before the next is there.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Whether what is written over a connection goes out.
#[derive(Debug, Default)]
pub(crate) struct Gate(AtomicU8);

/// It goes out at once: the state before there are rounds.
const ALWAYS: u8 = 0;
/// It has to wait.
const SHUT: u8 = 1;
/// It waits for the next look at the connection, which comes after those at all others of the round.
const AWAITED: u8 = 2;
/// It goes out until the next look.
const OPEN: u8 = 3;

impl Gate {
    /// From now on it goes out in rounds.
    pub(crate) fn shut(&self) {
        self.0.store(SHUT, Ordering::Relaxed);
    }

    /// The connection is looked at once more.
    pub(crate) fn look(&self) {
        match self.0.load(Ordering::Relaxed) {
            AWAITED => self.0.store(OPEN, Ordering::Relaxed),
            OPEN => self.0.store(SHUT, Ordering::Relaxed),
            _ => {}
        }
    }

    /// Is ready where it goes out.
    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        match self.0.load(Ordering::Relaxed) {
            ALWAYS | OPEN => return Poll::Ready(()),
            SHUT => {
                self.0.store(AWAITED, Ordering::Relaxed);
                // To the end of the queue.
                context.waker().wake_by_ref();
            }
            _ => {}
        }
        Poll::Pending
    }
}

/// A stream, with a gate before what is written.
pub(crate) struct Gated<I> {
    pub(crate) stream: I,
    pub(crate) gate: Arc<Gate>,
}

impl<I: AsyncRead + Unpin> AsyncRead for Gated<I> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, to)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Gated<I> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.gate.poll(context));
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.gate.poll(context));
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Mutex;

    use futures::future::join_all;

    use super::*;

    /// What is written to: it notes how many had decided by then.
    struct Noting {
        decided: Arc<AtomicU8>,
        noted: Arc<Mutex<Vec<u8>>>,
    }

    impl AsyncWrite for Noting {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.noted.lock().unwrap().push(self.decided.load(Ordering::Relaxed));
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// How many had decided whenever one of three wrote, twice each.
    async fn decided_at_each_write(is_in_rounds: bool) -> Vec<u8> {
        let (decided, noted) = (Arc::<AtomicU8>::default(), Arc::<Mutex<Vec<u8>>>::default());
        let tasks = (0..3).map(|_| {
            let (stream, gate) =
                (Noting { decided: Arc::clone(&decided), noted: Arc::clone(&noted) }, Arc::<Gate>::default());
            let (mut gated, decided) = (Gated { stream, gate: Arc::clone(&gate) }, Arc::clone(&decided));
            if is_in_rounds {
                gate.shut();
            }
            tokio::spawn(async move {
                for _ in 0..2 {
                    let mut is_decided = false;
                    let answer = poll_fn(|context| {
                        gate.look();
                        if !std::mem::replace(&mut is_decided, true) {
                            decided.fetch_add(1, Ordering::Relaxed);
                        }
                        Pin::new(&mut gated).poll_write(context, b"answer")
                    });
                    assert_eq!(answer.await.unwrap(), 6);
                    tokio::task::yield_now().await;
                }
            })
        });
        join_all(tasks.collect::<Vec<_>>()).await.into_iter().for_each(|done| done.unwrap());
        Arc::into_inner(noted).unwrap().into_inner().unwrap()
    }

    #[tokio::test]
    async fn what_is_answered_in_a_round_goes_out_once_all_of_it_is() {
        assert_eq!(decided_at_each_write(true).await, [3, 3, 3, 6, 6, 6]);
        assert_eq!(decided_at_each_write(false).await, [1, 2, 3, 4, 5, 6]);
    }
}
