//! `sync --watch`: what changes is written within a moment, by however many runs watch; what breaks removes nothing.

#![expect(clippy::print_stdout, reason = "figures for people; none is asserted")]

use std::time::{Duration, Instant};

use mesh_model::kind::Kind;
use mesh_testkit::apiserver::{ApiServer, Fault, Ill, Verb};

use super::on_clusters::OnClusters;
use super::watched::{Fake, dependency, workload};
use super::watching::{Watching, until, until_or};
use mesh_tests::example;

const PAYMENTS: &str = "payments-us-east";
const RETAIL: &str = "retail-us-west";

#[test]
fn what_changes_is_written_at_once_and_nothing_else_ever() {
    let fake = Fake::bookstore();
    let writes = fake.writes();
    let watching = fake.watch(&[]);
    let quiet = Instant::now();
    until("some seconds without a change", || quiet.elapsed() > Duration::from_secs(4));
    assert_eq!(fake.writes(), writes, "an idle fleet is not written:\n{}", watching.said());

    fake.server(RETAIL).put(dependency("orders", "orders", &["gifts".to_owned()]));
    let start = Instant::now();
    for object in workload("payments", "gifts") {
        fake.server(PAYMENTS).put(object);
    }
    // The source, and the cluster of the client.
    until_or("gifts is known", || fake.holders("prod.gifts.global") == 2, || watching.said());
    let took = start.elapsed();
    println!("from a Deployment to its ServiceEntries in 2 clusters: {took:.0?}");
    watching.says("for prod.gifts.global");
    fake.mesh(&["plan"]).exits(0).says("No changes");

    // A workload goes: its name with it, once its last client is gone too.
    assert!(fake.server(PAYMENTS).remove(Kind::Deployment, "payments", "gifts"));
    watching.says("--allow-last prod.gifts.global");
    assert_eq!(fake.holders("prod.gifts.global"), 2, "the last endpoint of a name with clients stays");
    assert!(fake.server(RETAIL).remove(Kind::Dependency, "orders", "orders-more"));
    until_or("gifts is gone", || fake.holders("prod.gifts.global") == 0, || watching.said());

    // Somebody edits what is generated.
    let (name, retail) = ("prod.payments.global-se", fake.server(RETAIL));
    let before = retail.object(Kind::ServiceEntry, "mesh-sync", name).unwrap();
    let mut edited = before.clone();
    edited["spec"]["endpoints"][0]["address"] = "gw.elsewhere.example.".into();
    retail.put(edited);
    let repaired = || retail.object(Kind::ServiceEntry, "mesh-sync", name).unwrap()["spec"] == before["spec"];
    until_or("the edit is repaired, once our facts are known to be newer", repaired, || watching.said());

    assert!(watching.figure("kubectl_mesh_rounds_total") >= 4);
    assert_eq!(watching.figure("kubectl_mesh_members_unseen"), 0);
    let (exit, took, said) = watching.stop();
    assert_eq!(exit, Some(0), "{said}");
    assert!(took < Duration::from_secs(3), "it took {took:?} to end");
    assert!(said.lines().last().unwrap().starts_with("stopped: "), "{said}");
}

#[test]
fn a_watching_run_holds_two_connections_to_a_cluster() {
    let fake = Fake::bookstore();
    let watching = fake.watch(&[]);
    let kinds = || fake.server(PAYMENTS).in_flight();
    until_or("every kind is watched", || kinds() > 15, || watching.said());
    // What was connected while it was not known yet that one is enough goes away.
    let most = || fake.fleet.servers().map(|(_, server)| server.connections()).max().unwrap();
    until_or("one for watches, one for the rest", || most() <= 2, || format!("{} connections", most()));
    assert!(kinds() > 15, "all of them are watched still");
    assert_eq!(watching.stop().0, Some(0));
}

#[test]
fn a_watch_that_breaks_removes_nothing_and_goes_on_where_it_was() {
    // Each kind of the cluster is struck about twice; a watch that is never answered costs a whole timeout.
    for (ill, times) in [(Ill::Reset, 40), (Ill::Gone, 40), (Ill::Status(503), 40), (Ill::Hang, 15)] {
        let fake = Fake::bookstore();
        let entries = |fake: &Fake| -> usize {
            fake.fleet.servers().map(|(_, server)| server.objects(Kind::ServiceEntry).len()).sum()
        };
        let before = entries(&fake);
        let payments = fake.server(PAYMENTS);
        payments.fault(Fault::new(Verb::Watch, ill.clone()).first(times));
        let watching = fake.watch(&[]);
        // That the server does not remember so far is no failure: it is listed again.
        let failed = || watching.figure("kubectl_mesh_watch_failures_total") > 0 || ill == Ill::Gone;
        until_or(&format!("{ill:?}: watches break"), failed, || watching.said());
        fake.server(RETAIL).put(dependency("orders", "orders", &["gifts".to_owned()]));
        for object in workload("payments", "gifts") {
            payments.put(object);
        }
        until_or(&format!("{ill:?}: gifts is known"), || fake.holders("prod.gifts.global") == 2, || watching.said());
        assert_eq!(entries(&fake), before + 2, "{ill:?}");
        let deletes = fake.fleet.servers().flat_map(|(_, server)| server.writes());
        assert_eq!(deletes.filter(|write| write.verb == Verb::Delete).count(), 0, "{ill:?}");
        assert_eq!(watching.stop().0, Some(0));
    }
}

#[test]
fn a_cluster_whose_watches_stay_broken_is_unseen_until_it_is_back() {
    let fake = Fake::bookstore();
    let watching = fake.watch(&[]);
    let payments = fake.server(PAYMENTS);
    payments.compact();
    payments.fault(Fault::new(Verb::Any, Ill::Reset));
    // Running watches are cut when they end; then nothing can be listed either.
    watching.says("2 of 3 members seen");
    let before = fake.holders("prod.payments.global");
    assert!(fake.server(PAYMENTS).remove(Kind::Deployment, "payments", "payments"));
    let edge = fake.server("edge-us-west");
    edge.put(workload("edge", "news")[0].clone());
    edge.put(workload("edge", "news")[1].clone());
    until_or("the others go on", || fake.holders("prod.news.global") == 1, || watching.said());
    assert_eq!(fake.holders("prod.payments.global"), before, "what is not seen is held");
    payments.heal();
    watching.says("3 of 3 members seen");
    assert_eq!(watching.stop().0, Some(0));
}

#[test]
fn what_somebody_wrote_from_newer_facts_is_left_alone() {
    let fake = Fake::bookstore();
    let payments = fake.server(PAYMENTS);
    // Ours does not hear of Deployments for a while.
    payments.fault(Fault::new(Verb::Watch, Ill::Hang).of(Kind::Deployment).first(1));
    let watching = fake.watch(&[]);
    for object in workload("payments", "gifts") {
        payments.put(object);
    }
    fake.mesh(&["sync", "--yes"]).exits(0);
    assert_eq!(fake.holders("prod.gifts.global"), 1);
    let deletes = || {
        let writes = fake.fleet.servers().flat_map(|(_, server)| server.writes());
        writes.filter(|write| write.verb == Verb::Delete).count()
    };
    // Of what it knows, the new ServiceEntry serves nobody.
    let waits = || watching.said().contains(" 2 steps wait for newer facts") || deletes() > 0;
    until_or("it would delete what was written", waits, || watching.said());
    assert_eq!(deletes(), 0, "{}", watching.said());
    let caught_up = || watching.said().ends_with(" 0 steps wait for newer facts\n");
    until_or("its facts are as new", caught_up, || watching.said());
    assert_eq!((deletes(), fake.holders("prod.gifts.global")), (0, 1), "{}", watching.said());
    assert_eq!(watching.stop().0, Some(0));
}

#[test]
fn two_watches_at_once_write_what_one_would() {
    let fake = Fake::bookstore();
    let (one, other) = (fake.watch(&[]), fake.watch(&[]));
    let before = fake.writes();
    let names: Vec<String> = (0..20).map(|n| format!("pair-{n}")).collect();
    fake.server(RETAIL).put(dependency("orders", "orders", &names));
    for name in &names {
        for object in workload("payments", name) {
            fake.server(PAYMENTS).put(object);
        }
    }
    let done = || names.iter().all(|name| fake.holders(&format!("prod.{name}.global")) == 2);
    until_or("all names are known", done, || one.said() + &other.said());
    until("nothing is in flight", || fake.mesh(&["plan"]).stdout.contains("No changes"));
    let all = fake.writes() - before;
    let objects: usize = fake.fleet.servers().map(|(_, server)| generated(server, "pair-")).sum();
    println!("two watches: {all} writes were asked for to make {objects} objects");
    // Both see a change at the same moment, and each object may be asked for by both; one of them is told that it is there.
    assert!((objects..=2 * objects).contains(&all), "{all} writes for {objects} objects");
    assert_eq!((one.stop().0, other.stop().0), (Some(0), Some(0)));
}

#[test]
fn a_burst_of_1300_changes_is_written_once_and_completely() {
    let fake = Fake::bookstore();
    let watching = fake.watch(&[]);
    let (before, start) = (fake.writes(), Instant::now());
    for n in 0..650 {
        for object in workload("payments", &format!("burst-{n}")) {
            fake.server(PAYMENTS).put(object);
        }
    }
    let done = || {
        let entries = fake.server(PAYMENTS).objects(Kind::ServiceEntry);
        entries.iter().filter(|entry| entry["metadata"]["name"].as_str().unwrap().contains("burst-")).count() == 650
    };
    until_or("all names are known", done, || watching.said());
    until("nothing is left to write", || fake.mesh(&["plan"]).stdout.contains("No changes"));
    let took = start.elapsed();
    let rounds = watching.figure("kubectl_mesh_rounds_total");
    let writes = fake.writes() - before;
    println!("1,300 changes in {rounds} rounds, {writes} writes, {took:.1?} in all");
    assert_eq!(watching.figure("kubectl_mesh_steps_total{outcome=\"moved\"}"), 0, "{}", watching.said());
    assert_eq!(writes, generated(fake.server(PAYMENTS), "burst-"), "each object is created, once");
    assert_eq!(watching.stop().0, Some(0));
}

#[test]
fn a_deployment_is_written_at_once_on_real_clusters() {
    let Some(live) = OnClusters::example("bookstore") else { return };
    let policy = example("bookstore").join("mesh.yaml");
    live.mesh(&["policy", "push", policy.to_str().unwrap(), "--yes"]).exits(0);
    let watching = Watching::start(&live.env, live.servers.kubeconfig(), &[]);
    watching.says("50 steps");
    live.mesh(&["sync", "--yes"]).exits(0).says("No changes. 3 clusters hold what they should.");
    let writes = live.writes();
    let (payments, retail) = (live.servers.cluster(PAYMENTS), live.servers.cluster(RETAIL));
    let path = "/apis/admiral.io/v1alpha1/namespaces/orders/dependencies";
    assert_eq!(retail.create(path, &dependency("orders", "orders", &["gifts".to_owned()])).0, 201);
    let [deployment, service] = workload("payments", "gifts");
    assert_eq!(payments.create("/api/v1/namespaces/payments/services", &service).0, 201);
    let start = Instant::now();
    assert_eq!(payments.create("/apis/apps/v1/namespaces/payments/deployments", &deployment).0, 201);
    let entry = "/apis/networking.istio.io/v1/namespaces/mesh-sync/serviceentries/prod.gifts.global-se";
    until_or("gifts is known", || payments.get(entry).0 == 200 && retail.get(entry).0 == 200, || watching.said());
    println!("real clusters: from a Deployment to its ServiceEntries in 2 clusters: {:.0?}", start.elapsed());
    until("nothing is left to write", || live.mesh(&["plan"]).stdout.contains("No changes"));
    println!("{} writes, the test's own 3 included", live.writes() - writes);

    assert_eq!(retail.delete(&format!("{path}/orders-more")).0, 200);
    assert_eq!(payments.delete("/apis/apps/v1/namespaces/payments/deployments/gifts").0, 200);
    until_or("gifts is gone", || payments.get(entry).0 == 404 && retail.get(entry).0 == 404, || watching.said());
    let (exit, took, said) = watching.stop();
    assert_eq!(exit, Some(0), "{said}");
    println!("ended after {took:.0?}");
}

/// Generated objects whose name has this text.
fn generated(server: &ApiServer, text: &str) -> usize {
    let objects = [Kind::ServiceEntry, Kind::DestinationRule].into_iter().flat_map(|kind| server.objects(kind));
    objects.filter(|object| object["metadata"]["name"].as_str().unwrap().contains(text)).count()
}
