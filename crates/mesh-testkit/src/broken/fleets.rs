//! The fixed fleets on which broken planners are found out.

use std::sync::Arc;

use jiff::Timestamp;
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::kind::Kind;
use mesh_plan::apply_model::apply;
use mesh_plan::laws::Planner;

use crate::build::{ClusterBuilder, at, cluster, failover, fleet, foreign, policy, topology, traffic_policy};

/// When the fixed fleets are planned.
pub(super) fn now() -> Timestamp {
    at(1_700_000_000)
}

/// Two clusters that serve, one that calls, a second name that one serves and the other calls.
pub(super) fn fresh() -> FleetSnapshot {
    fleet([west(), east(), client()])
}

/// The same, written by the real planner.
pub(super) fn settled() -> FleetSnapshot {
    let fresh = fresh();
    apply(&fresh, &Planner::REAL.all(&fresh, &policy(), now()))
}

/// Settled, then the workload of the western cluster and the caller's Dependency went.
pub(super) fn shrunk() -> FleetSnapshot {
    with_owned_of(&settled(), [west_without_checkout(), east(), client()])
}

/// Settled, then the eastern cluster got out of sight and the western one lost its workload.
pub(super) fn shrunk_in_part() -> FleetSnapshot {
    with_owned_of(&settled(), [west_without_checkout(), east().unseen("marked by .unseen"), client()])
}

/// Fresh, but somebody has an object of our name in the client.
pub(super) fn taken() -> FleetSnapshot {
    let theirs = foreign(Kind::ServiceEntry, "mesh-sync", "stage.checkout.global-se", &["other.example"]);
    fleet([west(), east(), client().foreign(theirs)])
}

/// Fresh, but the caller's needs are spread over several Dependencies.
pub(super) fn many_dependencies() -> FleetSnapshot {
    let client =
        client().dependency("web", "more", "cart", &["ledger"]).dependency("web", "most", "cart", &["checkout"]);
    let client = client.dependency("admiral", "dep-cart", "nobody", &[]);
    fleet([west(), east(), client])
}

/// Settled, then one more cluster serves.
pub(super) fn grown() -> FleetSnapshot {
    let north = cluster("c4").region("north").gateway("g4.example").serves("shop", "checkout", "checkout", "stage");
    with_owned_of(&settled(), [west(), east(), client(), north])
}

fn west() -> ClusterBuilder {
    west_without_checkout().serves("shop", "checkout", "checkout", "stage").traffic_policy(traffic_policy(
        "shop",
        "checkout",
        "checkout",
        "stage",
        [failover("default", &[("west", 70), ("east", 30)]), topology("canada", &[("west", 100)])],
    ))
}

fn west_without_checkout() -> ClusterBuilder {
    cluster("c1").region("west").gateway("g1.example").serves("pay", "ledger", "ledger", "stage")
}

fn east() -> ClusterBuilder {
    cluster("c2")
        .region("east")
        .gateway("g2.example")
        .serves("shop", "checkout", "checkout", "stage")
        .depends("checkout", &["ledger"])
}

/// Its name comes first, so that what is written by name is written to it first.
fn client() -> ClusterBuilder {
    cluster("a-client").region("west").gateway("g3.example").calls("web", "cart", "cart", &["checkout", "ledger"])
}

/// A fleet that holds the generated objects of another.
fn with_owned_of(other: &FleetSnapshot, clusters: impl IntoIterator<Item = ClusterBuilder>) -> FleetSnapshot {
    let mut fleet = fleet(clusters);
    for (name, view) in &mut fleet.members {
        if let (ClusterView::Seen(facts), Some(held)) = (view, other.facts(name)) {
            Arc::make_mut(facts).owned = held.owned.clone();
        }
    }
    fleet
}
