//! `sync --cluster` writes some clusters of a fleet, and leads nobody to a source among the others that is not written
//! yet (law L10).

use std::collections::BTreeSet;

use super::on_fakes::{Generated, Start};

#[test]
fn nobody_is_led_to_a_new_source_that_the_run_leaves_out() {
    let start = Start::bookstore();
    let fakes = start.fleet();
    let said = fakes.mesh(&["sync", "--yes", "--cluster", "edge-*"]).exits(3);
    let said = said.says("source cluster retail-us-west was not written");
    assert!(said.stderr.is_empty(), "{}", said.stderr);
    assert_eq!(led_to(&fakes.generated(), "edge-us-west"), ["api-gateway.edge.svc.cluster.local".to_owned()].into());

    // A source among others: it serves, and hears of the other one later.
    fakes
        .mesh(&["sync", "--yes", "--cluster", "retail-*"])
        .exits(3)
        .says("written without what leads to source cluster");
    let home = led_to(&fakes.generated(), "retail-us-west");
    assert!(!home.is_empty() && home.iter().all(|address| address.ends_with(".svc.cluster.local")), "{home:?}");

    // What was left out, in turn; then everybody is led everywhere.
    fakes.mesh(&["sync", "--yes", "--cluster", "payments-*"]).exits(0);
    fakes.mesh(&["sync", "--yes", "--cluster", "edge-*,retail-*"]).exits(0);
    assert_eq!(fakes.generated(), start.undisturbed(&["sync", "--yes"]).0);
}

/// The addresses of all endpoints that a cluster holds.
fn led_to(generated: &Generated, cluster: &str) -> BTreeSet<String> {
    let endpoints = generated[cluster].values().filter_map(|object| object["spec"]["endpoints"].as_array()).flatten();
    endpoints.map(|endpoint| endpoint["address"].as_str().unwrap().to_owned()).collect()
}
