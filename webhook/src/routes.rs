//! Reviews in, answers out.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::body::{Bytes, HttpBody};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use futures::FutureExt as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use mesh_admission::wire::{self, Hook};
use mesh_admission::{NamePolicy, Verdict, decide};
use tokio::task::spawn_blocking;

use crate::body::{Budget, Counted};
use crate::deadline::{self, Ticks};
use crate::index::LiveIndex;
use crate::metrics::Metrics;
use crate::ready::{Readiness, Token};
use crate::tally::{Room, Tally};

/// Most requests that a reviewer reads or answers at once; more are told to come again.
const MAX_AT_ONCE: i64 = 256;
/// Bodies of more bytes are decided aside, so that those that come over other connections need not wait for them.
const LARGE: usize = 256 << 10;

/// The media type of answers, and of reviews.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a reviewer answers reviews by.
pub(crate) struct Reviews {
    pub(crate) index: Arc<LiveIndex>,
    pub(crate) policy: Arc<ArcSwap<NamePolicy>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) ticks: Ticks,
    /// Its own.
    pub(crate) tally: Arc<Tally>,
    pub(crate) budget: Budget,
}

/// What each connection is served by. There are two paths: the boxes in which a router keeps its handlers and bodies would cost
/// as much as a decision does.
pub(crate) fn service(
    reviews: Reviews,
) -> impl Service<Request<Incoming>, Response = Answer, Error = Infallible, Future: Send + 'static> + Clone + Send + Sync
{
    let reviews = Arc::new(reviews);
    service_fn(move |request: Request<Incoming>| review(Arc::clone(&reviews), Asked::of(request)).map(Ok))
}

type Answer = Response<Full<Bytes>>;

/// An answer that tells no more than its code.
fn plain(code: StatusCode) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = code;
    if code == StatusCode::METHOD_NOT_ALLOWED {
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    answer
}

/// What is used of a request: its future keeps no more of it, and is so small that it is quickly had and moved.
struct Asked<B> {
    hook: Hook,
    is_json: bool,
    time: Duration,
    length: Option<usize>,
    version: Version,
    /// What headers of the answer have room in, and those of the next request after it.
    headers: HeaderMap,
    body: B,
}

impl<B> Asked<B> {
    fn of(request: Request<B>) -> Result<Self, StatusCode> {
        let (request, body) = request.into_parts();
        let hook = match request.uri.path() {
            "/mutate" => Hook::Mutate,
            "/validate" => Hook::Validate,
            _ => return Err(StatusCode::NOT_FOUND),
        };
        if request.method != Method::POST {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        let header = |name| request.headers.get(name);
        Ok(Self {
            hook,
            is_json: is_json(header(header::CONTENT_TYPE)),
            time: deadline::of_query(request.uri.query()),
            length: header(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()),
            version: request.version,
            headers: request.headers,
            body,
        })
    }
}

async fn review<B: HttpBody<Data = Bytes> + Unpin>(
    reviews: Arc<Reviews>,
    asked: Result<Asked<B>, StatusCode>,
) -> Answer {
    let Asked { hook, is_json, time, length, version, mut headers, body } = match asked {
        Ok(asked) => asked,
        Err(code) => return plain(code),
    };
    let metrics = &reviews.metrics;
    let Some(_room) = Room::take(&reviews.tally, MAX_AT_ONCE) else {
        metrics.rejected("too-many");
        return plain(StatusCode::TOO_MANY_REQUESTS);
    };
    let answer = if is_json {
        let body = reviews.ticks.within(time, reviews.budget.read(length, body)).await;
        match read(body) {
            Ok(body) => answer(&reviews, hook, body).await,
            Err(why) => Err(why),
        }
    } else {
        Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type"))
    };
    let mut response = match answer {
        Ok(answer) => {
            headers.clear();
            headers.insert(header::CONTENT_TYPE, JSON);
            let mut response = Response::new(Full::from(answer));
            *response.headers_mut() = headers;
            response
        }
        Err((code, why)) => {
            metrics.rejected(why);
            tracing::warn!(%code, why, "a request is no review");
            plain(code)
        }
    };
    // Who comes back over this connection would come to one that ends. HTTP/2 says so by itself when it is time.
    if version < Version::HTTP_2 && !reviews.readiness.has(Token::NotStopping) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Why a request is not answered: the code, and in a word.
type Rejected = (StatusCode, &'static str);

/// A body that came in time and within bounds.
fn read(body: Option<Result<Counted, StatusCode>>) -> Result<Counted, Rejected> {
    body.ok_or((StatusCode::REQUEST_TIMEOUT, "slow-body"))?.map_err(|code| match code {
        StatusCode::PAYLOAD_TOO_LARGE => (code, "too-large"),
        StatusCode::TOO_MANY_REQUESTS => (code, "no-room"),
        _ => (code, "broken-body"),
    })
}

async fn answer(reviews: &Arc<Reviews>, hook: Hook, body: Counted) -> Result<Vec<u8>, Rejected> {
    let start = Instant::now();
    let decided = if body.bytes.len() <= LARGE {
        caught(hook, reviews, &body)
    } else {
        let reviews = Arc::clone(reviews);
        spawn_blocking(move || caught(hook, &reviews, &body)).await.unwrap_or_else(|error| Err(Box::new(error)))
    };
    reviews.tally.took(start.elapsed());
    match decided {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(why)) => {
            tracing::debug!(why, "no review");
            Err((StatusCode::BAD_REQUEST, "no-review"))
        }
        Err(_) => {
            reviews.metrics.panics.inc();
            Err((StatusCode::INTERNAL_SERVER_ERROR, "panic"))
        }
    }
}

/// The same as `decided`, or the panic: it is of one request, whatever brought it about.
fn caught(hook: Hook, reviews: &Reviews, body: &Counted) -> thread::Result<Result<Vec<u8>, String>> {
    catch_unwind(AssertUnwindSafe(|| decided(hook, reviews, &body.bytes)))
}

/// The answer to a body; an error is why there is nobody to answer to.
fn decided(hook: Hook, reviews: &Reviews, body: &[u8]) -> Result<Vec<u8>, String> {
    let request = match wire::read(body) {
        Ok(request) => request,
        Err(error) => {
            tracing::warn!(%error, "a review does not read");
            reviews.metrics.rejected("malformed");
            return error.answer(hook).ok_or_else(|| error.to_string());
        }
    };
    let verdict = if reviews.readiness.has(Token::IndexSynced) || hook == Hook::Mutate {
        decide(hook, &request, &*reviews.index, &reviews.policy.load())
    } else {
        // What is not known yet is not free.
        Verdict::Refused(wire::undecided("what this cluster holds is not known yet"))
    };
    match &verdict {
        Verdict::Allowed { .. } => reviews.tally.passed(hook),
        Verdict::Refused(refusal) => {
            reviews.metrics.refused(hook, refusal.code);
            tracing::info!(
                uid = %request.uid.escape_debug(),
                kind = %request.kind.kind.escape_debug(),
                namespace = %request.namespace.as_deref().unwrap_or_default().escape_debug(),
                code = %refusal.code,
                "refused"
            );
        }
    }
    Ok(wire::answer(&request.uid, &verdict))
}

fn is_json(content_type: Option<&HeaderValue>) -> bool {
    let text = content_type.map(HeaderValue::as_bytes).unwrap_or_default();
    let media_type = text.split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(JSON.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use axum::body::Body;
    use futures::stream;
    use mesh_admission::{Disclosure, Mode, OnStale};
    use tokio::runtime;

    use super::*;

    fn reviews() -> Arc<Reviews> {
        let policy = NamePolicy {
            mesh: Arc::default(),
            mode: Mode::default(),
            max_view_age: Duration::MAX,
            on_stale: OnStale::default(),
            disclosure: Disclosure::default(),
        };
        Arc::new(Reviews {
            index: Arc::default(),
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            metrics: Metrics::new(),
            readiness: Arc::new(Readiness::new()),
            ticks: Ticks::start(),
            tally: Arc::default(),
            budget: Budget::shared_by(NonZeroUsize::MIN),
        })
    }

    fn asked(body: Body) -> Result<Asked<Body>, StatusCode> {
        let request = Request::post("/validate").header(header::CONTENT_TYPE, JSON);
        Asked::of(request.body(body).unwrap())
    }

    #[tokio::test]
    async fn who_hangs_up_takes_no_room() {
        let reviews = reviews();
        let never = Body::from_stream(stream::pending::<Result<&str, std::io::Error>>());
        let mut review = Box::pin(review(Arc::clone(&reviews), asked(never)));
        assert!((&mut review).now_or_never().is_none());
        assert_eq!(reviews.tally.in_flight(), 1);
        drop(review);
        assert_eq!(reviews.tally.in_flight(), 0);
    }

    #[test]
    fn large_bodies_are_decided_aside() {
        // One thread, as that of a reviewer.
        let runtime = runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let reviews = reviews();
            let review = |bytes| review(Arc::clone(&reviews), asked(Body::from(vec![b' '; bytes])));
            assert_eq!(review(LARGE).now_or_never().unwrap().status(), StatusCode::BAD_REQUEST);
            let mut large = Box::pin(review(LARGE + 1));
            assert!((&mut large).now_or_never().is_none(), "others go on meanwhile");
            assert_eq!(large.await.status(), StatusCode::BAD_REQUEST);
        });
    }
}
