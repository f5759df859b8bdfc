//! `sync --dry-run=server`: real API servers say what they would refuse, and store nothing.

use serde_json::Value;

use super::on_clusters::{OnClusters, granted};
use super::small::{dependency, deployment, policy, service};
use super::sources_first::refuse_new_entries;

const REHEARSAL: [&str; 2] = ["sync", "--dry-run=server"];

#[test]
fn servers_are_asked_and_store_nothing() {
    let names = ["client", "source"];
    let Some(live) = OnClusters::with_claims(&names) else { return };
    live.push_policy(&policy(&names));
    let [client, source] = names.map(|name| live.servers.cluster(name));
    for name in ["greeting", "farewell"] {
        deployment(source, name);
        service(source, name, 8080);
    }
    deployment(client, "caller");
    dependency(client, "caller", &["greeting", "farewell"]);
    live.mesh(&["sync", "--yes"]).exits(0);

    // Something to create, to change and to delete.
    deployment(source, "hello");
    service(source, "hello", 8080);
    service(source, "greeting", 9090);
    dependency(client, "caller", &["greeting", "hello"]);
    let (held, writes) = (versions(&live), live.writes());
    let said =
        live.mesh(&REHEARSAL).exits(0).says("8 steps would be written, none would be refused. Nothing was stored.");
    let rows: Vec<Vec<&str>> = said.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    for row in [["client", "2", "0", "2", "0"], ["source", "3", "1", "0", "0"]] {
        assert!(rows.iter().any(|found| **found == row), "{row:?}: {}", said.stdout);
    }

    assert_eq!(live.writes(), writes);

    // What one server refuses does not keep the other from being asked about what would follow.
    refuse_new_entries(source);
    let said = live.mesh(&["sync", "--dry-run=server", "-o", "json"]).exits(3);
    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&report["dryRun"], &report["written"]), (&true.into(), &7.into()), "{report:#}");
    let refused = &report["clusters"][1]["notWritten"];
    assert_eq!(refused.as_array().unwrap().len(), 1, "{report:#}");
    assert_eq!(refused[0]["object"], "ServiceEntry mesh-sync/prod.hello.global-se");
    assert!(refused[0]["why"].as_str().unwrap().contains("not today"), "{refused}");

    // A user who may read everything, and write nothing.
    let reader = client.user();
    granted(&live, client, reader, &["permissions", "plan"], &|_| {});
    let said = live.with_kubeconfig(&client.kubeconfig_as(&reader.token), &REHEARSAL).exits(3);
    let said = said.says("cannot create resource").says("cannot delete resource").says(r#"verbs: ["delete"]"#);
    assert!(said.stdout.contains("3 steps would be written, 5 would not. Nothing was stored."), "{}", said.stdout);

    assert_eq!(versions(&live), held);
}

/// Name and version of every generated object.
fn versions(live: &OnClusters) -> Vec<String> {
    let mut versions = Vec::new();
    for cluster in live.servers.clusters() {
        for kind in ["serviceentries", "destinationrules"] {
            let (_, list) = cluster.get(&format!("/apis/networking.istio.io/v1/namespaces/mesh-sync/{kind}"));
            for item in list["items"].as_array().unwrap() {
                let metadata = &item["metadata"];
                versions.push(format!(
                    "{} {kind}/{} {}",
                    cluster.name(),
                    metadata["name"],
                    metadata["resourceVersion"]
                ));
            }
        }
    }
    versions
}
