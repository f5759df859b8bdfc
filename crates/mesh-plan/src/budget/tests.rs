use std::collections::BTreeMap;

use mesh_model::facts::{ClusterFacts, Dependency, ForeignObject, WorkloadKind};
use mesh_model::fleet::ClusterView;
use mesh_model::name::{Identity, Namespace};
use mesh_model::origin::Origin;
use mesh_model::owned::ObjectKey;

use super::*;
use crate::desired::{Body, DesiredObject};
use crate::lookup::fixture::{cluster, host, workload};

const HOST: &str = "stage.checkout.global";

fn key() -> ObjectKey {
    ObjectKey {
        kind: Kind::ServiceEntry,
        namespace: Namespace::parse("mesh-sync").unwrap(),
        name: "stage.checkout.global-se".into(),
    }
}

/// A spec with an endpoint of each cluster, and its origins.
fn entry(clusters: &[&str]) -> (Arc<str>, Arc<Origins>) {
    let mut origins = Origins::default();
    let mut addresses = Vec::new();
    for name in clusters {
        let address = format!("{name}-gw.example.");
        let origin = Origin { cluster: cluster(name), kind: Kind::Service, name: "shop/checkout".into() };
        origins.add(origin, Part::Endpoint(address.as_str().into()));
        addresses.push(serde_json::json!({"address": address}));
    }
    (serde_json::json!({"hosts": [HOST], "endpoints": addresses}).to_string().into(), Arc::new(origins))
}

/// The origins of [`entry`] for one cluster whose gateway has another address.
fn renamed(from: &str, to: &str) -> Arc<Origins> {
    let mut origins = Origins::default();
    let origin = Origin { cluster: cluster("c1"), kind: Kind::Service, name: "shop/checkout".into() };
    origins.add(origin, Part::Endpoint("c1-gw.example.".replace(from, to).into()));
    Arc::new(origins)
}

fn owned(clusters: &[&str]) -> Arc<OwnedObject> {
    let (spec, origins) = entry(clusters);
    Arc::new(OwnedObject {
        created: None,
        uid: None,
        version: "1".into(),
        mark: Mark::Ours,
        spec,
        labels: Arc::default(),
        annotations: Arc::default(),
        origins,
        from_text: None,
        changed_by: None,
    })
}

fn body(clusters: &[&str]) -> Arc<Body> {
    let (spec, origins) = entry(clusters);
    Arc::new(Body { key: key(), labels: Arc::default(), annotations: Arc::default(), spec, origins, from_text: None })
}

fn step(at: &str, role: Role, class: Class, action: Action) -> Step {
    Step {
        cluster: cluster(at),
        key: key(),
        host: Some(host(HOST)),
        base: Some(host(HOST)),
        identity: Some(Identity::parse("checkout").unwrap()),
        role: Some(role),
        is_called: true,
        action,
        class,
        because: vec![Because::whole("nobody serves it", vec![])],
    }
}

fn delete(at: &str, endpoints: &[&str]) -> Step {
    step(at, Role::Client, Class::RemovesTraffic, Action::Delete { base: owned(endpoints) })
}

/// What is desired when only these clusters hold the host, each with these endpoints.
fn desired(objects: &[(&str, &[&str])]) -> Desired {
    let object = |endpoints: &[&str]| DesiredObject {
        body: body(endpoints),
        host: host(HOST),
        base: host(HOST),
        identity: Identity::parse("checkout").unwrap(),
        role: Role::Client,
        is_called: true,
        role_because: Arc::new(Because::whole("x", vec![])),
        because: Arc::default(),
        held: Vec::new(),
    };
    let objects =
        objects.iter().map(|(at, endpoints)| (cluster(at), BTreeMap::from([(key(), object(endpoints))]))).collect();
    Desired { objects, ..Desired::default() }
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan { steps, ..Plan::default() }
}

fn texts(removals: &BTreeSet<Removal>) -> Vec<String> {
    removals.iter().map(ToString::to_string).collect()
}

/// cart runs in c2 and depends on checkout.
fn fleet_with_a_caller() -> FleetSnapshot {
    let facts = ClusterFacts {
        workloads: vec![workload(WorkloadKind::Deployment, "web", "cart", "cart")],
        dependencies: vec![Dependency {
            namespace: Namespace::parse("web").unwrap(),
            name: "cart".into(),
            source: "cart".into(),
            destinations: vec!["checkout".into()],
        }],
        ..ClusterFacts::default()
    };
    let members = BTreeMap::from([(cluster("c2"), ClusterView::Seen(Arc::new(facts)))]);
    FleetSnapshot { members, ..FleetSnapshot::default() }
}

#[test]
fn the_default_is_a_tenth_between_three_and_fifty() {
    assert_eq!([0, 29, 45, 500, 9_000].map(default_max_removals), [3, 3, 4, 50, 50]);
}

#[test]
fn an_endpoint_that_goes_counts_once_and_not_once_a_copy() {
    let copies = (1..=40).map(|n| delete(&format!("c{n}"), &["c1"])).collect();
    assert_eq!(
        texts(&removals(&plan(copies), &desired(&[]))),
        ["stage.checkout.global is not served from c1 any more"]
    );
}

#[test]
fn a_host_that_is_withdrawn_from_a_client_counts_once_a_cluster() {
    let still = desired(&[("c1", &["c1"])]);
    assert_eq!(
        texts(&removals(&plan(vec![delete("c2", &["c1"]), delete("c3", &["c1"])]), &still)),
        ["stage.checkout.global is withdrawn from c2", "stage.checkout.global is withdrawn from c3"]
    );
}

#[test]
fn a_changed_port_counts_once_a_host_and_an_addition_not_at_all() {
    let change = |at: &str, class| {
        let action = Action::Update { base: owned(&["c1"]), body: body(&["c1"]) };
        step(at, Role::Client, class, action)
    };
    let still = desired(&[("c1", &["c1"])]);
    let two = plan(vec![change("c1", Class::RemovesTraffic), change("c2", Class::RemovesTraffic)]);
    assert_eq!(texts(&removals(&two, &still)), ["stage.checkout.global is served otherwise"]);
    assert!(removals(&plan(vec![change("c1", Class::Additive)]), &still).is_empty());
}

#[test]
fn a_gateway_that_moves_takes_nothing_away() {
    let moved = |from: &str, to: &str| {
        let body = Body::clone(&body(&["c1"]));
        let body = Arc::new(Body { spec: body.spec.replace(from, to).into(), origins: renamed(from, to), ..body });
        step("c2", Role::Client, Class::RemovesTraffic, Action::Update { base: owned(&["c1"]), body })
    };
    let still = desired(&[("c1", &["c1"])]);
    assert_eq!(texts(&removals(&plan(vec![moved("c1-gw", "c1-new-gw")]), &still)), Vec::<String>::new());
}

#[test]
fn one_of_two_endpoints_of_a_cluster_that_goes_counts() {
    let two = OwnedObject::clone(&owned(&["c1"]));
    let mut origins = Origins::clone(&two.origins);
    let origin = Origin { cluster: cluster("c1"), kind: Kind::Service, name: "other/checkout".into() };
    origins.add(origin, Part::Endpoint("c1-other.example.".into()));
    let spec = two.spec.replace("\"endpoints\":[", "\"endpoints\":[{\"address\":\"c1-other.example.\"},").into();
    let base = Arc::new(OwnedObject { spec, origins: Arc::new(origins), ..two });
    let action = Action::Update { base, body: body(&["c1"]) };
    let goes = plan(vec![step("c1", Role::Source, Class::RemovesTraffic, action)]);
    let removed = removals(&goes, &desired(&[("c1", &["c1"])]));
    assert_eq!(texts(&removed), ["stage.checkout.global is not served from c1 any more"]);
}

#[test]
fn an_endpoint_without_origin_is_told_by_its_address() {
    let mut object = OwnedObject::clone(&owned(&["c1"]));
    object.origins = Arc::default();
    let one = step("c2", Role::Client, Class::RemovesTraffic, Action::Delete { base: Arc::new(object) });
    let removed = removals(&plan(vec![one.clone()]), &desired(&[]));
    assert_eq!(texts(&removed), ["stage.checkout.global is not served from c1-gw.example. any more"]);
    // The address is served still: only the exposure goes.
    let exposure = removals(&plan(vec![one]), &desired(&[("c1", &["c1"])]));
    assert_eq!(texts(&exposure), ["stage.checkout.global is withdrawn from c2"]);
}

#[test]
fn the_last_endpoint_of_a_name_with_clients_needs_leave() {
    let going = plan(vec![delete("c1", &["c1"]), delete("c2", &["c1"])]);
    let fleet = fleet_with_a_caller();
    let last = |desired: &Desired, fleet: &FleetSnapshot, allowed: &[&str]| {
        let allowed: Vec<String> = allowed.iter().map(|glob| (*glob).to_owned()).collect();
        last_endpoints(&going, desired, fleet, &allowed).len()
    };
    assert_eq!(last(&desired(&[]), &fleet, &[]), 1);
    for leave in ["checkout", HOST, "stage.*"] {
        assert_eq!(last(&desired(&[]), &fleet, &[leave]), 0, "{leave}");
    }
    assert_eq!(last(&desired(&[]), &fleet, &["payments"]), 1);
    assert_eq!(last(&desired(&[]), &FleetSnapshot::default(), &[]), 0, "nobody calls it");
    assert_eq!(last(&desired(&[("c3", &["c3"])]), &fleet, &[]), 0, "it is served elsewhere");
}

#[test]
fn held_removals_keep_new_clients_from_sources_that_wait() {
    let source = step(
        "c1",
        Role::Source,
        Class::RemovesTraffic,
        Action::Update { base: owned(&["c1", "c2"]), body: body(&["c1"]) },
    );
    let client = step("c5", Role::Client, Class::Additive, Action::Create { body: body(&["c1"]) });
    let mut held = plan(vec![source, client.clone()]);
    assert_eq!(hold_removals(&mut held, "too many", |_| true), 2);
    assert!(held.is_empty());
    assert_eq!(&*held.steps[0].because[0].rule, "too many");
    assert!(
        matches!(&held.steps[0].action, Action::Hold { instead_of } if instead_of == "change endpoints/c2-gw.example.")
    );

    let mut additive = plan(vec![client, delete("c6", &["c1"])]);
    assert_eq!(hold_removals(&mut additive, "too many", |_| true), 1);
    assert!(additive.steps[0].is_write(), "additions are written");
}

#[test]
fn beside_admiral_only_clusters_with_its_objects_wait() {
    let foreign = ForeignObject {
        key: key(),
        hosts: vec![],
        addresses: vec![],
        home_ports: vec![],
        made_by: Some("admiral".into()),
        created: None,
    };
    let runs = ClusterFacts { admiral: Some("admiral/admiral".into()), ..ClusterFacts::default() };
    let holds = ClusterFacts { foreign: vec![foreign], ..ClusterFacts::default() };
    let seen = |facts: &ClusterFacts| ClusterView::Seen(Arc::new(facts.clone()));
    let members = BTreeMap::from([(cluster("c1"), seen(&runs)), (cluster("c2"), seen(&holds))]);
    let mut fleet = FleetSnapshot { members, ..FleetSnapshot::default() };
    let make = || plan(vec![delete("c1", &["c1"]), delete("c2", &["c1"])]);
    let mut held = make();
    assert_eq!(hold_beside_admiral(&mut held, &fleet), 1);
    assert!(held.steps[0].is_write() && !held.steps[1].is_write());
    fleet.members.remove("c1");
    assert_eq!(hold_beside_admiral(&mut make(), &fleet), 0, "nobody runs Admiral");
}
