//! What the API server itself sees to in a GlobalName, whoever writes it.

use mesh_testkit::servers::{ApiServers, Crds};
use serde_json::{Value, json};

use super::accepted::CLUSTER;
use super::text;

const NAMES: &str = "/apis/kubectl-mesh.io/v1alpha1/globalnames";

#[test]
fn a_global_name_is_named_by_its_host_and_keeps_it_and_its_epoch_only_grows() {
    let Some(servers) = ApiServers::shared(&[CLUSTER]) else { return };
    let server = servers.cluster(CLUSTER);
    server.install_crds(&[Crds::Claims]);
    let create = |name: &str, host: &str| server.create(&format!("{NAMES}?dryRun=All"), &claim(name, host, 3));
    assert_eq!(create("prod.rules.global", "prod.rules.global").0, 201);
    assert_eq!(create("prod.rules.global", "Prod.Rules.global").0, 201, "names of objects have no capitals");
    let (code, answer) = create("prod.other.global", "prod.rules.global");
    assert_eq!(code, 422, "{answer}");
    assert!(text(&answer, "/message").contains("the name of a GlobalName must be its host in lower case"), "{answer}");

    assert_eq!(server.create(NAMES, &claim("prod.rules.global", "prod.rules.global", 3)).0, 201);
    let path = format!("{NAMES}/prod.rules.global");
    let change = |change: Value| server.patch(&format!("{path}?dryRun=All"), &json!({"spec": change}));
    assert_eq!(change(json!({"epoch": 3, "owner": "b"})).0, 200);
    assert_eq!(change(json!({"epoch": 4})).0, 200);
    for (changed, reason) in [
        (json!({"epoch": 2}), "the epoch of a GlobalName only grows"),
        (json!({"host": "PROD.rules.global"}), "the host of a GlobalName does not change"),
    ] {
        let (code, answer) = change(changed);
        assert_eq!(code, 422, "{answer}");
        assert!(text(&answer, "/message").contains(reason), "{answer}");
    }
    assert_eq!(server.delete(&path).0, 200);
}

/// A claim of owner `a`.
pub(super) fn claim(name: &str, host: &str, epoch: u64) -> Value {
    json!({
        "apiVersion": "kubectl-mesh.io/v1alpha1",
        "kind": "GlobalName",
        "metadata": {"name": name},
        "spec": {
            "host": host, "owner": "a", "alsoOwners": [], "identity": "rules", "env": "prod", "epoch": epoch, "phase": "Bound",
            "claimedAt": "2026-11-01T00:00:00Z", "claimedIn": "uid-1",
        },
    })
}
