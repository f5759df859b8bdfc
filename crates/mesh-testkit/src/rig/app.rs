//! What a pod serves, by the name of its container's port: `grpc` is the health service of gRPC, `tcp` says who it is and
//! hangs up, everything else is HTTP/1.1 and HTTP/2, where each answer says who gave it and what came.

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
use tokio::io::AsyncWriteExt as _;
use tokio::task::{AbortHandle, JoinSet};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;

use crate::runtime::runtime;

/// The header that says who answered.
pub(super) const SERVED_BY: &str = "x-served-by";

/// A server that stops at once when it is dropped: connections break.
pub(super) struct App(AbortHandle);

impl App {
    /// Serves as `name` on a port that is listened on already.
    pub(super) fn start(name: &str, protocol: &str, listener: TcpListener) -> Self {
        listener.set_nonblocking(true).expect("a socket of our own");
        let (name, protocol) = (name.to_owned(), protocol.to_owned());
        let task = runtime().spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a socket of our own");
            match protocol.split('-').next() {
                Some("grpc") => grpc(&name, listener).await,
                Some("tcp") => tcp(&name, listener).await,
                _ => http(&name, listener).await,
            }
        });
        Self(task.abort_handle())
    }
}

async fn http(name: &str, listener: tokio::net::TcpListener) {
    // Connections end with this task.
    let mut connections = JoinSet::new();
    loop {
        // A connection that broke before it was taken is its client's concern.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let name = name.to_owned();
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
}

/// The service whose health is told has the pod's name.
async fn grpc(name: &str, listener: tokio::net::TcpListener) {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status(name, ServingStatus::Serving).await;
    let served = Server::builder().add_service(health).serve_with_incoming(TcpIncoming::from(listener)).await;
    served.expect("a socket of our own");
}

async fn tcp(name: &str, listener: tokio::net::TcpListener) {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        let _ = stream.write_all(name.as_bytes()).await;
        let _ = stream.shutdown().await;
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
    let version = format!("{:?}", request.version());
    let body =
        json!({"servedBy": name, "version": version, "path": request.uri().path(), "headers": headers}).to_string();
    Response::builder()
        .header("content-type", "application/json")
        .header(SERVED_BY, name)
        .body(Full::new(body.into()))
        .expect("names of pods are headers")
}
