//! A slow run that another one overtakes with newer facts, or under a newer policy, never writes the older ones over them
//! (law L9). The slow one is stopped (SIGSTOP) at each request that it makes, in turn.

use std::time::Duration;

use mesh_model::kind::Kind;
use mesh_testkit::apiserver::{Fault, Ill, Verb};
use serde_json::{Value, json};

use super::on_fakes::{Generated, OnFakes, Start, ended, signal, stored_policy, two_by_two, wait_for};

/// Nothing stands in the way of a run that would undo what another did.
const SYNC: [&str; 6] = ["sync", "--yes", "--allow-last", "*", "--max-removals", "100"];
/// The stopped request is answered after this time: the run is stopped by then, or a little further than was meant.
const A_MOMENT: Duration = Duration::from_millis(150);

#[test]
fn a_run_that_is_overtaken_by_newer_facts_never_overwrites_them() {
    let (start, newest) = changed_since();
    let requests = requests_of_a_run(&start);
    assert!(requests.len() > 60, "{}", requests.len());
    two_by_two(requests, |request| is_overtaken(&start, &request, &newest, newer_facts));
}

#[test]
fn a_run_that_is_overtaken_by_a_newer_policy_never_overwrites_what_it_says() {
    let (start, _) = changed_since();
    let fakes = start.fleet();
    newer_policy(&fakes);
    fakes.mesh(&SYNC).exits(0);
    let newest = fakes.generated();
    // The policy is read with the first of some thirty requests to a cluster: one in three is enough.
    let requests = requests_of_a_run(&start).into_iter().step_by(3).collect();
    two_by_two(requests, |request| is_overtaken(&start, &request, &newest, newer_policy));
}

/// A fleet that is in step with what was so once, and has work to do since; and what it holds under the newest facts.
fn changed_since() -> (Start, Generated) {
    let (once, _) = Start::bookstore().undisturbed(&SYNC);
    let start = Start::bookstore()
        .holding(&once)
        .with("retail-us-west", &service("orders", "orders", 8081))
        .with("payments-us-east", &service("payments", "payments", 9091));
    let fakes = start.fleet();
    newer_facts(&fakes);
    fakes.mesh(&SYNC).exits(0);
    let newest = fakes.generated();
    assert_ne!(newest, once);
    let (older, _) = start.undisturbed(&SYNC);
    assert_ne!(newest, older, "an overtaken run would be seen");
    (start, newest)
}

fn service(namespace: &str, app: &str, port: u16) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": app, "namespace": namespace},
        "spec": {"selector": {"app": app}, "ports": [{"name": "tcp", "port": port, "targetPort": 8080}]},
    })
}

/// Something to change, something to remove.
fn newer_facts(fakes: &OnFakes) {
    let retail = fakes.fleet.server("retail-us-west");
    retail.put(service("orders", "orders", 8082));
    assert!(retail.remove(Kind::Deployment, "catalogue", "covers"));
    fakes.fleet.server("payments-us-east").put(service("payments", "payments", 9092));
}

fn newer_policy(fakes: &OnFakes) {
    let policy = std::fs::read_to_string(mesh_tests::example("bookstore").join("mesh.yaml")).unwrap();
    let policy = policy.replace("revision: 1", "revision: 2").replace("sans: serviceAccounts", "sans: \"off\"");
    for (_, server) in fakes.fleet.servers() {
        server.put(stored_policy(&policy));
    }
}

/// Each request that a run makes, by cluster and number.
fn requests_of_a_run(start: &Start) -> Vec<(String, u32)> {
    let (_, fakes) = start.undisturbed(&SYNC);
    let count = |cluster: &str| u32::try_from(fakes.fleet.server(cluster).requests().len()).unwrap();
    start.clusters().flat_map(|cluster| (1..=count(cluster)).map(|number| (cluster.to_owned(), number))).collect()
}

fn is_overtaken(start: &Start, (cluster, number): &(String, u32), newest: &Generated, change: impl Fn(&OnFakes)) {
    let what = format!("stopped at request {number} to {cluster}");
    let fakes = start.fleet();
    let server = fakes.fleet.server(cluster);
    server.fault(Fault::new(Verb::Any, Ill::Slow(Duration::ZERO)).first(number - 1));
    server.fault(Fault::new(Verb::Any, Ill::Slow(A_MOMENT)).first(1));
    let mut slow = fakes.start(&SYNC);
    wait_for(&mut slow, &what, || server.requests().len() >= *number as usize);
    signal(&slow, "-STOP");
    server.heal();
    change(&fakes);
    fakes.mesh(&SYNC).exits(0);
    assert_eq!(&fakes.generated(), newest, "{what}: the one that overtakes");
    signal(&slow, "-CONT");
    let status = ended(slow);
    // Where everything that it wanted to write had moved, it did nothing.
    assert!(matches!(status.code(), Some(0 | 3 | 4)), "{what}: {status}");
    assert_eq!(&fakes.generated(), newest, "{what}");
}
