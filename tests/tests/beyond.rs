//! What lies beyond a change, or a name, and matters all the same, by hand: a run that watches plans a part of the fleet, and
//! one for some names reads a part of it, which must have it. Generated fleets hardly ever come to this; law L7 judges them
//! too.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_model::facts::ClusterFacts;
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::kind::Kind;
use mesh_model::policy::MeshPolicy;
use mesh_plan::apply_model::apply;
use mesh_plan::concern::beyond;
use mesh_plan::laws::{
    Given, Lost, Planner, a_change_concerns_all_that_it_changes, unsee, workloads_beyond_do_not_matter,
};
use mesh_testkit::build::{ClusterBuilder, at, cluster, cluster_name, fleet, key, policy};

/// Checks law L7 for a change from one view of a fleet to the next, of which something must be written.
fn check(before: &FleetSnapshot, after: &FleetSnapshot) {
    let policy = policy();
    let given = Given { fleet: before, policy: &policy, now: at(1_700_000_000) };
    let steps = a_change_concerns_all_that_it_changes(given, after).unwrap();
    assert!(steps.is_some_and(|steps| steps > 0), "it concerns few names, and something is written: {steps:?}");
}

/// The fleet once everything is written.
fn synced(fleet: &FleetSnapshot) -> FleetSnapshot {
    apply(fleet, &Planner::REAL.all(fleet, &policy(), at(1_700_000_000)))
}

fn c1() -> ClusterBuilder {
    cluster("c1").region("west").gateway("g1.example")
}

fn entry(fleet: &FleetSnapshot, host: &str) -> Arc<str> {
    Arc::clone(&fleet.facts("c1").unwrap().owned[&key(Kind::ServiceEntry, "mesh-sync", &format!("{host}-se"))].spec)
}

fn address(fleet: &FleetSnapshot, host: &str) -> String {
    let spec: serde_json::Value = serde_json::from_str(&entry(fleet, host)).unwrap();
    spec["addresses"][0].as_str().unwrap().to_owned()
}

/// `fleet` with another address in what c1 holds on `host`.
fn with_address(mut fleet: FleetSnapshot, host: &str, address: &str) -> FleetSnapshot {
    let was = self::address(&fleet, host);
    let Some(ClusterView::Seen(facts)) = fleet.members.get_mut("c1") else { panic!("c1 is seen") };
    let object =
        Arc::make_mut(facts).owned.get_mut(&key(Kind::ServiceEntry, "mesh-sync", &format!("{host}-se"))).unwrap();
    object.spec = object.spec.replace(&was, address).into();
    fleet
}

/// `fleet` with the facts of `cluster` in c1, and what c1 holds.
fn with_facts(mut fleet: FleetSnapshot, cluster: ClusterBuilder) -> FleetSnapshot {
    let Some(ClusterView::Seen(facts)) = fleet.members.get_mut("c1") else { panic!("c1 is seen") };
    let owned = facts.owned.clone();
    *facts = Arc::new(ClusterFacts { owned, ..cluster.facts() });
    fleet
}

#[test]
fn an_address_that_another_name_has_is_taken() {
    let both = || c1().serves("shop", "a", "a", "stage").serves("shop", "b", "b", "stage");
    let wanted = address(&synced(&fleet([both()])), "stage.b.global");
    let alone = synced(&fleet([c1().serves("shop", "a", "a", "stage")]));
    let before = with_address(alone, "stage.a.global", &wanted);
    check(&before, &with_facts(before.clone(), both()));
}

#[test]
fn of_two_names_with_one_address_the_one_that_keeps_it_counts() {
    let with_port =
        |port| c1().serves("shop", "a", "a", "stage").deployment("shop", "b", "b", "stage").service("shop", "b", port);
    let live = synced(&fleet([with_port(80)]));
    let kept = address(&live, "stage.a.global");
    let before = with_address(live, "stage.b.global", &kept);
    check(&before, &with_facts(before.clone(), with_port(8080)));
}

#[test]
fn who_calls_an_identity_that_may_share_the_host_is_no_stranger() {
    let c1 = |port| c1().deployment("shop", "checkout", "checkout", "stage").service("shop", "checkout", port);
    let all = fleet([
        c1(80),
        cluster("c2").region("east").calls("web", "storefront", "storefront", &["Checkout"]),
        cluster("c3").region("east").serves("shop", "checkout", "Checkout", "stage"),
    ]);
    let live = synced(&all);
    assert_eq!(live.facts("c2").unwrap().owned.len(), 2, "c2 calls the host");
    // Its Dependencies are still seen: it is the callee that may be hidden.
    let kinds = [Kind::Deployment, Kind::ServiceEntry].map(|kind| (kind, false));
    let lost = Lost { kinds: [(cluster_name("c3"), kinds.into())].into(), ..Lost::default() };
    let before = unsee(&live, &lost);
    check(&before, &with_facts(before.clone(), c1(8080)));
}

/// Everybody but who is named: too many.
fn everybody_else<'i>(
    _: &[&ClusterFacts],
    _: &MeshPolicy,
    names: &[String],
    identities: &'i BTreeSet<String>,
) -> BTreeSet<&'i str> {
    identities.iter().filter(|identity| !names.contains(identity)).map(String::as_str).collect()
}

#[test]
fn who_meets_or_calls_a_name_is_not_left_out_for_it() {
    let stranger = || cluster("c9").region("north").serves("far", "away", "away", "stage");
    let serves =
        |name, identity, env| cluster(name).region("east").gateway("g.example").serves("shop", "s", identity, env);
    let callers =
        [serves("c2", "checkout", "stage"), cluster("c3").region("west").calls("web", "w", "w", &["checkout"])];
    let cases = [
        ("checkout", Vec::from(callers)),
        ("checkout", vec![serves("c2", "checkout", "stage").serves("pay", "t", "Checkout", "stage")]),
        ("b", vec![serves("c2", "a.b", "stage").serves("pay", "t", "b", "stage.a")]),
    ];
    for (name, clusters) in cases {
        let (fleet, policy) = (fleet(clusters.into_iter().chain([stranger()])), policy());
        let given = Given { fleet: &fleet, policy: &policy, now: at(1_700_000_000) };
        let names = [name.to_owned()];
        assert_eq!(workloads_beyond_do_not_matter(beyond, given, &names), Ok(1), "{name}: the stranger");
        assert!(workloads_beyond_do_not_matter(everybody_else, given, &names).is_err(), "{name} in {fleet:?}");
    }
}
