//! Bodies, within bounds: of one, and of all that are being read.

use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::body::{Bytes, HttpBody};
use axum::http::StatusCode;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The largest body: API servers take objects of at most 3 MiB, and a review may have two.
const MAX_BODY: usize = 8 << 20;
/// All bodies that are read at once, by all reviewers.
const MAX_BODIES: usize = 64 << 20;
/// Bodies are counted in steps of so much.
const STEP: usize = 64 << 10;

/// What bodies may take.
pub(crate) struct Budget(Arc<Semaphore>);

/// A body, with its share of the budget.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) bytes: Bytes,
    _share: OwnedSemaphorePermit,
}

impl Budget {
    /// The share of one of so many reviewers: there is room in it for the largest body.
    pub(crate) fn shared_by(reviewers: NonZeroUsize) -> Self {
        Self(Arc::new(Semaphore::new((MAX_BODIES / reviewers).max(MAX_BODY) / STEP)))
    }

    /// Reads a body of this length, if that is told. Refused are one that is too large, one for which there is no room, and one
    /// that does not come.
    pub(crate) async fn read(
        &self,
        length: Option<usize>,
        mut body: impl HttpBody<Data = Bytes> + Unpin,
    ) -> Result<Counted, StatusCode> {
        if length.is_some_and(|length| length > MAX_BODY) {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let mut share = self.share(length.unwrap_or(STEP))?;
        // Most bodies come in one piece, which is taken as it is.
        let (mut only, mut gathered) = (Bytes::new(), Vec::new());
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| StatusCode::BAD_REQUEST)?.into_data() else { continue };
            let wanted = only.len().max(gathered.len()) + data.len();
            if wanted > MAX_BODY {
                return Err(StatusCode::PAYLOAD_TOO_LARGE);
            }
            if wanted > share.num_permits() * STEP {
                share.merge(self.share(wanted - share.num_permits() * STEP)?);
            }
            if only.is_empty() {
                only = data;
            } else {
                if gathered.is_empty() {
                    gathered.reserve(wanted.max(length.unwrap_or_default()));
                    gathered.extend_from_slice(&only);
                }
                gathered.extend_from_slice(&data);
            }
        }
        let bytes = if gathered.is_empty() { only } else { gathered.into() };
        Ok(Counted { bytes, _share: share })
    }

    fn share(&self, bytes: usize) -> Result<OwnedSemaphorePermit, StatusCode> {
        let steps = u32::try_from(bytes.div_ceil(STEP).max(1)).expect("a body is bounded");
        Arc::clone(&self.0).try_acquire_many_owned(steps).map_err(|_| StatusCode::TOO_MANY_REQUESTS)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[tokio::test]
    async fn pieces_are_joined() {
        let pieces = futures::stream::iter(["one", "", " two", " three"].map(Ok::<_, std::io::Error>));
        let body =
            Budget::shared_by(NonZeroUsize::MIN).read(None, Body::from_stream(pieces)).await.map(|body| body.bytes);
        assert_eq!(body, Ok("one two three".into()));
    }

    #[tokio::test]
    async fn a_body_is_bounded_and_so_are_all_together() {
        let budget = Budget::shared_by(NonZeroUsize::MIN);
        let small = budget.read(None, Body::from(vec![7; STEP * 3])).await.map(|body| body.bytes.len());
        assert_eq!(small, Ok(STEP * 3));
        let too_large = Body::from(vec![0; MAX_BODY + 1]);
        assert_eq!(budget.read(None, too_large).await.err(), Some(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(budget.read(Some(MAX_BODY + 1), Body::empty()).await.err(), Some(StatusCode::PAYLOAD_TOO_LARGE));
        let largest = Some(MAX_BODY);
        let mut held = Vec::new();
        for _ in 0..MAX_BODIES / MAX_BODY {
            held.push(budget.read(largest, Body::empty()).await.unwrap());
        }
        assert_eq!(budget.read(largest, Body::empty()).await.err(), Some(StatusCode::TOO_MANY_REQUESTS));
        held.pop();
        assert!(budget.read(largest, Body::empty()).await.is_ok(), "a share is given back");
    }
}
