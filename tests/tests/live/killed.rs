//! `kill -9` at every write of a sync: what is there is whole, no client is ahead of its source, and the next run ends where
//! an undisturbed one does.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;

use mesh_testkit::apiserver::{ApiServer, Fault, Ill, Verb};
use serde_json::Value;

use super::on_fakes::{Generated, OnFakes, Start, ended, two_by_two, wait_for};

const SYNC: [&str; 2] = ["sync", "--yes"];
const RETIRE: [&str; 6] = ["sync", "--yes", "--allow-last", "*", "--max-removals", "100"];
/// What is written, and nothing else.
const WRITTEN: &str = "/namespaces/mesh-sync/";

/// The write at which the program dies.
struct Death {
    cluster: String,
    verb: Verb,
    /// The first is 1.
    number: u32,
    /// Whether it was carried out, and only its answer is missing.
    done: bool,
}

#[test]
fn a_sync_killed_at_any_write_is_completed_by_the_next() {
    let start = Start::bookstore();
    let (wanted, undisturbed) = start.undisturbed(&SYNC);
    let mut deaths = deaths(&start, &undisturbed, &[Verb::Create], false);
    assert_eq!(deaths.len(), 50, "one for each step");
    let completing = self::deaths(&start, &undisturbed, &[Verb::Update], false);
    assert_eq!(completing.len(), 3, "one for each host that is new in two clusters");
    deaths.extend(completing);
    // A write without an answer is one more or one less for the next run: one in three is enough.
    deaths.extend(self::deaths(&start, &undisturbed, &[Verb::Create], true).into_iter().step_by(3));
    let nothing: Generated = start.clusters().map(|cluster| (cluster.to_owned(), BTreeMap::new())).collect();
    two_by_two(deaths, |death| dies_and_recovers(&start, &SYNC, &death, &nothing, &wanted));
}

#[test]
fn a_sync_of_removals_killed_at_any_write_loses_none() {
    let (full, _) = Start::bookstore().undisturbed(&SYNC);
    let policy = std::fs::read_to_string(mesh_tests::example("bookstore").join("mesh.yaml")).unwrap();
    let retired = policy
        .replace("revision: 1", "revision: 2")
        .replace("- name: payments-us-east\n", "- name: payments-us-east\n      state: retired\n");
    let start = Start::bookstore().holding(&full).under(&retired);
    let (wanted, undisturbed) = start.undisturbed(&RETIRE);
    assert_eq!(wanted["payments-us-east"].len(), 0);
    let deaths = deaths(&start, &undisturbed, &[Verb::Create, Verb::Update, Verb::Delete], false);
    assert!(deaths.len() > 20, "{}", deaths.len());
    two_by_two(deaths, |death| dies_and_recovers(&start, &RETIRE, &death, &full, &wanted));
}

/// A death at every write of an undisturbed run.
fn deaths(start: &Start, undisturbed: &OnFakes, verbs: &[Verb], done: bool) -> Vec<Death> {
    let mut deaths = Vec::new();
    for cluster in start.clusters() {
        let writes = undisturbed.fleet.server(cluster).writes();
        for &verb in verbs {
            let count = writes.iter().filter(|write| write.verb == verb && write.target.contains(WRITTEN)).count();
            let count = u32::try_from(count).unwrap();
            deaths.extend((1..=count).map(|number| Death { cluster: cluster.to_owned(), verb, number, done }));
        }
    }
    deaths
}

fn dies_and_recovers(start: &Start, args: &[&str], death: &Death, before: &Generated, wanted: &Generated) {
    let Death { cluster, verb, number, done } = death;
    let what = format!("{verb:?} {number} in {cluster}, done: {done}");
    let fakes = start.fleet();
    let server = fakes.fleet.server(cluster);
    let at = |ill: Ill| Fault::new(*verb, ill).at(WRITTEN);
    server.fault(at(Ill::Slow(std::time::Duration::ZERO)).first(number - 1));
    if *done {
        server.fault(at(Ill::LostAnswer).first(1));
    }
    server.fault(at(Ill::Hang));
    let mut child = fakes.start(args);
    wait_for(&mut child, &what, || {
        unanswered(server, *verb) > 0 && (!done || fakes.generated()[cluster].len() >= *number as usize)
    });
    let _ = child.kill();
    let status = ended(child);
    // The last lost answer of all leaves nothing to wait for, and the program may have ended by itself.
    assert!(status.signal() == Some(9) || (*done && status.code() == Some(3)), "{what}: {status}");

    let left = fakes.generated();
    nothing_is_half_done(&left, before, wanted, &what);
    no_client_is_ahead_of_its_source(&left, before, &what);
    server.heal();
    fakes.mesh(args).exits(0);
    assert_eq!(&fakes.generated(), wanted, "{what}");
}

fn unanswered(server: &ApiServer, verb: Verb) -> usize {
    server.writes().iter().filter(|write| write.verb == verb && write.status.is_none()).count()
}

/// Every object is as before or as it should be, but for endpoints of sources that it waits for.
fn nothing_is_half_done(left: &Generated, before: &Generated, wanted: &Generated, what: &str) {
    for (cluster, objects) in left {
        for (name, object) in objects {
            let known = [before, wanted]
                .iter()
                .filter_map(|all| all[cluster].get(name))
                .any(|known| *known == *object || (sources(object).contains(cluster) && is_begun(object, known)));
            assert!(known, "{what}: {cluster}: {name}: {object}");
        }
    }
    for (cluster, objects) in before {
        for name in objects.keys().filter(|name| wanted[cluster].contains_key(*name)) {
            assert!(left[cluster].contains_key(name), "{what}: {cluster}: {name} is gone");
        }
    }
}

/// Whether an object is another one with fewer endpoints.
fn is_begun(object: &Value, whole: &Value) -> bool {
    let without = |object: &Value| {
        let mut object = object.clone();
        object["spec"]["endpoints"] = Value::Null;
        object["metadata"]["annotations"]["kubectl-mesh.io/from"] = Value::Null;
        object
    };
    let (some, all) = (object["spec"]["endpoints"].as_array(), whole["spec"]["endpoints"].as_array());
    let (Some(some), Some(all)) = (some, all) else { return false };
    without(object) == without(whole) && some.iter().all(|endpoint| all.contains(endpoint))
}

/// Law L10: whoever got an endpoint of a cluster finds the name routed there.
fn no_client_is_ahead_of_its_source(left: &Generated, before: &Generated, what: &str) {
    for (cluster, objects) in left {
        for (name, object) in objects.iter().filter(|(name, object)| before[cluster].get(*name) != Some(*object)) {
            let sources = sources(object);
            for source in &sources {
                assert!(left[source].contains_key(name), "{what}: {cluster} has {name} of {source}, which has it not");
            }
        }
    }
}

/// The clusters of an object's endpoints.
fn sources(object: &Value) -> BTreeSet<String> {
    let from = object["metadata"]["annotations"]["kubectl-mesh.io/from"].as_str().unwrap();
    let from: Value = serde_json::from_str(from).unwrap();
    let serves = |origin: &&Value| {
        let parts = origin["for"].as_array().unwrap();
        parts.iter().any(|part| part.as_str().unwrap().starts_with("endpoints/"))
    };
    let origins = from["from"].as_array().unwrap().iter().filter(serves);
    origins.map(|origin| origin["cluster"].as_str().unwrap().to_owned()).collect()
}
