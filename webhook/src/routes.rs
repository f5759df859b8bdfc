//! Reviews in, answers out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use mesh_admission::wire::{self, Hook};
use mesh_admission::{NamePolicy, Verdict, decide};
use tokio::sync::Semaphore;

use crate::body::Budget;
use crate::deadline::{self, Ticks};
use crate::index::LiveIndex;
use crate::metrics::Metrics;
use crate::ready::{Readiness, Token};

/// Most requests that are read or answered at once; more are told to come again.
const MAX_AT_ONCE: usize = 512;

/// What reviews are answered by.
pub(crate) struct Reviews {
    pub(crate) index: Arc<LiveIndex>,
    pub(crate) policy: Arc<ArcSwap<NamePolicy>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) readiness: Arc<Readiness>,
    budget: Budget,
    room: Semaphore,
    ticks: Ticks,
}

impl Reviews {
    pub(crate) fn new(
        index: Arc<LiveIndex>,
        policy: Arc<ArcSwap<NamePolicy>>,
        metrics: Arc<Metrics>,
        readiness: Arc<Readiness>,
    ) -> Arc<Self> {
        let (budget, room) = (Budget::new(), Semaphore::new(MAX_AT_ONCE));
        Arc::new(Self { index, policy, metrics, readiness, budget, room, ticks: Ticks::start() })
    }
}

pub(crate) fn router(reviews: Arc<Reviews>) -> Router {
    Router::new()
        .route("/mutate", post(|state, request| review(Hook::Mutate, state, request)))
        .route("/validate", post(|state, request| review(Hook::Validate, state, request)))
        .with_state(reviews)
}

async fn review(hook: Hook, State(reviews): State<Arc<Reviews>>, request: Request) -> Response {
    let version = request.version();
    let metrics = &reviews.metrics;
    let Ok(_room) = reviews.room.try_acquire() else {
        metrics.rejected("too-many");
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    };
    metrics.in_flight.inc();
    let answer = answer(hook, &reviews, request).await;
    metrics.in_flight.dec();
    let mut response = answer.unwrap_or_else(|(code, why)| {
        metrics.rejected(why);
        tracing::warn!(%code, why, "a request is no review");
        code.into_response()
    });
    // Who comes back over this connection would come to one that ends. HTTP/2 says so by itself when it is time.
    if version < Version::HTTP_2 && !reviews.readiness.has(Token::NotStopping) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn answer(hook: Hook, reviews: &Reviews, request: Request) -> Result<Response, (StatusCode, &'static str)> {
    let (head, body) = request.into_parts();
    // Before the body is read.
    if !is_json(head.headers.get(header::CONTENT_TYPE)) {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type"));
    }
    let time = deadline::of_query(head.uri.query());
    let body = reviews.ticks.within(time, reviews.budget.read(&head.headers, body)).await;
    let body = body.ok_or((StatusCode::REQUEST_TIMEOUT, "slow-body"))?.map_err(|code| match code {
        StatusCode::PAYLOAD_TOO_LARGE => (code, "too-large"),
        StatusCode::TOO_MANY_REQUESTS => (code, "no-room"),
        _ => (code, "broken-body"),
    })?;
    let start = Instant::now();
    // A panic is of one request, whatever brought it about.
    let decided = catch_unwind(AssertUnwindSafe(|| decided(hook, reviews, &body.bytes)));
    reviews.metrics.review_seconds.observe(start.elapsed().as_secs_f64());
    match decided {
        Ok(Ok(answer)) => Ok(([(header::CONTENT_TYPE, "application/json")], Body::from(answer)).into_response()),
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
    reviews.metrics.answered(hook, &verdict);
    if let Verdict::Refused(refusal) = &verdict {
        tracing::info!(
            uid = %request.uid.escape_debug(),
            kind = %request.kind.kind.escape_debug(),
            namespace = %request.namespace.as_deref().unwrap_or_default().escape_debug(),
            code = %refusal.code,
            "refused"
        );
    }
    Ok(wire::answer(&request.uid, &verdict))
}

fn is_json(content_type: Option<&HeaderValue>) -> bool {
    let text = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}
