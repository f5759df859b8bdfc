//! A plain client of API servers, for tests: one connection a request, and what really came back.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::http::HeaderValue;
use hyper::{HeaderMap, Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::runtime::runtime;
use crate::tls;

/// How long a request may take, unless [`Rest::within`] says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of one server. It blocks.
#[derive(Debug, Clone)]
pub struct Rest {
    /// `127.0.0.1:6443`.
    authority: String,
    token: String,
    tls: Arc<ClientConfig>,
    patience: Duration,
    headers: HeaderMap,
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came, compressed or not.
    pub bytes: Bytes,
    /// The body as JSON; null if it is none.
    pub json: Value,
}

/// What there is instead of an answer.
#[derive(Debug)]
pub enum RestError {
    /// No connection.
    Connect(std::io::Error),
    /// No trust.
    Tls(std::io::Error),
    /// The connection ended before the answer did, or spoke no HTTP.
    Broken(hyper::Error),
    /// It took too long.
    TimedOut,
}

impl fmt::Display for RestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "no connection: {error}"),
            Self::Tls(error) => write!(f, "no TLS: {error}"),
            Self::Broken(error) => write!(f, "broken answer: {error}{}", cause(error)),
            Self::TimedOut => f.write_str("timed out"),
        }
    }
}

impl Error for RestError {}

fn cause(error: &hyper::Error) -> String {
    error.source().map(|source| format!(": {source}")).unwrap_or_default()
}

impl Rest {
    /// A client of the server at `https://host:port` that trusts this CA alone.
    pub fn new(url: &str, token: &str, ca_pem: &str) -> Self {
        let authority = url.strip_prefix("https://").expect("an HTTPS server").trim_end_matches('/').to_owned();
        let (token, tls) = (token.to_owned(), Arc::new(tls::trusting(ca_pem)));
        Self { authority, token, tls, patience: PATIENCE, headers: HeaderMap::new() }
    }

    /// The same client with another token; an empty one is not sent.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// The same client with a header more.
    #[must_use]
    pub fn with_header(&self, name: header::HeaderName, value: &'static str) -> Self {
        let mut client = self.clone();
        client.headers.insert(name, HeaderValue::from_static(value));
        client
    }

    /// The same client with less patience.
    #[must_use]
    pub fn within(&self, patience: Duration) -> Self {
        Self { patience, ..self.clone() }
    }

    /// GET. It is a failure of the test if there is no answer.
    pub fn get(&self, path: &str) -> Answer {
        self.expect(Method::GET, path, None)
    }

    /// POST.
    pub fn create(&self, path: &str, object: &Value) -> Answer {
        self.expect(Method::POST, path, Some(("application/json", object)))
    }

    /// PUT.
    pub fn replace(&self, path: &str, object: &Value) -> Answer {
        self.expect(Method::PUT, path, Some(("application/json", object)))
    }

    /// PATCH, with the media type that says which sort.
    pub fn patch(&self, path: &str, media: &str, change: &Value) -> Answer {
        self.expect(Method::PATCH, path, Some((media, change)))
    }

    /// DELETE, with `DeleteOptions` or without.
    pub fn delete(&self, path: &str, options: Option<&Value>) -> Answer {
        self.expect(Method::DELETE, path, options.map(|options| ("application/json", options)))
    }

    /// Every item of a list, page by page, and the version of the list.
    pub fn list(&self, path: &str, limit: usize) -> (Vec<Value>, String) {
        let mut items = Vec::new();
        let mut token = String::new();
        let join = if path.contains('?') { '&' } else { '?' };
        loop {
            let more = if token.is_empty() { String::new() } else { format!("&continue={token}") };
            let page = self.get(&format!("{path}{join}limit={limit}{more}"));
            assert_eq!(page.status, 200, "{}", page.json);
            items.extend(page.json["items"].as_array().into_iter().flatten().cloned());
            let metadata = &page.json["metadata"];
            metadata["continue"].as_str().unwrap_or_default().clone_into(&mut token);
            if token.is_empty() {
                return (items, metadata["resourceVersion"].as_str().unwrap_or_default().to_owned());
            }
        }
    }

    fn expect(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> Answer {
        let shown = format!("{method} {path}");
        self.send(method, path, body).unwrap_or_else(|error| panic!("{shown}: {error}"))
    }

    /// Any request; what goes wrong is an answer too.
    pub fn send(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> Result<Answer, RestError> {
        let request = self.request(method, path, body);
        let whole = async {
            let response = self.exchange(request).await?;
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await.map_err(RestError::Broken)?.to_bytes();
            let json = serde_json::from_slice(&bytes).unwrap_or_default();
            Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, bytes, json })
        };
        runtime().block_on(async { timeout(self.patience, whole).await.unwrap_or(Err(RestError::TimedOut)) })
    }

    /// A watch: `path` says of what and since when.
    pub fn watch(&self, path: &str) -> Watch {
        let join = if path.contains('?') { '&' } else { '?' };
        let request = self.request(Method::GET, &format!("{path}{join}watch=true"), None);
        let (sender, lines) = channel();
        let client = self.clone();
        let task = runtime().spawn(async move {
            let Ok(response) = client.exchange(request).await else { return };
            let mut body = response.into_body();
            let mut buffer = Vec::new();
            while let Some(Ok(frame)) = body.frame().await {
                buffer.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = buffer.drain(..=end).collect();
                    if sender.send(serde_json::from_slice(&line).unwrap_or_default()).is_err() {
                        return;
                    }
                }
            }
        });
        Watch { lines, patience: self.patience, task: task.abort_handle() }
    }

    fn request(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, &self.authority);
        if !self.token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        if let Some((media, _)) = body {
            request = request.header(header::CONTENT_TYPE, media);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let bytes = body.map(|(_, value)| Bytes::from(value.to_string())).unwrap_or_default();
        request.body(Full::new(bytes)).expect("tests ask for valid paths")
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, RestError> {
        let stream = TcpStream::connect(&self.authority).await.map_err(RestError::Connect)?;
        let host = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host).to_owned();
        let name = ServerName::try_from(host).expect("a host is a name or an address");
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(name, stream).await.map_err(RestError::Tls)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(RestError::Broken)?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(RestError::Broken)
    }
}

/// A running watch. It ends when it is dropped.
pub struct Watch {
    lines: Receiver<Value>,
    patience: Duration,
    task: tokio::task::AbortHandle,
}

impl Watch {
    /// The next event; none if the stream ends.
    pub fn next(&self) -> Option<Value> {
        match self.lines.recv_timeout(self.patience) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no event within {:?}", self.patience),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}
