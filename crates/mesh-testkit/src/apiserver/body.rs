//! Bodies of answers: whole, cut, trickling, or a stream.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Sleep, sleep};

use super::log::InFlight;

/// How long what was said before a cut has to go out: HTTP/2 drops what it still holds of a stream that it resets.
const BEFORE_A_CUT: Duration = Duration::from_millis(100);

/// The body of an answer. While it lives, its request counts as in flight.
pub(crate) struct Answer {
    shape: Shape,
    /// How many bytes are announced, if that is known.
    announced: Option<u64>,
    _in_flight: InFlight,
}

enum Shape {
    Whole(Option<Bytes>),
    /// The bytes, a pause in which they are sent, then the cut.
    Cut {
        half: Option<Bytes>,
        pause: Option<Pin<Box<Sleep>>>,
    },
    Stream(Receiver<Bytes>),
}

/// The connection ends here, on purpose.
#[derive(Debug)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut on purpose")
    }
}

impl std::error::Error for Cut {}

impl From<Infallible> for Cut {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Answer {
    pub(crate) fn whole(bytes: Bytes, in_flight: InFlight) -> Self {
        Self { announced: Some(bytes.len() as u64), shape: Shape::Whole(Some(bytes)), _in_flight: in_flight }
    }

    /// Announces all of the bytes and sends half of them.
    pub(crate) fn cut(bytes: &Bytes, in_flight: InFlight) -> Self {
        let half = Some(bytes.slice(..bytes.len() / 2));
        Self { announced: Some(bytes.len() as u64), shape: Shape::Cut { half, pause: None }, _in_flight: in_flight }
    }

    pub(crate) fn stream(parts: Receiver<Bytes>, announced: Option<u64>, in_flight: InFlight) -> Self {
        Self { shape: Shape::Stream(parts), announced, _in_flight: in_flight }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match &mut self.shape {
            Shape::Whole(bytes) => {
                Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))))
            }
            Shape::Cut { half, pause } => {
                if let Some(half) = half.take() {
                    return Poll::Ready(Some(Ok(Frame::data(half))));
                }
                let pause = pause.get_or_insert_with(|| Box::pin(sleep(BEFORE_A_CUT)));
                pause.as_mut().poll(context).map(|()| Some(Err(Cut)))
            }
            Shape::Stream(parts) => parts.poll_recv(context).map(|part| part.map(|part| Ok(Frame::data(part)))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.announced.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
