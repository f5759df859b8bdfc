//! Would a real API server with Istio's CRDs, and istiod's webhook, accept an object? `target/servers/schema-check`
//! knows: it is built from their own packages (`tests/servers/schema`).

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;

use crate::programs;

/// A running checker. It ends when it is dropped.
pub struct SchemaChecker {
    child: Child,
    pipe: Mutex<Pipe>,
}

struct Pipe {
    // None only while it is dropped.
    objects: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl SchemaChecker {
    /// Starts the checker with Istio's CRDs. None where it was not built: that is said on standard error, and it is a
    /// panic where `CI` is set, so that no run can skip it silently.
    pub fn start() -> Option<Self> {
        let Some((program, crds)) = programs::find_program("schema-check").zip(programs::find("istio-crds.yaml"))
        else {
            programs::skip("the schema checker is");
            return None;
        };
        let mut child = Command::new(program)
            .arg(crds)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the checker that was just found starts");
        let objects = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("its output is piped"));
        Some(Self { child, pipe: Mutex::new(Pipe { objects, answers }) })
    }

    /// What is wrong with each object, in their order. Objects must be whole: with `apiVersion`, `kind`, `metadata`.
    pub fn check(&self, objects: &[Value]) -> Vec<Result<(), Vec<String>>> {
        let mut pipe = self.pipe.lock().expect("no check has panicked");
        objects.iter().map(|object| pipe.ask(object)).collect()
    }
}

impl Pipe {
    /// One at a time, so that neither side ever waits for the other to drain a full pipe.
    fn ask(&mut self, object: &Value) -> Result<(), Vec<String>> {
        let question = self.objects.as_mut().expect("the checker is not dropped");
        writeln!(question, "{object}").expect("the checker reads until its input ends");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the checker's answers are text");
        let answer: Value = serde_json::from_str(&answer)
            .unwrap_or_else(|error| panic!("the checker ended or answered nonsense: {error}: {answer:?}"));
        let errors: Vec<String> =
            serde_json::from_value(answer["errors"].clone()).expect("an answer has a list of errors");
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

impl Drop for SchemaChecker {
    fn drop(&mut self) {
        if let Ok(pipe) = self.pipe.get_mut() {
            pipe.objects = None;
        }
        let _ = self.child.wait();
    }
}
