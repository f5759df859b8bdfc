//! What reading costs: processor time of the program that reads a fleet of fake clusters, against a loop that only
//! downloads and unpacks the same answers: `cargo xtask bench read`.
//!
//! Clusters run in a process of their own, so that their work is not counted. Answers are compressed once, and take a
//! while to come, as those of clusters far away do.
#![expect(clippy::print_stdout, reason = "a bench's output is for the person who started it")]

#[path = "read/clusters.rs"]
mod clusters;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use mesh_testkit::download::download;
use mesh_tests::{TestEnv, program};

use clusters::Clusters;

/// Linux counts processor time in hundredths of a second (`USER_HZ`, the same on every architecture that we know).
const TICK: Duration = Duration::from_millis(10);
/// How often each is run; the middle one counts.
const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.first().map(String::as_str) {
        Some("serve") => clusters::serve(number(&arguments, 1), number(&arguments, 2)),
        Some("download") => {
            let asked = fs::read_to_string(&arguments[2]).expect("a file of our own");
            println!("{}", download(Path::new(&arguments[1]), by_cluster(&asked)));
        }
        Some(_) => compare(number(&arguments, 0), number(&arguments, 1)),
        None => compare(20, 2_000),
    }
}

fn number(arguments: &[String], at: usize) -> usize {
    arguments.get(at).and_then(|argument| argument.parse().ok()).expect("numbers: clusters and Services of each")
}

fn compare(clusters: usize, services: usize) {
    let env = TestEnv::new();
    let fleet = Clusters::start(clusters, services);
    let mesh = |verb: &[&str]| {
        let mut command = Command::new(program());
        command.args(verb).env("KUBECONFIG", &fleet.kubeconfig).env("MESH_FLEET", "contexts:*");
        command.env("HOME", env.root()).env_remove("XDG_CACHE_HOME");
        command
    };
    // Once for the servers, which render and compress at the first request, and to see what is asked.
    run(&mut mesh(&["fleet", "list"]));
    let asked = fleet.asked();
    let file = env.root().join("asked");
    fs::write(&file, &asked).expect("a file of our own");
    let mut loop_alone = Command::new(env::current_exe().expect("a running program has a path"));
    loop_alone.arg("download").arg(&fleet.kubeconfig).arg(&file);
    let bytes = String::from_utf8(loop_alone.output().expect("this program starts").stdout).expect("a number");
    let bytes: usize = bytes.trim().parse().expect("a number");

    println!(
        "{clusters} clusters × {services} Deployments and Services: {} requests, {} MiB unpacked",
        asked.lines().count(),
        bytes >> 20
    );
    let mut commands =
        [("download and unpack", loop_alone), ("fleet list", mesh(&["fleet", "list"])), ("plan", mesh(&["plan"]))];
    let mut rounds: [Vec<(Duration, Duration)>; 3] = Default::default();
    // One after the other, so that what else the machine does meets all of them.
    for _ in 0..ROUNDS {
        for ((_, command), rounds) in commands.iter_mut().zip(&mut rounds) {
            rounds.push(run(command));
        }
    }
    println!("{:<22}{:>10}{:>10}{:>8}", "", "CPU TIME", "TIME", "RATIO");
    let middle: Vec<(Duration, Duration)> = rounds.into_iter().map(middle).collect();
    for ((name, _), (cpu, time)) in commands.iter().zip(&middle) {
        let ratio = cpu.as_secs_f64() / middle[0].0.as_secs_f64();
        println!("{name:<22}{:>8.2} s{:>8.2} s{ratio:>8.2}", cpu.as_secs_f64(), time.as_secs_f64());
    }
}

/// Runs it; the processor time that it took, and the time of day.
fn run(command: &mut Command) -> (Duration, Duration) {
    let (before, start) = (cpu_of_children(), Instant::now());
    let output = command.output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    (cpu_of_children().saturating_sub(before), start.elapsed())
}

/// User and system time of children that have ended (`proc_pid_stat(5)`: cutime and cstime).
fn cpu_of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("this bench is for Linux");
    let (_, after_name) = stat.rsplit_once(')').expect("the name stands in brackets");
    let ticks: u32 = after_name.split_whitespace().skip(13).take(2).filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    TICK * ticks
}

fn middle(mut rounds: Vec<(Duration, Duration)>) -> (Duration, Duration) {
    rounds.sort();
    rounds[rounds.len() / 2]
}

/// Lines of a cluster and a path.
fn by_cluster(asked: &str) -> BTreeMap<String, Vec<String>> {
    let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (cluster, path) in asked.lines().filter_map(|line| line.split_once(' ')) {
        paths.entry(cluster.to_owned()).or_default().push(path.to_owned());
    }
    paths
}
