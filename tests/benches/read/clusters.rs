//! Fake clusters in a process of their own. A line on its standard input asks for what was asked so far; its end ends it.

use std::env;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use mesh_testkit::apiserver::{FakeFleet, Fault, Ill, Objects, Setup, Verb};
use mesh_testkit::manifests;

/// What an answer takes to come.
const LATENCY: Duration = Duration::from_millis(200);

/// The process, seen from outside.
pub(crate) struct Clusters {
    pub(crate) kubeconfig: PathBuf,
    process: Child,
    commands: Option<ChildStdin>,
    answers: std::cell::RefCell<BufReader<ChildStdout>>,
}

impl Clusters {
    pub(crate) fn start(clusters: usize, services: usize) -> Self {
        let mut command = Command::new(env::current_exe().expect("a running program has a path"));
        command.args(["serve", &clusters.to_string(), &services.to_string()]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("this program starts");
        let mut answers = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut kubeconfig = String::new();
        answers.read_line(&mut kubeconfig).expect("the clusters start");
        Self {
            kubeconfig: kubeconfig.trim_end().into(),
            commands: process.stdin.take(),
            process,
            answers: answers.into(),
        }
    }

    /// What was asked so far: lines of a cluster and a path.
    pub(crate) fn asked(&self) -> String {
        let mut commands = self.commands.as_ref().expect("it runs");
        writeln!(commands, "asked").expect("it reads");
        let (mut answers, mut asked) = (self.answers.borrow_mut(), String::new());
        // An empty line is the end.
        while answers.read_line(&mut asked).expect("it answers") > 1 {}
        asked.trim_end().to_owned()
    }
}

impl Drop for Clusters {
    fn drop(&mut self) {
        drop(self.commands.take());
        let _ = self.process.wait();
    }
}

/// The process, from within.
pub(crate) fn serve(clusters: usize, services: usize) {
    let objects = Objects::of(manifests::deployments(services).into_iter().chain(manifests::services(services)));
    let fleet =
        FakeFleet::start((0..clusters).map(|number| (format!("c{number:03}"), Setup::holding(objects.clone()))));
    for (_, server) in fleet.servers() {
        server.fault(Fault::new(Verb::Any, Ill::Slow(LATENCY)));
    }
    println!("{}", fleet.kubeconfig().display());
    for _ in io::stdin().lines() {
        for (name, server) in fleet.servers() {
            for request in server.requests() {
                println!("{name} {}", request.target);
            }
        }
        println!();
    }
}
