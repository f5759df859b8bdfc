//! One API server: requests with deadlines, answers of bounded size, errors in words that a person can use.
//!
//! kube brings credentials, TLS, proxies and compression; paths, retries and errors are ours, since its defaults are
//! those of a controller that has all the time in the world.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Collected, LengthLimitError, Limited};
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::plugins::{Bearer, ENDLESS_PLUGIN};
use super::quotes::{Secrets, Sent};
use super::unpack::{GZIP, unpack};
use crate::limits::{LEAST_TIMEOUT, MAX_ANSWER, MAX_REFUSAL, PAGE, REQUEST_TIMEOUT, RETRIES, RETRY_PAUSE};

/// The media type that is asked for.
const JSON: &str = "application/json";

/// What an API server, or whatever stands in its place, said instead of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RestError {
    /// No connection came about: nothing was sent.
    #[error("cannot be reached: {0}; check its server and certificates in the kubeconfig, and the way there")]
    NotConnected(String),
    /// The connection broke.
    #[error("the connection broke: {0}; run again")]
    Broken(String),
    /// A write whose answer did not come: it may have been done.
    #[error("the answer was lost ({0}): it may have been written; run again to see")]
    AnswerLost(String),
    /// Nothing came in time.
    #[error("{}; run again, or allow more with --cluster-timeout", late(*.0))]
    TimedOut(Duration),
    /// A `Status` of the API server.
    #[error("{}", status_in_words(*code, reason, message))]
    Status {
        /// HTTP status.
        code: u16,
        /// `reason`, such as `Forbidden`; empty when the server gave none.
        reason: String,
        /// `message`, shortened.
        message: String,
        /// `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// Something that no API server says: a proxy, a login page.
    #[error("answered {0}, which is not an API server's answer; is a proxy in the way?")]
    Strange(String),
    /// More than a request may bring.
    #[error("the answer is larger than {} MiB; no API server's page of {PAGE} objects is", MAX_ANSWER >> 20)]
    TooLarge,
}

impl RestError {
    /// `403 Forbidden`.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Status { code: 403, .. })
    }

    /// `403`, since an object of RBAC would allow more than its maker may do.
    pub(crate) fn is_escalation(&self) -> bool {
        matches!(self, Self::Status { code: 403, message, .. } if message.contains("attempting to grant"))
    }

    /// `404` of the API server itself: the object is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { code: 404, reason, .. } if reason == "NotFound")
    }

    /// `409`: it is there already, or not as it was read.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Status { code: 409, .. })
    }

    /// `410`: a list cannot be continued.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::Status { code: 410, .. })
    }

    /// Whether the same read may succeed in a moment.
    fn is_passing(&self) -> bool {
        match self {
            Self::NotConnected(_) | Self::Broken(_) => true,
            Self::Status { code, .. } => is_overload(*code),
            _ => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// One cluster's API server.
#[derive(Clone)]
pub(crate) struct Rest {
    client: Client,
    /// What a credential plugin gave, where it gave something that expires.
    bearer: Option<Bearer>,
    /// What it must not show.
    secrets: Arc<Secrets>,
    /// Whether answers may be compressed.
    may_pack: bool,
    deadline: Instant,
    /// Whether servers are asked to store nothing.
    is_dry: bool,
}

/// A write: how it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// `POST`.
    Create,
    /// `PUT`.
    Replace,
    /// `DELETE`.
    Delete,
}

impl Rest {
    /// Requests through `client`, which does not unpack answers itself, all of them until `deadline`. Answers may be
    /// compressed, or not.
    pub(crate) fn new(
        client: Client,
        bearer: Option<Bearer>,
        secrets: Secrets,
        may_pack: bool,
        deadline: Instant,
    ) -> Self {
        Self { client, bearer, secrets: Arc::new(secrets), may_pack, deadline, is_dry: false }
    }

    /// The same server with another deadline.
    pub(crate) fn until(&self, deadline: Instant) -> Self {
        Self { deadline, ..self.clone() }
    }

    /// The same server, asked by every write what it would say, and to store nothing: authorization, admission and
    /// validation answer as ever.
    pub(crate) fn dry_run(self) -> Self {
        Self { is_dry: true, ..self }
    }

    /// Reads `path` as text.
    pub(crate) async fn read(&self, path: &str) -> Result<String, RestError> {
        self.read_as(path, JSON).await
    }

    /// Reads `path` as text, in the media types of `accept`.
    pub(crate) async fn read_as(&self, path: &str, accept: &str) -> Result<String, RestError> {
        String::from_utf8(self.read_bytes(path, accept).await?).map_err(|_| no_text())
    }

    /// Reads `path` as [`text`] that is dropped soon: into room that is used again after [`super::unpack::recycle`].
    pub(crate) async fn read_page(&self, path: &str) -> Result<Vec<u8>, RestError> {
        self.read_bytes(path, JSON).await
    }

    /// What may pass is tried again, as long as the deadline allows.
    async fn read_bytes(&self, path: &str, accept: &str) -> Result<Vec<u8>, RestError> {
        let mut tried = 0;
        loop {
            let request = Request::get(path).header(ACCEPT, accept).body(Body::empty());
            let request = request.expect("paths are made of names that were checked");
            match self.once(request).await {
                Err(error) if error.is_passing() && tried < RETRIES => {
                    let pause = error.retry_after().unwrap_or_else(|| jittered(RETRY_PAUSE * (1 << tried), tried));
                    let again = Instant::now() + pause;
                    if again >= self.deadline {
                        return Err(error);
                    }
                    sleep_until(again).await;
                    tried += 1;
                }
                other => return other,
            }
        }
    }

    /// Reads `path` as one object.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, RestError> {
        parsed(&self.read(path).await?)
    }

    /// Writes, once: nobody knows what came of a write whose answer is lost, so it is not repeated.
    pub(crate) async fn write(&self, write: Write, path: &str, body: &Value) -> Result<Value, RestError> {
        let method = match write {
            Write::Create => Method::POST,
            Write::Replace => Method::PUT,
            Write::Delete => Method::DELETE,
        };
        let (path, body) = if self.is_dry { dry(write, path, body) } else { (path.to_owned(), body.to_string()) };
        let request = Request::builder().method(method).uri(path).header(ACCEPT, JSON);
        let request = request.header(CONTENT_TYPE, JSON).body(Body::from(body.into_bytes()));
        let request = request.expect("paths are made of names that were checked");
        match self.once(request).await {
            Ok(answer) => parsed(text(&answer)?),
            Err(RestError::Broken(why)) => Err(RestError::AnswerLost(why)),
            Err(RestError::TimedOut(after)) => Err(RestError::AnswerLost(late(after))),
            Err(error) => Err(error),
        }
    }

    /// Opens `path` as a stream; the deadline is that of its beginning. What it was asked with comes with it.
    pub(crate) async fn stream(&self, path: &str) -> Result<(Body, Sent), RestError> {
        let request = Request::get(path).header(ACCEPT, JSON).body(Body::empty());
        let (request, sent) = self.authorized(request.expect("paths are made of names that were checked")).await?;
        let start = Instant::now();
        let until = self.deadline.min(start + REQUEST_TIMEOUT);
        let answer = async {
            let answer = self.client.send(request).await.map_err(|error| unanswered(&error, &sent))?;
            let (head, body) = answer.into_parts();
            if head.status.is_success() {
                return Ok(body);
            }
            let text = Limited::new(body, MAX_REFUSAL).collect().await.map(Collected::to_bytes).unwrap_or_default();
            Err(refusal(head.status, &String::from_utf8_lossy(&text), None, &sent))
        };
        let body = timeout_at(until, answer).await.unwrap_or_else(|_| Err(RestError::TimedOut(until - start)))?;
        Ok((body, sent))
    }

    /// The request with the token that a credential plugin gave, renewed where it has expired; and all secrets that it
    /// is sent with.
    async fn authorized(&self, mut request: Request<Body>) -> Result<(Request<Body>, Sent), RestError> {
        let Some(bearer) = &self.bearer else { return Ok((request, self.secrets.sent(None))) };
        let header = timeout_at(self.deadline, bearer.header()).await;
        let header = header.unwrap_or_else(|_| Err(ENDLESS_PLUGIN.to_owned())).map_err(RestError::NotConnected)?;
        let sent = self.secrets.sent(header.as_ref());
        request.headers_mut().extend(header.map(|header| (AUTHORIZATION, header)));
        Ok((request, sent))
    }

    async fn once(&self, request: Request<Body>) -> Result<Vec<u8>, RestError> {
        let is_secret = request.uri().path().ends_with("/secrets");
        let (mut request, sent) = self.authorized(request).await?;
        if self.may_pack {
            request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(GZIP));
        }
        let start = Instant::now();
        let until = self.deadline.min(start + REQUEST_TIMEOUT);
        let answer = async {
            let answer = self.client.send(request).await.map_err(|error| unanswered(&error, &sent))?;
            let (head, body) = answer.into_parts();
            let broken = || RestError::Broken("in the middle of the answer".to_owned());
            let bytes = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| {
                if error.downcast_ref::<LengthLimitError>().is_some() { RestError::TooLarge } else { broken() }
            })?;
            let bytes = bytes.to_bytes();
            let bytes = if head.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding == GZIP) {
                unpack(&bytes).map_err(|_| broken())?.ok_or(RestError::TooLarge)?
            } else {
                bytes.into()
            };
            if head.status.is_success() {
                // Secrets hold credentials, maybe this one, and are not shown.
                if !is_secret && sent.is_quoted_in(&bytes) {
                    return Err(RestError::Strange(QUOTED.to_owned()));
                }
                return Ok(bytes);
            }
            let retry_after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            Err(refusal(head.status, &String::from_utf8_lossy(&bytes), retry_after.map(Duration::from_secs), &sent))
        };
        timeout_at(until, answer).await.unwrap_or_else(|_| Err(RestError::TimedOut(until - start)))
    }
}

/// The same write, of which nothing is stored.
fn dry(write: Write, path: &str, body: &Value) -> (String, String) {
    let mut body = body.clone();
    if write == Write::Delete {
        // A server that gets options as a body does not look for any in the query.
        body["dryRun"] = json!(["All"]);
    }
    let joint = if path.contains('?') { '&' } else { '?' };
    (format!("{path}{joint}dryRun=All"), body.to_string())
}

#[derive(Deserialize)]
struct Status {
    kind: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

/// What is answered by a server that quotes our credential.
pub(crate) const QUOTED: &str = "with the credential that it was sent in it";

fn refusal(code: StatusCode, text: &str, retry_after: Option<Duration>, sent: &Sent) -> RestError {
    match serde_json::from_str::<Status>(text) {
        Ok(status) if status.kind == "Status" => RestError::Status {
            code: code.as_u16(),
            reason: sent.shown(&status.reason),
            message: sent.shown(&status.message),
            retry_after,
        },
        // An overloaded API server, and the load balancer before it, answer in plain text.
        _ if matches!(code.as_u16(), 401 | 429 | 500 | 503 | 504) => RestError::Status {
            code: code.as_u16(),
            reason: String::new(),
            message: code.canonical_reason().unwrap_or_default().to_owned(),
            retry_after,
        },
        _ => RestError::Strange(format!("{} without a Kubernetes Status", code.as_u16())),
    }
}

/// What was answered, where it is text.
pub(crate) fn text(answer: &[u8]) -> Result<&str, RestError> {
    simdutf8::basic::from_utf8(answer).map_err(|_| no_text())
}

fn no_text() -> RestError {
    RestError::Strange("bytes that are no text".to_owned())
}

fn parsed(text: &str) -> Result<Value, RestError> {
    serde_json::from_str(text).map_err(|_| RestError::Strange("something that is no JSON".to_owned()))
}

/// Why no answer came. Only what the layers below say of connections: a credential's error may quote the credential.
fn unanswered(error: &kube::Error, sent: &Sent) -> RestError {
    if matches!(error, kube::Error::Auth(_)) {
        return RestError::NotConnected("its credentials cannot be used or renewed".to_owned());
    }
    let mut cause: &(dyn Error + 'static) = error;
    let mut is_connected = true;
    while let Some(next) = cause.source() {
        is_connected &= !next
            .downcast_ref::<hyper_util::client::legacy::Error>()
            .is_some_and(hyper_util::client::legacy::Error::is_connect);
        cause = next;
    }
    let why = sent.shown(&cause.to_string());
    if is_connected { RestError::Broken(why) } else { RestError::NotConnected(why) }
}

/// Not all clients at once: between half of the pause and all of it, by where the clock happens to be.
pub(crate) fn jittered(pause: Duration, tried: u32) -> Duration {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    let share = f64::from((nanos >> (4 + tried)) & 0x3ff) / 1023.0;
    pause.mul_f64(0.5 + share / 2.0)
}

/// What a server says that has too much to do, or whose database has.
fn is_overload(code: u16) -> bool {
    matches!(code, 429 | 500 | 503 | 504)
}

fn status_in_words(code: u16, reason: &str, message: &str) -> String {
    if code == 401 {
        return "its credentials are refused (401); log in again, or renew them".to_owned();
    }
    let reason = if reason.is_empty() { code.to_string() } else { reason.to_owned() };
    let next = if is_overload(code) { "; run again when its API server has recovered" } else { "" };
    format!("{message} ({reason}){next}")
}

/// Other questions may have taken all the time that there was.
fn late(after: Duration) -> String {
    if after < LEAST_TIMEOUT {
        "no time was left to ask".to_owned()
    } else {
        format!("no answer within {}", seconds(after))
    }
}

/// `2 s`, `1.4 s`.
fn seconds(duration: Duration) -> String {
    let tenths = duration.as_millis() / 100;
    if tenths.is_multiple_of(10) { format!("{} s", tenths / 10) } else { format!("{}.{} s", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: StatusCode, text: &str, retry_after: Option<Duration>) -> RestError {
        super::refusal(code, text, retry_after, &Secrets::default().sent(None))
    }

    #[test]
    fn an_answer_of_something_else_is_not_an_api_servers() {
        let strange = refusal(StatusCode::NOT_FOUND, "404 page not found", None);
        assert!(!strange.is_not_found() && matches!(strange, RestError::Strange(_)), "{strange}");
        let html = refusal(StatusCode::BAD_GATEWAY, "<html>", None);
        assert!(html.to_string().contains("proxy"), "{html}");
        let login = refusal(StatusCode::UNAUTHORIZED, "Unauthorized", None);
        assert!(login.to_string().contains("credentials are refused"), "{login}");
        let busy = refusal(StatusCode::SERVICE_UNAVAILABLE, "busy", Some(Duration::from_secs(2)));
        assert!(busy.is_passing() && busy.retry_after() == Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_dry_run_says_so_where_a_server_looks_for_it() {
        let (path, body) = dry(Write::Create, "/a?fieldManager=b", &json!({}));
        assert_eq!((&*path, &*body), ("/a?fieldManager=b&dryRun=All", "{}"));
        let (path, body) = dry(Write::Delete, "/a/b", &json!({"kind": "DeleteOptions"}));
        assert_eq!((&*path, &*body), ("/a/b?dryRun=All", r#"{"dryRun":["All"],"kind":"DeleteOptions"}"#));
    }

    #[test]
    fn times_are_told_in_seconds() {
        assert_eq!(seconds(Duration::from_secs(15)), "15 s");
        assert_eq!(seconds(Duration::from_millis(1_420)), "1.4 s");
    }

    #[test]
    fn a_status_is_told_by_its_reason() {
        let text = r#"{"kind":"Status","code":404,"reason":"NotFound","message":"services \"a\" not found"}"#;
        let error = refusal(StatusCode::NOT_FOUND, text, None);
        assert!(error.is_not_found());
        assert_eq!(error.to_string(), r#"services "a" not found (NotFound)"#);
    }
}
