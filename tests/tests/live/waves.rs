//! `sync --waves` on clusters that change, or refuse, while it goes on.

use mesh_model::kind::Kind;
use mesh_testkit::apiserver::{Fault, Ill, Verb};
use serde_json::Value;

use super::on_clusters::Said;
use super::on_fakes::{Generated, Start, wait_for};

const SYNC: [&str; 6] = ["sync", "--yes", "--allow-last", "*", "--max-removals", "100"];
/// The edge first, then payments, then retail.
const IN_WAVES: [&str; 8] = ["sync", "--yes", "--allow-last", "*", "--max-removals", "100", "--waves", "1,2,rest"];

#[test]
fn a_sync_in_waves_ends_where_a_sync_does() {
    let start = Start::bookstore();
    let (wanted, _) = start.undisturbed(&SYNC);
    let fakes = start.fleet();
    let said = fakes.mesh(&IN_WAVES).exits(0).says("50 steps written.");
    let lines: Vec<&str> = said.stderr.lines().filter(|line| line.contains("wave")).collect();
    assert_eq!(
        lines,
        [
            "in 3 waves: edge-us-west; payments-us-east; retail-us-west",
            "wave 1 of 3: edge-us-west",
            "wave 2 of 3: payments-us-east",
            "wave 3 of 3: retail-us-west"
        ]
    );
    assert_eq!(fakes.generated(), wanted);
}

#[test]
fn a_removal_that_nobody_was_shown_stops_the_next_wave() {
    let start = Start::bookstore();
    let fakes = start.fleet();
    let edge = fakes.fleet.server("edge-us-west");
    // While the first wave is written, a service goes.
    edge.fault(Fault::new(Verb::Create, Ill::Wait).at("/namespaces/mesh-sync/").first(1));
    let mut child = fakes.start_heard(&IN_WAVES);
    wait_for(&mut child, "the first write", || !edge.writes().is_empty());
    assert!(fakes.fleet.server("retail-us-west").remove(Kind::Deployment, "catalogue", "covers"));
    edge.heal();
    let said = Said::of(&child.wait_with_output().unwrap()).exits(3).says("wave 1 of 3: edge-us-west");
    let said = said
        .says("the next wave would remove what was not shown: prod.covers.global is not served from retail-us-west");
    let said = said.says("stopped after wave 1 of 3").says("run again");
    assert!(!said.stderr.contains("wave 2 of 3: "), "{}", said.stderr);
    assert!(said.stdout.contains("the sync stopped after wave 1 of 3"), "{}", said.stdout);
    nothing_for_callers(&fakes.generated(), &["payments-us-east", "retail-us-west"]);
    assert!(fakes.generated()["edge-us-west"].contains_key("ServiceEntry/prod.covers.global-se"), "nothing is removed");

    // The next run shows it.
    fakes.mesh(&IN_WAVES).exits(0);
    fakes.mesh(&["plan"]).exits(0).says("No changes.");
    assert!(!fakes.generated()["edge-us-west"].contains_key("ServiceEntry/prod.covers.global-se"));
}

#[test]
fn a_cluster_that_goes_out_of_sight_stops_the_next_wave() {
    let start = Start::bookstore();
    let fakes = start.fleet();
    let [edge, payments] = ["edge-us-west", "payments-us-east"].map(|name| fakes.fleet.server(name));
    edge.fault(Fault::new(Verb::Create, Ill::Wait).at("/namespaces/mesh-sync/").first(1));
    let mut child = fakes.start_heard(&IN_WAVES);
    wait_for(&mut child, "the first write", || !edge.writes().is_empty());
    // Who it is: nobody writing asks that.
    payments.fault(Fault::new(Verb::Any, Ill::Status(503)).at("kube-system"));
    edge.heal();
    let said =
        Said::of(&child.wait_with_output().unwrap()).exits(3).says("payments-us-east was seen before and is not now");
    assert!(!said.stderr.contains("wave 2 of 3: "), "{}", said.stderr);
    nothing_for_callers(&fakes.generated(), &["payments-us-east", "retail-us-west"]);
    payments.heal();
    fakes.mesh(&IN_WAVES).exits(0);
    assert_eq!(fakes.generated(), start.undisturbed(&SYNC).0);
}

#[test]
fn a_wave_that_is_not_written_whole_is_the_last() {
    let start = Start::bookstore();
    let fakes = start.fleet();
    let edge = fakes.fleet.server("edge-us-west");
    edge.fault(Fault::new(Verb::Create, Ill::Forbidden).at("/destinationrules").first(1));
    let said = fakes.mesh(&IN_WAVES).exits(3).says("stopped after wave 1 of 3");
    let said = said.says("are left in payments-us-east, retail-us-west");
    assert!(!said.stderr.contains("wave 2 of 3: "), "{}", said.stderr);
    nothing_for_callers(&fakes.generated(), &["payments-us-east", "retail-us-west"]);
    edge.heal();
    let (wanted, _) = start.undisturbed(&SYNC);
    fakes.mesh(&IN_WAVES).exits(0);
    assert_eq!(fakes.generated(), wanted);
}

#[test]
fn what_a_caller_loses_goes_in_its_wave_and_what_served_goes_last() {
    let (full, _) = Start::bookstore().undisturbed(&SYNC);
    let start = Start::bookstore().holding(&full);
    let fakes = start.fleet();
    let [edge, payments, retail] =
        ["edge-us-west", "payments-us-east", "retail-us-west"].map(|name| fakes.fleet.server(name));
    // Only the edge calls covers. Payments lacks an entry of a name that it calls, so that there is a second wave.
    assert!(retail.remove(Kind::Deployment, "catalogue", "covers"));
    let mut called =
        full["payments-us-east"].iter().filter(|(name, entry)| name.starts_with("ServiceEntry/") && !leads_home(entry));
    let (called, _) = called.next_back().unwrap();
    assert!(payments.remove(Kind::ServiceEntry, "mesh-sync", called.trim_start_matches("ServiceEntry/")));
    let covers = |cluster: &str| fakes.generated()[cluster].contains_key("ServiceEntry/prod.covers.global-se");

    edge.fault(Fault::new(Verb::Delete, Ill::Forbidden));
    fakes.mesh(&IN_WAVES).says("stopped after wave 1 of 2: ").says("are left in payments-us-east, retail-us-west");
    assert!(covers("edge-us-west") && covers("retail-us-west"));
    edge.heal();
    fakes.mesh(&IN_WAVES).exits(0);
    assert!(!covers("edge-us-west") && !covers("retail-us-west"));
    fakes.mesh(&["plan"]).exits(0).says("No changes.");
}

/// Every entry that these clusters hold leads to a Service of their own.
fn nothing_for_callers(generated: &Generated, clusters: &[&str]) {
    for cluster in clusters {
        let entries = generated[*cluster].iter().filter(|(name, _)| name.starts_with("ServiceEntry/"));
        let mut some = 0;
        for (name, entry) in entries {
            assert!(leads_home(entry), "{cluster}: {name}: {entry}");
            some += 1;
        }
        assert!(some > 0, "{cluster}: the names that it serves are written");
    }
}

fn leads_home(entry: &Value) -> bool {
    let endpoints = entry["spec"]["endpoints"].as_array().unwrap();
    endpoints.iter().any(|endpoint| endpoint["address"].as_str().unwrap().ends_with(".svc.cluster.local"))
}
