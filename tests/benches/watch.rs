//! A run that watches a large fleet of fake clusters, which run in this process: from a change to the last write that
//! follows from it, alone and at the pace of a busy day: `cargo xtask bench watch`.
#![expect(clippy::print_stdout, reason = "a bench's output is for the person who started it")]

#[path = "../tests/faults/many.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod many;
#[path = "../tests/live/watching.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the tests need more of it, and it is written for them")]
mod watching;

use std::thread;
use std::time::{Duration, Instant};

use mesh_model::kind::Kind;
use mesh_testkit::company::{Company, GROUP, cluster, identity};
use serde_json::Value;

use many::{Many, workload};
use watching::{Watching, until_or, until_within};

/// The pace of the design point: as many deployments in ten minutes as a large company has in a day.
const CHANGES_A_MINUTE: usize = 130;
/// The group whose first name gets one more cluster.
const GROUP_OF_ONE: usize = 2;

fn main() {
    let mut sizes = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let (members, services) = (sizes.next().unwrap_or(300), sizes.next().unwrap_or(2_000));
    let changes = sizes.next().unwrap_or(10) * CHANGES_A_MINUTE;
    let company = Company { members, services, names: (services / 24).max(1) };
    let many = Many::start(company);
    many.first_sync();
    let start = Instant::now();
    let watching = Watching::start(&many.env, many.fleet.kubeconfig(), &[]);
    println!(
        "{members} clusters × {services} Services, {} generated objects: in sight after {:.1} s",
        company.generated(),
        start.elapsed().as_secs_f64()
    );
    for round in 0..3 {
        let (took, clusters) = one_more_source(&many, &watching, round);
        println!("one Deployment: {clusters} clusters are written {:.2} s after it", took.as_secs_f64());
    }
    paced(&many, &[&watching], "paced", changes);
    let second = Watching::start(&many.env, many.fleet.kubeconfig(), &[]);
    paced(&many, &[&watching, &second], "two", changes / 10);
    for watching in [watching, second] {
        let (exit, took, _) = watching.stop();
        println!("stopped with status {} after {:.2} s", exit.unwrap_or(-1), took.as_secs_f64());
    }
}

/// The first name of a group runs in one more cluster, that of a group that calls it: every other cluster that runs or
/// calls it hears of that.
fn one_more_source(many: &Many, watching: &Watching, round: usize) -> (Duration, usize) {
    let (new, host) = ((GROUP_OF_ONE + 1) * GROUP + round, many.company.host(GROUP_OF_ONE, 0));
    let gateway = format!("gw-{new:03}.example.com");
    let [service, mut deployment] = workload("guest");
    deployment["spec"]["template"]["metadata"]["labels"]["identity"] = identity(GROUP_OF_ONE, 0).into();
    let start = Instant::now();
    many.server(new).put(service);
    many.server(new).put(deployment);
    let holders: Vec<usize> =
        (GROUP_OF_ONE * GROUP..(GROUP_OF_ONE + 2) * GROUP).filter(|number| *number != new).collect();
    let knows = |number: &usize| {
        let entry = many.server(*number).object(Kind::ServiceEntry, "mesh-sync", &format!("{host}-se"));
        entry.is_some_and(|entry| entry.to_string().contains(&gateway))
    };
    until_or("all know the new source", || holders.iter().all(knows), || watching.said());
    (start.elapsed(), holders.len() + 1)
}

/// New workloads one after the other, at the pace of a busy day; each is a name of its own.
fn paced(many: &Many, watching: &[&Watching], prefix: &str, changes: usize) {
    let writes = || -> Vec<u16> {
        let all = many.fleet.servers().flat_map(|(_, server)| server.writes());
        all.filter_map(|write| write.status).collect()
    };
    let (before, start) = (writes().len(), Instant::now());
    let pause = Duration::from_mins(1) / u32::try_from(CHANGES_A_MINUTE).expect("a small number");
    let name = |change: usize| format!("{prefix}-{change}");
    let home = |change: usize| many.server(change * 7 % many.company.members);
    let is_written = |change: &usize| {
        home(*change).object(Kind::ServiceEntry, "mesh-sync", &format!("prod.{}.global-se", name(*change))).is_some()
    };
    let mut pending: Vec<(usize, Instant)> = Vec::new();
    let mut lags = Vec::new();
    let mut next = 0;
    let said = || watching.iter().map(|watching| watching.said()).collect::<String>();
    until_within(
        pause * u32::try_from(changes).expect("a small number") + Duration::from_mins(5),
        "every change is written",
        || {
            let due = start + pause * u32::try_from(next).expect("a small number");
            if next < changes && Instant::now() >= due {
                for object in workload(&name(next)) {
                    home(next).put(object);
                }
                pending.push((next, Instant::now()));
                next += 1;
            }
            pending.retain(|(change, since)| {
                let written = is_written(change);
                if written {
                    lags.push(since.elapsed());
                }
                !written
            });
            next == changes && pending.is_empty()
        },
        said,
    );
    // What two runs both asked for may still be on its way.
    while !many.idle_plan().stdout.contains("No changes") {
        thread::sleep(Duration::from_secs(1));
    }
    let after = writes();
    let (done, refused) = after[before..].iter().partition::<Vec<u16>, _>(|status| **status < 300);
    let objects = objects(many, prefix);
    lags.sort();
    let at = |share: usize| lags[(lags.len() - 1) * share / 100].as_secs_f64();
    println!(
        "{changes} changes in {:.0} s, {} watching: {objects} objects, {} writes and {} conflicts; a ServiceEntry is there \
         {:.2} s after its Deployment in the middle, {:.2} s for 99 in 100, {:.2} s at most",
        start.elapsed().as_secs_f64(),
        watching.len(),
        done.len(),
        refused.len(),
        at(50),
        at(99),
        at(100),
    );
    assert_eq!(done.len(), objects, "each object is written once");
}

/// Generated objects of the names that begin with this.
fn objects(many: &Many, prefix: &str) -> usize {
    let all = (0..many.company.members).flat_map(|number| {
        let server = many.fleet.server(&cluster(number));
        [Kind::ServiceEntry, Kind::DestinationRule].into_iter().flat_map(|kind| server.objects(kind))
    });
    let named = format!("prod.{prefix}-");
    all.filter(|object: &Value| object["metadata"]["name"].as_str().is_some_and(|name| name.starts_with(&named)))
        .count()
}
