//! Requests that wait for their answer.

use std::sync::OnceLock;

use http::{Method, Request, header};
use http_body_util::BodyExt;
use kube::Config;
use kube::client::Body;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::time;

use super::limits::REQUEST;

/// A client of one server, for any of its users.
pub(crate) struct Client {
    url: String,
    client: kube::Client,
}

/// An answer: the status code, and the body as text.
pub(crate) type Answer = (u16, String);

impl Client {
    /// Trusts this authority only.
    pub(super) fn new(url: &str, ca_der: &[u8]) -> Self {
        let mut config = Config::new(url.parse().expect("a URL of our own"));
        config.root_cert = Some(vec![ca_der.to_vec()]);
        Self::with(url, config)
    }

    /// Trusts whoever is there: a program of our own whose certificate is for another name.
    pub(crate) fn of_anybody(url: &str) -> Self {
        let mut config = Config::new(url.parse().expect("a URL of our own"));
        config.accept_invalid_certs = true;
        Self::with(url, config)
    }

    fn with(url: &str, mut config: Config) -> Self {
        // A request is sent once: tests count them.
        config.default_retry = false;
        let _guard = runtime().enter();
        let client = kube::Client::try_from(config).expect("a certificate of our own");
        Self { url: url.to_owned(), client }
    }

    /// Sends a request and waits for the whole answer, whatever its status code is. An error is that there was none.
    pub(crate) fn send(
        &self,
        method: &Method,
        path: &str,
        token: &str,
        body: Option<(&str, String)>,
    ) -> Result<Answer, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        if let Some((content_type, _)) = &body {
            request = request.header(header::CONTENT_TYPE, *content_type);
        }
        let body = body.map(|(_, text)| text).unwrap_or_default();
        let request = request.body(Body::from(body.into_bytes())).map_err(|error| error.to_string())?;
        let answer = async {
            let response = self.client.send(request).await.map_err(|error| error.to_string())?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
            Ok((status, String::from_utf8_lossy(&body).into_owned()))
        };
        runtime().block_on(async { time::timeout(REQUEST, answer).await.map_err(|_| "no answer in time".to_owned())? })
    }
}

/// The JSON of an answer; what is no JSON is a text.
pub(crate) fn json(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// One for all clients; any number of test threads may wait on it.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime"))
}
