//! Time and peak memory of each step of a run over a big fleet, once, in a process of its own:
//! `cargo xtask bench fleet --members 300 --services 2000 --sources 2`.
//!
//! The fleet is made in memory, so that what is measured is computing and not reading.
#![expect(clippy::print_stdout, reason = "a bench's output is for the person who started it")]

use std::fs;
use std::hint::black_box;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mesh_model::policy::MeshPolicy;
use mesh_plan::apply_model;
use mesh_plan::check::check;
use mesh_plan::desire::desire;
use mesh_plan::plan::plan;
use mesh_plan::scope::Scope;
use mesh_testkit::scale;

fn main() {
    let mut sizes = std::env::args().filter_map(|argument| argument.parse().ok());
    let members: usize = sizes.next().unwrap_or(300);
    let services: usize = sizes.next().unwrap_or(2_000);
    let sources: usize = sizes.next().unwrap_or(scale::SOURCES);
    let (policy, everything, now) = (MeshPolicy::default(), Scope::default(), Timestamp::UNIX_EPOCH);

    println!("{}", machine());
    let names = scale::names(members, services);
    println!("{members} members × {services} Services, {names} global names, each run by {sources} clusters");
    println!();
    println!("{:<34}{:>10}{:>14}  RESULT", "STEP", "CPU TIME", "PEAK MEMORY");

    let fleet = step("(make the fleet)", || {
        let fleet = scale::fleet(members, services, sources);
        let workloads: usize = fleet.seen().map(|(_, facts)| facts.workloads.len()).sum();
        (fleet, format!("{workloads} workloads with an identity"))
    });
    let desired = step("desire, nothing written yet", || {
        let desired = desire(&fleet, &policy, now);
        let objects: usize = desired.objects.values().map(std::collections::BTreeMap::len).sum();
        let findings = desired.findings.len();
        (desired, format!("{objects} objects, {findings} findings"))
    });
    let first = step("plan, everything is new", || {
        let plan = plan(&desired, &fleet, &policy, &everything);
        let steps = plan.steps.len();
        (plan, format!("{steps} steps"))
    });
    let written = step("(write it in memory)", || {
        let written = apply_model::apply(&fleet, &first);
        let objects: usize = written.seen().map(|(_, facts)| facts.owned.len()).sum();
        drop((desired, fleet, first));
        clear_up();
        (written, format!("{objects} objects held"))
    });
    let desired = step("desire, everything is written", || {
        let desired = desire(&written, &policy, now);
        let findings = desired.findings.len();
        (desired, format!("{findings} findings"))
    });
    step("plan, nothing to do", || {
        let plan = plan(&desired, &written, &policy, &everything);
        let steps = plan.steps.len();
        (plan, format!("{steps} steps"))
    });
    let mut written = written;
    scale::add_mesh(&mut written);
    step("check the traffic of everything", || {
        let checked = check(&desired, &written, &policy, now, |_| true);
        let findings = checked.findings.len();
        (checked, format!("{findings} findings"))
    });
    black_box((written, desired));
}

/// Makes the allocator put together what was freed, as it does at the next large request: the work is not that of the
/// step which makes it.
fn clear_up() {
    drop(black_box(Vec::<u8>::with_capacity(64 << 10)));
}

/// Runs one step and prints its row: what it took, and the most memory that the process held meanwhile.
fn step<T>(name: &str, run: impl FnOnce() -> (T, String)) -> T {
    forget_peak();
    let start = cpu_time();
    let (value, result) = run();
    let took = cpu_time().saturating_sub(start);
    println!("{name:<34}{:>10}{:>14}  {result}", milliseconds(took), peak());
    value
}

fn milliseconds(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}

/// The time that this thread has run, so that what else the machine does counts little. Off Linux, the time of day.
fn cpu_time() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let times = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ran = times.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok());
    ran.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

/// Linux keeps the peak until it is told to forget it.
fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().split(' ').next()?.parse().ok());
    kibibytes.map_or_else(|| "unknown".into(), |kibibytes: u64| format!("{} MiB", kibibytes / 1024))
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    format!("{cores} cores, {model}; one thread is used")
}
