//! Who gets how much: regions, weights, failover, and gateways that keep traffic.

use std::collections::BTreeMap;

use mesh_testkit::rig::{Load, Who};
use serde_json::{Value, json};

use crate::Test;
use crate::fleet::Fleet;
use crate::routes::serves;

pub(crate) const TESTS: &[Test] = &[
    ("shares::gateways_of_two_sources_in_one_region_keep_what_they_get", gateways_keep_what_they_get),
    ("shares::weights_are_kept_from_every_region", weights_are_kept_from_every_region),
    ("shares::prefix_hosts_reach_their_region_only", prefix_hosts_reach_their_region_only),
    ("shares::the_nearest_source_serves_until_it_fails", the_nearest_source_serves_until_it_fails),
];

/// How many requests a share is measured with, and how far off it may be, in percent.
const REQUESTS: usize = 2_000;
const TOLERANCE: f64 = 2.0;

/// Two sources in one region: clients use both, and each gateway hands what comes to the workloads of its own cluster (D12).
fn gateways_keep_what_they_get(fleet: &Fleet) {
    for source in ["c1", "c4"] {
        fleet.serve(source, "twins");
    }
    fleet.call("c2", "twins-client", "twins");
    fleet.run();
    fleet.sync(&["twins"]);
    let (rig, host) = (&fleet.rig, "stage.twins.global");

    let seen = rig.cluster("c2").probe(&Who::sidecar("twins-client"), host);
    let upstream = seen.only("outbound|80||stage.twins.global");
    assert_eq!(upstream.addresses(), ["198.18.0.101:15443", "198.18.0.104:15443"]);
    assert!(upstream.endpoints.iter().all(|endpoint| endpoint.priority == 0), "{upstream:?}");
    let local = ["twins.twins.svc.cluster.local:80"];
    serves(rig, "c1", host, &local);
    serves(rig, "c4", host, &local);
    // A gateway that asks for all networks would hand half of it on: why the finding is an error.
    let careless = rig.cluster("c1").probe(&Who::gateway(None), host);
    let relayed = careless.only("outbound_.80_._.stage.twins.global").addresses();
    assert_eq!(relayed, ["198.18.0.104:15443", "twins.twins.svc.cluster.local:80"]);

    let load = fleet.load("c2", "twins-client", host, 400);
    assert_eq!(load.failed, []);
    assert!(load.percent("c1/twins/twins") > 30.0 && load.percent("c4/twins/twins") > 30.0, "{load:?}");
}

/// A policy with weights: every region's clients get its shares, also those in a region of a source.
fn weights_are_kept_from_every_region(fleet: &Fleet) {
    for source in ["c1", "c3"] {
        fleet.serve(source, "scales");
    }
    for client in ["c1", "c2"] {
        fleet.call(client, "scales-client", "scales");
    }
    fleet.share("c1", "scales", &json!([failover("default", &[("us-east-1", 80), ("us-south-1", 20)])]));
    fleet.run();
    fleet.sync(&["scales"]);
    for client in ["c1", "c2"] {
        let load = fleet.load(client, "scales-client", "stage.scales.global", REQUESTS);
        shared(&load, &[("c1/scales/scales", 80.0), ("c3/scales/scales", 20.0)]);
    }
}

/// Three clusters, and a host for each of two regions beside the name.
fn prefix_hosts_reach_their_region_only(fleet: &Fleet) {
    for source in ["c1", "c2", "c3"] {
        fleet.serve(source, "books");
    }
    fleet.call("c4", "reader", "books");
    let regions = |east, west| [("us-east-1", east), ("us-west-2", west)];
    let policy = json!([
        failover("default", &[("us-east-1", 50), ("us-west-2", 30), ("us-south-1", 20)]),
        failover("east", &regions(100, 0)),
        failover("west", &regions(0, 100)),
    ]);
    fleet.share("c1", "books", &policy);
    fleet.run();
    fleet.sync(&["books"]);
    let all = [("c1/books/books", 50.0), ("c2/books/books", 30.0), ("c3/books/books", 20.0)];
    shared(&fleet.load("c4", "reader", "stage.books.global", REQUESTS), &all);
    shared(&fleet.load("c4", "reader", "east.stage.books.global", 200), &[("c1/books/books", 100.0)]);
    shared(&fleet.load("c4", "reader", "west.stage.books.global", 200), &[("c2/books/books", 100.0)]);
}

/// Without weights the nearest source serves, the others stand by: when it dies, they take over.
fn the_nearest_source_serves_until_it_fails(fleet: &Fleet) {
    for source in ["c1", "c2"] {
        fleet.serve(source, "lamp");
    }
    fleet.call("c2", "lamp-client", "lamp");
    fleet.share(
        "c1",
        "lamp",
        &json!([{"dnsPrefix": "default", "lbType": 0, "outlier_detection": {
            "base_ejection_time": 300, "consecutive_gateway_errors": 3, "interval": 5,
        }}]),
    );
    fleet.run();
    fleet.sync(&["lamp"]);
    let host = "stage.lamp.global";
    shared(&fleet.load("c2", "lamp-client", host, 200), &[("c2/lamp/lamp", 100.0)]);

    let near = fleet.rig.cluster("c2").pod("lamp/lamp");
    near.kill_app();
    let after = fleet.load("c2", "lamp-client", host, 200);
    near.start_again();
    assert!(after.failed.len() < 10, "three errors and what was under way: {:?}", after.failed);
    assert!(after.served.contains_key("c1/lamp/lamp"), "{after:?}");
    assert!(!after.served.contains_key("c2/lamp/lamp"), "{after:?}");
}

/// An item of a policy that shares by weight.
pub(crate) fn failover(prefix: &str, regions: &[(&str, u32)]) -> Value {
    let targets: Vec<Value> =
        regions.iter().map(|(region, weight)| json!({"region": region, "weight": weight})).collect();
    json!({"dnsPrefix": prefix, "lbType": 1, "target": targets})
}

/// Asserts that every request was served, and by whom, within the tolerance.
#[track_caller]
fn shared(load: &Load, wanted: &[(&str, f64)]) {
    assert_eq!(load.failed, []);
    let wanted: BTreeMap<&str, f64> = wanted.iter().copied().collect();
    assert!(load.served.keys().all(|server| wanted.contains_key(server.as_str())), "{load:?}");
    for (server, percent) in wanted {
        assert!((load.percent(server) - percent).abs() <= TOLERANCE, "{server}: {percent} % of {load:?}");
    }
}
