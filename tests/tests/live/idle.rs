//! An idle second sync asks for lists, and for nothing else, by a real server's own count.

use std::collections::BTreeMap;

use mesh_model::kind::Kind;
use mesh_testkit::servers::ApiServer;

use super::on_clusters::OnClusters;
use super::small;

type Asked = BTreeMap<(String, String), u64>;

#[test]
fn a_second_sync_sends_lists_and_nothing_else() {
    let Some(live) = OnClusters::with_claims(&["idle"]) else { return };
    let cluster = live.servers.cluster("idle");
    small::deployment(cluster, "shop");
    small::service(cluster, "shop", 80);
    live.push_policy(&small::policy(&["idle"]));
    let before = cluster.requests_of_clients();
    live.mesh(&["sync", "--yes"]).exits(0);
    let first = since(cluster, &before);
    let posted = |resource: &str| first.get(&("POST".to_owned(), resource.to_owned())).copied().unwrap_or_default();
    assert!(posted("serviceentries") > 0, "{first:?}");
    assert_eq!((posted("events"), posted("selfsubjectreviews")), (1, 1), "who wrote is noted once: {first:?}");

    let before = cluster.requests_of_clients();
    live.mesh(&["sync", "--yes"]).exits(0).says("No changes.");
    let second = since(cluster, &before);
    let lists: u64 = second.values().sum();
    // Once each kind; namespaces once more for the UID; two ConfigMaps in two namespaces, the policy read again at the end.
    let kinds = Kind::ALL.into_iter().filter(|kind| !kind.is_for_traffic_only()).count();
    assert_eq!(lists, kinds as u64 + 5, "{second:?}");
    let others: Vec<_> = second.keys().filter(|(verb, _)| verb != "LIST").collect();
    assert!(others.is_empty(), "{others:?} of {second:?}");
}

/// What was asked for since, but what is about no resource: discovery (`/apis`), and this question itself.
fn since(cluster: &ApiServer, before: &Asked) -> Asked {
    let mut asked = cluster.requests_of_clients();
    for (key, count) in before {
        if let Some(now) = asked.get_mut(key) {
            *now = now.saturating_sub(*count);
        }
    }
    asked.retain(|(_, resource), count| *count > 0 && !resource.is_empty() && !resource.starts_with('/'));
    asked
}
