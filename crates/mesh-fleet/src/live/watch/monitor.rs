//! Health and figures of a watching run, over plain HTTP for a kubelet and a Prometheus.

use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::limits::{LISTEN_TIMEOUT, MAX_LISTENERS, MAX_REQUEST};
use crate::report::{ApplyReport, Outcome};

/// What a watching run counts. It outlives the reading of the fleet, which may begin anew.
#[derive(Debug, Default)]
pub struct Monitor {
    ready: AtomicBool,
    rounds: AtomicU64,
    events: AtomicU64,
    broken: AtomicU64,
    reopened: AtomicU64,
    written: AtomicU64,
    moved: AtomicU64,
    failed: AtomicU64,
    not_tried: AtomicU64,
    held: AtomicU64,
    unsettled: AtomicU64,
    members: AtomicU64,
    unseen: AtomicU64,
    plan_micros: AtomicU64,
    lag_micros: AtomicU64,
}

impl Monitor {
    /// Answers `/healthz`, `/readyz` and `/metrics` at `address` for as long as the process lasts. The address that it
    /// got: port 0 is any.
    pub fn listen(self: &Arc<Self>, address: SocketAddr) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let monitor = Arc::clone(self);
        let busy = Arc::new(AtomicUsize::new(0));
        thread::Builder::new().name("listen".to_owned()).spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else {
                    // Out of descriptors, most likely: others need a moment to give theirs back.
                    thread::sleep(Duration::from_millis(100));
                    continue;
                };
                if busy.fetch_add(1, Ordering::SeqCst) >= MAX_LISTENERS {
                    busy.fetch_sub(1, Ordering::SeqCst);
                    continue;
                }
                let (monitor, done) = (Arc::clone(&monitor), Arc::clone(&busy));
                thread::spawn(move || {
                    // Whoever asked and left needs no answer.
                    let _ = monitor.answer(stream);
                    done.fetch_sub(1, Ordering::SeqCst);
                });
            }
        })?;
        Ok(address)
    }

    /// A round is over: it took so long to plan; one for the whole fleet left so many steps held.
    pub fn round(&self, plan: Duration, held: Option<usize>) {
        self.rounds.fetch_add(1, Ordering::Relaxed);
        self.plan_micros.store(micros(plan), Ordering::Relaxed);
        if let Some(held) = held {
            self.held.store(held as u64, Ordering::Relaxed);
        }
        self.ready.store(true, Ordering::Relaxed);
    }

    /// What was written, and how long after the first change that it answers.
    pub fn wrote(&self, report: &ApplyReport, lag: Duration) {
        for result in &report.results {
            let counter = match result.outcome {
                Outcome::Created | Outcome::Updated | Outcome::Deleted => &self.written,
                Outcome::Moved(_) => &self.moved,
                Outcome::Failed(_) => &self.failed,
                Outcome::NotTried(_) | Outcome::Incomplete(_) => &self.not_tried,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.lag_micros.store(micros(lag), Ordering::Relaxed);
    }

    /// The fleet is opened anew.
    pub fn reopened(&self) {
        self.reopened.fetch_add(1, Ordering::Relaxed);
    }

    /// Rounds and steps written so far.
    pub fn totals(&self) -> (u64, u64) {
        (self.rounds.load(Ordering::Relaxed), self.written.load(Ordering::Relaxed))
    }

    pub(super) fn events(&self, count: u64) {
        self.events.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn broken(&self, count: u64) {
        self.broken.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn members(&self, members: usize, unseen: usize) {
        self.members.store(members as u64, Ordering::Relaxed);
        self.unseen.store(unseen as u64, Ordering::Relaxed);
    }

    pub(super) fn unsettled(&self, count: usize) {
        self.unsettled.store(count as u64, Ordering::Relaxed);
    }

    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(LISTEN_TIMEOUT))?;
        stream.set_write_timeout(Some(LISTEN_TIMEOUT))?;
        let mut request = Vec::new();
        let mut piece = [0; 1024];
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = stream.read(&mut piece)?;
            request.extend_from_slice(&piece[..read]);
            if read == 0 || request.len() > MAX_REQUEST {
                return Ok(());
            }
        }
        let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let (status, text) = self.answer_to(&String::from_utf8_lossy(line));
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{text}",
            text.len()
        )
    }

    fn answer_to(&self, line: &str) -> (&'static str, String) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["GET", "/healthz", _] => ("200 OK", "ok\n".to_owned()),
            ["GET", "/readyz", _] if self.ready.load(Ordering::Relaxed) => ("200 OK", "ok\n".to_owned()),
            ["GET", "/readyz", _] => ("503 Service Unavailable", "the fleet is not read yet\n".to_owned()),
            ["GET", "/metrics", _] => ("200 OK", self.metrics()),
            ["GET", ..] => ("404 Not Found", "there are /healthz, /readyz and /metrics\n".to_owned()),
            _ => ("405 Method Not Allowed", "only GET\n".to_owned()),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a count that a float cannot hold takes millennia")]
    fn metrics(&self) -> String {
        let mut text = String::new();
        let mut one = |name: &str, sort: &str, help: &str, rows: &[(&str, f64)]| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {sort}");
            for (labels, value) in rows {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        };
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        let seconds = |counter: &AtomicU64| of(counter) / 1e6;
        one("kubectl_mesh_rounds_total", "counter", "Times that the fleet was planned.", &[("", of(&self.rounds))]);
        one("kubectl_mesh_events_total", "counter", "Changes that watches told of.", &[("", of(&self.events))]);
        let steps = [
            ("{outcome=\"written\"}", of(&self.written)),
            ("{outcome=\"moved\"}", of(&self.moved)),
            ("{outcome=\"failed\"}", of(&self.failed)),
            ("{outcome=\"not_tried\"}", of(&self.not_tried)),
        ];
        one("kubectl_mesh_steps_total", "counter", "Steps of plans, by what came of them.", &steps);
        one("kubectl_mesh_watch_failures_total", "counter", "Watches and lists that broke.", &[("", of(&self.broken))]);
        one(
            "kubectl_mesh_reopened_total",
            "counter",
            "Times that the fleet was opened anew.",
            &[("", of(&self.reopened))],
        );
        let members = [("", of(&self.members))];
        one("kubectl_mesh_members", "gauge", "Members of the fleet.", &members);
        one("kubectl_mesh_members_unseen", "gauge", "Members that are not seen now.", &[("", of(&self.unseen))]);
        one(
            "kubectl_mesh_held_steps",
            "gauge",
            "Steps that the last plan of the whole fleet held.",
            &[("", of(&self.held))],
        );
        let unsettled = [("", of(&self.unsettled))];
        one("kubectl_mesh_unsettled_objects", "gauge", "Objects that others wrote lately.", &unsettled);
        one("kubectl_mesh_plan_seconds", "gauge", "What the last plan took.", &[("", seconds(&self.plan_micros))]);
        let lag = [("", seconds(&self.lag_micros))];
        one("kubectl_mesh_write_lag_seconds", "gauge", "From the first change to the last write, last time.", &lag);
        text
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_once_the_fleet_was_planned() {
        let monitor = Monitor::default();
        assert!(monitor.answer_to("GET /healthz HTTP/1.1").0.starts_with("200"));
        assert!(monitor.answer_to("GET /readyz HTTP/1.1").0.starts_with("503"));
        monitor.round(Duration::from_millis(5), Some(2));
        assert!(monitor.answer_to("GET /readyz HTTP/1.1").0.starts_with("200"));
        let metrics = monitor.answer_to("GET /metrics HTTP/1.1").1;
        for line in ["kubectl_mesh_rounds_total 1", "kubectl_mesh_held_steps 2", "kubectl_mesh_plan_seconds 0.005"] {
            assert!(metrics.lines().any(|there| there == line), "{line} is not in\n{metrics}");
        }
        assert!(monitor.answer_to("GET /etc/passwd HTTP/1.1").0.starts_with("404"));
        assert!(monitor.answer_to("POST /healthz HTTP/1.1").0.starts_with("405"));
    }
}
