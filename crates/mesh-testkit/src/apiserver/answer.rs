//! From a request to its answer, ills included.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::http::HeaderValue;
use hyper::{Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::body::Answer;
use super::call::{Call, Verb};
use super::cluster::Cluster;
use super::discovery::{self, Said};
use super::fault::Ill;
use super::list::{self, Page};
use super::log::InFlight;
use super::status::Refusal;
use super::{watching, write};

/// The most that a request may carry: the real server's limit.
const LARGEST_BODY: usize = 3 * 1024 * 1024;

/// How many parts a trickling body sends in a second.
const DRIPS_A_SECOND: u32 = 10;

/// How a connection ends without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Abort {
    /// In order, but early.
    Close,
    /// By a TCP reset.
    Reset,
}

/// What is to be sent, before it is broken.
enum Reply {
    Whole { code: StatusCode, media: &'static str, page: Arc<Page> },
    Stream(mpsc::Receiver<Bytes>),
}

/// Answers one request, or says how the connection ends instead.
pub(crate) async fn answer(cluster: Arc<Cluster>, request: Request<Incoming>) -> Result<Response<Answer>, Abort> {
    let in_flight = InFlight::on(&cluster.gauges);
    let (parts, body) = request.into_parts();
    let call = Call::of(&parts);
    let number = cluster.log.begin(&call);
    let mut healing = cluster.faults.healing();
    let ill = cluster.faults.strike(&call);
    let sent = Limited::new(body, LARGEST_BODY).collect().await.map(http_body_util::Collected::to_bytes);
    match ill {
        Some(Ill::Hang) => pending().await,
        Some(Ill::Wait) => healing.changed().await.map_err(|_| Abort::Close)?,
        Some(Ill::Reset) => return Err(Abort::Reset),
        Some(Ill::Slow(time)) => sleep(time).await,
        _ => {}
    }
    let reply = match (refusal_of(ill.as_ref(), &call), sent) {
        (Some(refusal), _) => Err(refusal),
        (None, Err(_)) => Err(Refusal::Text { code: 413, text: "request entity too large\n" }),
        (None, Ok(sent)) => admit(&cluster, &call).and_then(|()| carry_out(&cluster, &call, &sent)),
    };
    if ill == Some(Ill::LostAnswer) {
        return Err(Abort::Close);
    }
    let reply = reply.unwrap_or_else(|refusal| refused(&refusal));
    let reply = match &ill {
        Some(Ill::Html) => html(),
        Some(Ill::QuotingPage(code)) => quoting_page(*code, &call),
        Some(Ill::Redirect(_)) => {
            whole(StatusCode::TEMPORARY_REDIRECT, "text/plain; charset=utf-8", Page::of(Vec::new()).into())
        }
        _ => reply,
    };
    let mut response = send(reply, &call, ill.as_ref(), in_flight);
    match &ill {
        Some(Ill::RetryAfter(seconds)) => {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
        }
        Some(Ill::Redirect(server)) => {
            let location = format!("{server}{}", call.target).parse().expect("a path that came is one");
            response.headers_mut().insert(header::LOCATION, location);
        }
        _ => {}
    }
    cluster.log.end(number, response.status().as_u16());
    Ok(response)
}

/// What an ill makes of a request before anybody looks at it.
fn refusal_of(ill: Option<&Ill>, call: &Call) -> Option<Refusal> {
    Some(match ill? {
        Ill::Status(503) => Refusal::Status {
            code: 503,
            reason: "ServiceUnavailable",
            message: "the server is currently unable to handle the request".into(),
            details: Value::Null,
        },
        Ill::Quote(code) => Refusal::Status {
            code: *code,
            reason: "InternalError",
            message: format!("not with {:?}", call.header(header::AUTHORIZATION)),
            details: Value::Null,
        },
        Ill::Status(code) => Refusal::Status {
            code: *code,
            reason: "InternalError",
            message: "Internal error occurred: etcdserver: request timed out".into(),
            details: json!({"causes": [{"message": "etcdserver: request timed out"}]}),
        },
        Ill::RetryAfter(_) => Refusal::Text { code: 429, text: "Too many requests, please try again later.\n" },
        Ill::Forbidden => Refusal::forbidden("tester", call.verb.as_str(), &call.place()),
        Ill::Unauthorized => Refusal::unauthorized(),
        Ill::Gone if call.verb == Verb::List => Refusal::continue_expired(),
        // A watch is told so in its stream.
        _ => return None,
    })
}

/// Bearer tokens, as the real server takes them: a wrong one is 401, none is an anonymous user who may do little.
fn admit(cluster: &Cluster, call: &Call) -> Result<(), Refusal> {
    let credentials = call.header(header::AUTHORIZATION);
    if credentials.is_empty() {
        let public = ["/healthz", "/livez", "/readyz", "/version"].iter().any(|path| call.path.starts_with(path));
        return if public {
            Ok(())
        } else {
            Err(Refusal::forbidden("system:anonymous", call.verb.as_str(), &call.place()))
        };
    }
    let token = credentials.strip_prefix("Bearer ").unwrap_or_default();
    if token == cluster.token { Ok(()) } else { Err(Refusal::unauthorized()) }
}

fn carry_out(cluster: &Arc<Cluster>, call: &Call, sent: &[u8]) -> Result<Reply, Refusal> {
    if !call.accepts_json() {
        return Err(Refusal::not_acceptable());
    }
    if call.verb == Verb::Discovery {
        return Ok(match discovery::answer(call, |resource| cluster.serves(resource))? {
            Said::Json(value) => json_reply(StatusCode::OK, &value),
            Said::Text(text) => {
                whole(StatusCode::OK, "text/plain; charset=utf-8", Page::of(text.as_bytes().to_vec()).into())
            }
        });
    }
    let resource = call.target()?;
    if !cluster.serves(resource) {
        return Err(Refusal::no_such_path());
    }
    let written = |(code, object): (StatusCode, Value)| json_reply(code, &object);
    match call.verb {
        Verb::Watch => watching::watch(Arc::clone(cluster), resource, call).map(Reply::Stream),
        Verb::List => {
            let page = cluster.with_store(|store| list::list(store, resource, call))?;
            Ok(whole(StatusCode::OK, "application/json", page))
        }
        Verb::Get => {
            let found = cluster.with_store(|store| store.find(resource, &call.namespace, &call.name));
            let object = found.ok_or_else(|| Refusal::not_found(resource, &call.name))?;
            let mut text = object.text(resource, &call.version);
            text.push(b'\n');
            Ok(whole(StatusCode::OK, "application/json", Page::of(text).into()))
        }
        Verb::Create => cluster.with_store(|store| write::create(store, resource, call, sent)).map(written),
        Verb::Update => cluster.with_store(|store| write::replace(store, resource, call, sent)).map(written),
        Verb::Patch => cluster.with_store(|store| write::patch(store, resource, call, sent)).map(written),
        Verb::Delete => cluster.with_store(|store| write::delete(store, resource, call, sent)).map(written),
        Verb::Any | Verb::Discovery => Err(Refusal::no_such_path()),
    }
}

fn whole(code: StatusCode, media: &'static str, page: Arc<Page>) -> Reply {
    Reply::Whole { code, media, page }
}

fn json_reply(code: StatusCode, value: &Value) -> Reply {
    whole(code, "application/json", Page::of(format!("{value}\n").into_bytes()).into())
}

fn refused(refusal: &Refusal) -> Reply {
    match refusal {
        Refusal::Text { text, .. } => {
            whole(refusal.code(), "text/plain; charset=utf-8", Page::of(text.as_bytes().to_vec()).into())
        }
        Refusal::Status { .. } => json_reply(refusal.code(), &refusal.body()),
    }
}

/// What a load balancer shows whose backend is gone.
fn html() -> Reply {
    let page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1>\
                </center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
    whole(StatusCode::BAD_GATEWAY, "text/html", Page::of(page.as_bytes().to_vec()).into())
}

fn quoting_page(code: u16, call: &Call) -> Reply {
    let page = format!("<html><body><pre>Authorization: {}</pre></body></html>", call.header(header::AUTHORIZATION));
    let code = StatusCode::from_u16(code).expect("tests name valid codes");
    whole(code, "text/html", Page::of(page.into_bytes()).into())
}

fn send(reply: Reply, call: &Call, ill: Option<&Ill>, in_flight: InFlight) -> Response<Answer> {
    let (code, media, page) = match reply {
        Reply::Stream(mut lines) => {
            if ill == Some(&Ill::Gone) {
                lines = gone_stream();
            }
            let body = Answer::stream(lines, None, in_flight);
            return with_headers(Response::new(body), StatusCode::OK, "application/json");
        }
        Reply::Whole { code, media, page } => (code, media, page),
    };
    let compressed = if call.takes_gzip() && ill != Some(&Ill::Garbage) { page.compressed() } else { None };
    let is_compressed = compressed.is_some();
    let bytes = compressed.unwrap_or_else(|| page.plain.clone());
    let body = match ill {
        Some(Ill::CutBody) => Answer::cut(&bytes, in_flight),
        Some(Ill::Garbage) => Answer::whole(bytes.slice(..bytes.len() / 2), in_flight),
        Some(Ill::Trickle(rate)) => {
            let announced = Some(bytes.len() as u64);
            Answer::stream(trickle(bytes, *rate), announced, in_flight)
        }
        _ => Answer::whole(bytes, in_flight),
    };
    let mut response = with_headers(Response::new(body), code, media);
    if is_compressed {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    response
}

fn with_headers(mut response: Response<Answer>, code: StatusCode, media: &'static str) -> Response<Answer> {
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// A watch from a version that is long gone.
fn gone_stream() -> mpsc::Receiver<Bytes> {
    let (sender, lines) = mpsc::channel(1);
    let object = Refusal::expired("too old resource version: 1 (2)").body();
    let line = json!({"type": "ERROR", "object": object});
    sender.try_send(format!("{line}\n").into()).expect("the channel is new");
    lines
}

fn trickle(mut bytes: Bytes, rate: u32) -> mpsc::Receiver<Bytes> {
    let (sender, parts) = mpsc::channel(1);
    let size = (rate / DRIPS_A_SECOND).max(1) as usize;
    tokio::spawn(async move {
        while !bytes.is_empty() {
            let part = bytes.split_to(size.min(bytes.len()));
            if sender.send(part).await.is_err() {
                return;
            }
            tokio::select! {
                () = sleep(Duration::from_secs(1) / DRIPS_A_SECOND.min(rate.max(1))) => {}
                () = sender.closed() => return,
            }
        }
    });
    parts
}
