//! One connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::question::Question;
use crate::runtime::runtime;
use crate::tls;

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A question at a time, as other clients.
    Http1,
    /// As API servers.
    Http2,
}

impl Protocol {
    /// The same configuration, which offers this protocol alone.
    pub(super) fn offered(self, mut tls: ClientConfig) -> Arc<ClientConfig> {
        let name: &[u8] = match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        };
        tls.alpn_protocols = vec![name.to_vec()];
        Arc::new(tls)
    }
}

/// An open connection.
pub(super) struct Caller {
    address: SocketAddr,
    sender: Sender,
}

enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// An answer, whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    /// The connection takes no more.
    pub(super) is_last: bool,
}

/// How it shows that a server ended an HTTP/2 connection in good order before it took this question: those that it took are
/// answered. Clients ask elsewhere then, as API servers do.
const NOT_TAKEN: &str = "GoAway(b\"\", NO_ERROR, Remote)";

/// Why there is none.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// The question was not taken: the connection was closed before, in good order.
    NotSent,
    /// The question may have been read.
    Broken(String),
}

impl Caller {
    pub(super) async fn connect(address: SocketAddr, tls: &Arc<ClientConfig>, protocol: Protocol) -> io::Result<Self> {
        let stream = TokioIo::new(handshake(address, tls).await?);
        let sender = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(stream).await.map_err(io::Error::other)?;
                tokio::spawn(connection);
                Sender::One(sender)
            }
            Protocol::Http2 => {
                let spoken = http2::handshake(TokioExecutor::new(), stream).await;
                let (sender, connection) = spoken.map_err(io::Error::other)?;
                tokio::spawn(connection);
                Sender::Two(sender)
            }
        };
        Ok(Self { address, sender })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn ask(&mut self, question: &Question) -> Result<Answer, Unanswered> {
        let broken = |error: hyper::Error| {
            let shown = format!("{error:?}");
            if shown.contains(NOT_TAKEN) { Unanswered::NotSent } else { Unanswered::Broken(shown) }
        };
        let response = match &mut self.sender {
            Sender::One(sender) => {
                sender.ready().await.map_err(|_| Unanswered::NotSent)?;
                sender.try_send_request(question.request("", self.address)).await
            }
            Sender::Two(sender) => {
                sender.ready().await.map_err(|_| Unanswered::NotSent)?;
                sender.try_send_request(question.request("https", self.address)).await
            }
        };
        let response: Response<Incoming> = match response {
            Ok(response) => response,
            Err(error) if error.message().is_some() => return Err(Unanswered::NotSent),
            Err(error) => return Err(broken(error.into_error())),
        };
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(broken)?.to_bytes();
        let is_last = head.headers.get(header::CONNECTION).is_some_and(|value| value == "close");
        Ok(Answer { status: head.status, body, is_last })
    }
}

impl Question {
    fn request(&self, scheme: &str, to: SocketAddr) -> Request<Full<Bytes>> {
        let path = &self.path;
        // HTTP/2 has scheme and host in its target.
        let target = if scheme.is_empty() { path.clone() } else { format!("{scheme}://{to}{path}") };
        Request::post(target)
            .header(header::HOST, to.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(self.body.clone()))
            .expect("a path of our own")
    }
}

/// The certificate, in DER, that a server shows now to somebody who trusts these CAs.
///
/// # Errors
/// If there is no trust, or nobody listens.
pub fn served_certificate(address: SocketAddr, ca_pem: &str) -> io::Result<Vec<u8>> {
    let tls = Arc::new(tls::trusting(ca_pem));
    runtime().block_on(async {
        let stream = handshake(address, &tls).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        Ok(shown.map(|certificate| certificate.to_vec()).unwrap_or_default())
    })
}

async fn handshake(address: SocketAddr, tls: &Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    TlsConnector::from(Arc::clone(tls)).connect(ServerName::from(address.ip()), stream).await
}
