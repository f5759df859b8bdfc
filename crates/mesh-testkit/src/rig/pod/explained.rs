//! What became of a request, as the client's proxy explains it: a line of its access log.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::super::app::SERVED_BY;
use super::super::http::Connection;
use super::super::limits::LOGGED;
use super::{Pod, Url, connection_to, folder_of, look_up};
use crate::servers::until;

/// What a line of an access log says, in JSON.
pub(in super::super) const LOG_FORMAT: &str = concat!(
    r#"{"path":"%REQ(:PATH)%","flags":"%RESPONSE_FLAGS%","details":"%RESPONSE_CODE_DETAILS%","#,
    r#""failure":"%UPSTREAM_TRANSPORT_FAILURE_REASON%","upstream":"%UPSTREAM_HOST%"}"#
);

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The name has no address, so that nothing was sent.
    UnknownName,
    /// The connection was refused or ended without an answer of HTTP, for this reason.
    NoAnswer(String),
    /// There was an answer, by a server or by a proxy on the way.
    Answered(Explained),
}

/// An answer, and what the client's proxy says of it. What is not logged is empty: requests that it takes for plain TCP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explained {
    /// The code.
    pub status: u16,
    /// Who answered, if a server did.
    pub served_by: String,
    /// Envoy's response flags, such as `UF`.
    pub flags: String,
    /// Envoy's details of the code, such as `no_healthy_upstream`.
    pub details: String,
    /// Why TLS with the other side failed.
    pub failure: String,
    /// The address that the request was sent to last.
    pub upstream: String,
}

impl Pod {
    /// Sends one request, as [`Pod::get`] does, and has the proxy of this pod explain what became of it.
    pub fn ask(&self, url: &str) -> Outcome {
        self.ask_often(url, 1).pop().expect("as many outcomes as requests")
    }

    /// The same for some requests, one after the other, each over a connection of its own.
    pub fn ask_often(&self, url: &str, count: usize) -> Vec<Outcome> {
        let log = Log::now(folder_of(&self.sandbox, &self.key).join("access.log"));
        // All are sent before the first line is waited for.
        let sent: Vec<(String, Outcome)> = (0..count).map(|_| self.send(url)).collect();
        let explained = sent.into_iter().map(|(path, outcome)| match outcome {
            Outcome::Answered(answer) => Outcome::Answered(answer.with(&log.line_of(&path))),
            other => other,
        });
        explained.collect()
    }

    /// Sends one. What comes of it lacks what its proxy says of the path.
    fn send(&self, url: &str) -> (String, Outcome) {
        static SENT: AtomicU64 = AtomicU64::new(0);
        let Url { host, port, path } = Url::of(url);
        let path = format!("{path}?sent={}", SENT.fetch_add(1, Ordering::Relaxed));
        let address = match self.space.within(|| look_up(self.names, host)) {
            Ok(address) => address,
            Err(error) if error.kind() == ErrorKind::NotFound => return (path, Outcome::UnknownName),
            Err(error) => return (path, Outcome::NoAnswer(format!("{host}: {error}"))),
        };
        let answer = connection_to(&self.space, SocketAddr::from((address, port)))
            .and_then(|stream| Connection::over(stream, host))
            .and_then(|mut connection| connection.get(&path));
        let outcome = match answer {
            Ok(answer) => Outcome::Answered(Explained {
                status: answer.status,
                served_by: answer.header(SERVED_BY).to_owned(),
                ..Explained::default()
            }),
            Err(why) => Outcome::NoAnswer(why),
        };
        (path, outcome)
    }
}

impl Explained {
    /// With what a line of the log says.
    fn with(self, line: &Value) -> Self {
        let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
        Self {
            flags: text("flags"),
            details: text("details"),
            failure: text("failure"),
            upstream: text("upstream"),
            ..self
        }
    }
}

/// An access log, from the end that it had at some time.
struct Log {
    file: PathBuf,
    start: u64,
}

impl Log {
    fn now(file: PathBuf) -> Self {
        let start = fs::metadata(&file).map_or(0, |found| found.len());
        Self { file, start }
    }

    /// The line about a path, once it is written. Null if there is none.
    fn line_of(&self, path: &str) -> Value {
        let mut found = Value::Null;
        until(LOGGED, || {
            let text = self.text().unwrap_or_default();
            let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            found = lines.find(|line| line["path"] == path).unwrap_or_default();
            !found.is_null()
        });
        found
    }

    fn text(&self) -> io::Result<String> {
        let mut file = File::open(&self.file)?;
        file.seek(SeekFrom::Start(self.start))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(text)
    }
}
