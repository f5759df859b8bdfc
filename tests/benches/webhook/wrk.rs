//! The same questions, asked by a tool that has nothing to do with us: wrk, over HTTP/1.1.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use mesh_testkit::callers::Question;
use tempfile::TempDir;

/// Threads that ask.
const THREADS: usize = 2;

/// wrk, with its questions.
pub(crate) struct Wrk(TempDir);

/// What it said of a server.
pub(crate) struct Said {
    /// Answers in a second.
    pub(crate) rate: f64,
    /// 99 in 100 took at most this long.
    pub(crate) took: Duration,
}

impl Wrk {
    /// None where it is not installed.
    pub(crate) fn asking(questions: &[Question]) -> Option<Self> {
        // It says how it is used, and that this is a failure.
        Command::new("wrk").arg("--version").output().ok()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bodies: Vec<&[u8]> = questions.iter().map(|question| &*question.body).collect();
        fs::write(folder.path().join("bodies"), bodies.join(&b'\n')).expect("it can be written");
        let script = format!(
            "local asked, number = {{}}, 0\n\
             function init()\n\
               for body in io.lines('{}') do\n\
                 asked[#asked + 1] = wrk.format('POST', {:?}, {{['Content-Type'] = 'application/json'}}, body)\n\
               end\n\
             end\n\
             function request()\n\
               number = number % #asked + 1\n\
               return asked[number]\n\
             end\n",
            folder.path().join("bodies").display(),
            questions[0].path,
        );
        fs::write(folder.path().join("ask.lua"), script).expect("it can be written");
        Some(Self(folder))
    }

    /// Asks for so long, over so many connections.
    pub(crate) fn ask(&self, address: SocketAddr, connections: usize, time: Duration) -> Said {
        let output = Command::new("wrk")
            .args([format!("--threads={THREADS}"), format!("--connections={connections}")])
            .args([format!("--duration={}", time.as_secs()), "--latency".to_owned(), "--script".to_owned()])
            .arg(self.0.path().join("ask.lua"))
            .arg(format!("https://{address}"))
            .output()
            .expect("it was there before");
        let text = String::from_utf8_lossy(&output.stdout);
        let failed = ["Non-2xx or 3xx responses", "Socket errors"].iter().any(|what| text.contains(what));
        assert!(output.status.success() && !failed, "{text}{}", String::from_utf8_lossy(&output.stderr));
        let told = |what: &str| text.lines().find_map(|line| line.trim().strip_prefix(what)).map(str::trim);
        let rate = told("Requests/sec:").and_then(|rate| rate.parse().ok()).expect("it says how many");
        Said { rate, took: told("99%").and_then(duration).expect("it says how long") }
    }
}

/// As it writes one: `1.48ms`.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => return None,
    };
    Some(Duration::from_secs_f64(number.parse::<f64>().ok()? * seconds))
}
