//! Claims of real clusters that have no webhook: `sync` records, carries and confirms them.

use mesh_model::claim::{Claim, view};
use mesh_testkit::servers::ApiServer;
use serde_json::{Value, json};

use crate::live::{OnClusters, Said, small};

const HOST: &str = "prod.pay.global";
const NAMES: &str = "/apis/kubectl-mesh.io/v1alpha1/globalnames";
const SETS: &str = "/apis/kubectl-mesh.io/v1alpha1/globalnamesets";

/// Runs the program at a time of day.
fn at(live: &OnClusters, hour: u8, fleet: &str, args: &[&str]) -> Said {
    let mut command = live.env.mesh(args);
    command.env("KUBECONFIG", live.servers.kubeconfig()).env("MESH_FLEET", fleet).env("COLUMNS", "160");
    command.env("MESH_NOW", format!("2026-03-01T{hour:02}:00:00Z"));
    Said::of(&command.output().unwrap())
}

/// A cluster whose namespace `default` is of `owner`, and that serves the name where it is told so.
fn of(cluster: &ApiServer, owner: &str, serves: bool) {
    let labels = json!({"metadata": {"labels": {"kubectl-mesh.io/owner": owner}}});
    let (code, answer) = cluster.patch("/api/v1/namespaces/default", &labels);
    assert_eq!(code, 200, "{answer}");
    if serves {
        small::deployment(cluster, "pay");
        small::service(cluster, "pay", 8080);
    }
}

/// Who holds the name, as the cluster itself knows it.
fn holder(cluster: &ApiServer) -> Option<Claim> {
    let read = |path: &str| cluster.get(path).1["items"].as_array().unwrap().clone();
    let own = read(NAMES).into_iter().map(|object| object["spec"].clone());
    let sets = read(SETS).into_iter().flat_map(|object| object["spec"]["entries"].as_array().unwrap().clone());
    let all: Vec<Claim> = own.chain(sets).map(|claim| serde_json::from_value(claim).unwrap()).collect();
    view(all.iter().filter(|claim| &*claim.host == HOST)).cloned()
}

fn owner(cluster: &ApiServer) -> String {
    holder(cluster).expect("a claim").owner.to_string()
}

/// The addresses that callers of the name in a cluster are led to.
fn endpoints(live: &OnClusters, cluster: &str) -> Vec<String> {
    let entry = &live.generated(cluster)[&format!("serviceentries/{HOST}-se")];
    let endpoints = entry["spec"]["endpoints"].as_array().unwrap();
    endpoints.iter().map(|endpoint| endpoint["address"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn two_clusters_that_have_claimed_one_name_agree_once_they_meet() {
    let Some(live) = OnClusters::with_claims(&["one", "two"]) else { return };
    live.push_policy(&small::policy(&["one", "two"]));
    let [one, two] = ["one", "two"].map(|name| live.servers.cluster(name));
    of(one, "team-a", true);
    of(two, "team-b", true);
    // Each is alone, and the later one is asked first.
    at(&live, 11, "contexts:two", &["sync", "--yes", "--allow-unseen", "1"]).exits(0);
    at(&live, 10, "contexts:one", &["sync", "--yes", "--allow-unseen", "1"]).exits(0);
    assert_eq!((owner(one), owner(two)), ("team-a".to_owned(), "team-b".to_owned()));
    let before = (endpoints(&live, "one"), endpoints(&live, "two"));

    let said = at(&live, 12, "contexts:*", &["sync", "--yes"]).exits(0);
    let said = said.says("rival-claims").says("team-a (in one since 2026-03-01T10:00:00Z)").says("team-a keeps it");
    assert!(said.stdout.contains("GlobalNameSet"), "{}", said.stdout);
    assert_eq!((owner(one), owner(two)), ("team-a".to_owned(), "team-a".to_owned()));
    for (was, is) in [(before.0, endpoints(&live, "one")), (before.1, endpoints(&live, "two"))] {
        assert!(was.iter().all(|address| is.contains(address)), "{was:?} {is:?}");
    }
    at(&live, 12, "contexts:*", &["plan"]).exits(0).says("No changes.");
    at(&live, 12, "contexts:*", &["names", "conflicts"]).exits(1).says("rival-claims").says("team-b");
    at(&live, 12, "contexts:*", &["names"]).exits(0).says("rivals");

    // Two decides while one is away, and one hears of it later.
    let backup = restorable(one);
    at(&live, 13, "contexts:two", &["names", "transfer", HOST, "--to", "team-b", "--yes", "--allow-unseen", "1"])
        .exits(0);
    assert_eq!((owner(one), owner(two)), ("team-a".to_owned(), "team-b".to_owned()));
    at(&live, 14, "contexts:*", &["sync", "--yes"]).exits(0);
    assert_eq!((owner(one), owner(two)), ("team-b".to_owned(), "team-b".to_owned()));
    at(&live, 14, "contexts:*", &["plan"]).exits(0).says("No changes.");

    // One forgets what it had heard.
    restore(one, &backup);
    assert_eq!(owner(one), "team-a");
    at(&live, 15, "contexts:*", &["sync", "--yes"]).exits(0);
    assert_eq!((owner(one), owner(two)), ("team-b".to_owned(), "team-b".to_owned()));
    let held = holder(one).unwrap();
    assert!(held.epoch == 2 && held.confirmed_at.is_some(), "{held:?}");
}

#[test]
fn a_claim_of_the_first_of_three_counts_in_the_third_and_stays_when_the_first_is_gone() {
    let Some(live) = OnClusters::with_claims(&["first", "second", "third"]) else { return };
    live.push_policy(&small::policy(&["first", "second", "third"]));
    let [first, second, third] = ["first", "second", "third"].map(|name| live.servers.cluster(name));
    of(first, "team-a", true);
    of(second, "team-b", false);
    of(third, "team-c", false);
    at(&live, 10, "contexts:*", &["sync", "--yes"]).exits(0);
    let held = holder(third).expect("it is known after one sync");
    assert_eq!((&*held.owner, held.confirmed_at.is_some()), ("team-a", true), "{held:?}");

    // The endpoint of another owner is not written, with the first there and without it.
    small::deployment(third, "pay");
    small::service(third, "pay", 8080);
    for fleet in ["contexts:*", "contexts:second,third"] {
        let said = at(&live, 11, fleet, &["sync", "--yes", "--allow-unseen", "1"]).exits(0);
        said.says("is claimed by team-a").says("its endpoint is withheld");
        assert_eq!(owner(third), "team-a");
        let names = live.generated("third");
        assert!(!names.values().any(|entry| entry["spec"]["endpoints"].to_string().contains("third")), "{names:?}");
    }
}

#[test]
fn two_syncs_at_once_make_one_claim() {
    let Some(live) = OnClusters::with_claims(&["left", "right"]) else { return };
    live.push_policy(&small::policy(&["left", "right"]));
    of(live.servers.cluster("left"), "team-a", true);
    of(live.servers.cluster("right"), "team-b", false);
    let said = std::thread::scope(|scope| {
        let runs: Vec<_> = [10, 11]
            .map(|hour| {
                scope.spawn({
                    let live = &live;
                    move || at(live, hour, "contexts:*", &["sync", "--yes"])
                })
            })
            .into_iter()
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect::<Vec<_>>()
    });
    for said in &said {
        assert!(matches!(said.exit, Some(0 | 3 | 4)), "{said:?}");
    }
    at(&live, 12, "contexts:*", &["sync", "--yes"]).exits(0);
    at(&live, 12, "contexts:*", &["plan"]).exits(0).says("No changes.");
    let held = [holder(live.servers.cluster("left")), holder(live.servers.cluster("right"))].map(Option::unwrap);
    assert_eq!(held[0], held[1]);
    assert!(&*held[0].owner == "team-a" && held[0].confirmed_at.is_some(), "{held:?}");
}

/// The records of a cluster, without what a server adds.
fn restorable(cluster: &ApiServer) -> Vec<(&'static str, Value)> {
    let objects = [NAMES, SETS].into_iter().flat_map(|path| {
        let (_, list) = cluster.get(path);
        let items = list["items"].as_array().unwrap().clone();
        items.into_iter().map(move |object| {
            let metadata = json!({"name": object["metadata"]["name"], "annotations": object["metadata"]["annotations"]});
            let kind = if path == NAMES { "GlobalName" } else { "GlobalNameSet" };
            (path, json!({"apiVersion": "kubectl-mesh.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": object["spec"]}))
        })
    });
    objects.collect()
}

/// Puts a cluster's records back to what they were.
fn restore(cluster: &ApiServer, backup: &[(&'static str, Value)]) {
    for path in [NAMES, SETS] {
        for object in cluster.get(path).1["items"].as_array().unwrap() {
            cluster.delete(&format!("{path}/{}", object["metadata"]["name"].as_str().unwrap()));
        }
    }
    for (path, object) in backup {
        let (code, answer) = cluster.create(path, object);
        assert_eq!(code, 201, "{answer}");
    }
}
