//! Requests over connections that somebody else made: HTTP/1.1, blocking.

use std::net::TcpStream;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{HeaderMap, Request, header};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::limits::REQUEST;
use crate::runtime::runtime;

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The value of a header, empty without one.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A connection that is kept.
pub(super) struct Connection {
    host: String,
    sender: SendRequest<Empty<Bytes>>,
}

impl Connection {
    /// Speaks HTTP over a connection, to this host.
    pub(super) fn over(stream: TcpStream, host: &str) -> Result<Self, String> {
        let sender = runtime().block_on(async {
            stream.set_nonblocking(true).map_err(|error| error.to_string())?;
            let stream = tokio::net::TcpStream::from_std(stream).map_err(|error| error.to_string())?;
            let (sender, connection) =
                http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
            // It ends with the sender; who asks gets its error.
            tokio::spawn(connection);
            Ok::<_, String>(sender)
        })?;
        Ok(Self { host: host.to_owned(), sender })
    }

    /// Asks, and waits for the whole answer, whatever its code is.
    pub(super) fn get(&mut self, path: &str) -> Result<Answer, String> {
        let request = Request::get(path).header(header::HOST, &self.host).body(Empty::new()).expect("a path");
        let answer = async {
            self.sender.ready().await?;
            let (parts, body) = self.sender.send_request(request).await?.into_parts();
            Ok::<_, hyper::Error>((parts, body.collect().await?.to_bytes()))
        };
        let answer = runtime().block_on(async { timeout(REQUEST, answer).await });
        let answer = answer.map_err(|_| "no answer in time".to_owned())?;
        let (parts, body) = answer.map_err(|error| error.to_string())?;
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

/// One request on a connection of its own.
pub(super) fn get(stream: TcpStream, host: &str, path: &str) -> Result<Answer, String> {
    Connection::over(stream, host)?.get(path)
}
