//! What a pod serves: HTTP/1.1 and HTTP/2 on one port. Each answer says who gave it and which headers came.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::TcpListener;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::json;
use tokio::task::{AbortHandle, JoinSet};

use crate::runtime::runtime;

/// The header that says who answered.
pub(super) const SERVED_BY: &str = "x-served-by";

/// A server that stops at once when it is dropped: connections break.
pub(super) struct App(AbortHandle);

impl App {
    /// Serves as `name` on a port that is listened on already.
    pub(super) fn start(name: &str, listener: TcpListener) -> Self {
        listener.set_nonblocking(true).expect("a socket of our own");
        let name = name.to_owned();
        let task = runtime().spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a socket of our own");
            // Connections end with this task.
            let mut connections = JoinSet::new();
            loop {
                // A connection that broke before it was taken is its client's concern.
                let Ok((stream, _)) = listener.accept().await else { continue };
                let _ = stream.set_nodelay(true);
                let name = name.clone();
                connections.spawn(async move {
                    let service = service_fn(|request| {
                        let answer = answer(&name, &request);
                        async { Ok::<_, Infallible>(answer) }
                    });
                    let server = Builder::new(TokioExecutor::new());
                    // How a connection ends is its client's concern.
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self(task.abort_handle())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn answer(name: &str, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let headers: BTreeMap<&str, String> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let body = json!({"servedBy": name, "path": request.uri().path(), "headers": headers}).to_string();
    Response::builder()
        .header("content-type", "application/json")
        .header(SERVED_BY, name)
        .body(Full::new(body.into()))
        .expect("names of pods are headers")
}
