//! A fleet that is listed, grows by a real cluster and shrinks again, each step under exactly the role that `permissions`
//! prints for it.

use serde_json::{Value, json};

use super::granted::{Live, POLICY, file, is_courtesy, store_policy, stored_policy};
use super::small;

const ENTRIES: &str = "/apis/networking.istio.io/v1/namespaces/mesh-sync/serviceentries";
const NAMESPACE: &str = "/api/v1/namespaces/mesh-sync";
const WRITERS: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/mesh-sync/roles/kubectl-mesh-writer";

#[test]
fn a_cluster_is_added_synced_and_retired_with_exactly_the_printed_roles() {
    let Some(live) = Live::start(&["c1", "c2"]) else { return };
    let (c1, c2) = (live.servers.cluster("c1"), live.servers.cluster("c2"));
    small::deployment(c1, "shop");
    small::service(c1, "shop", 80);
    small::deployment(c2, "till");
    small::service(c2, "till", 80);
    small::dependency(c2, "till", &["shop"]);

    live.granted(&["fleet-init"]).mesh("contexts:c1", &["fleet", "init", "--yes"]).exits(0).says("revision 1");
    assert_eq!((c2.get(NAMESPACE).0, c2.get(POLICY).0), (404, 404), "c2 is no member");
    let text = small::policy(&["c1"]).replace("uid: c1\n", &format!("uid: {}\n", c1.uid()));
    let policy = file(&live, "mesh.yaml", &text);
    let push = live.granted(&["policy-push"]);
    // The file says revision 1, which is stored already.
    push.mesh("contexts:*", &["policy", "push", &policy, "--yes"]).exits(0).says("revision 2");

    let add = ["fleet", "add", "c2", "--region", "r2", "--gateway", "gw.c2.example:15443"];
    let granted = live.granted(&["fleet-add"]);
    granted.mesh("contexts:*", &add).exits(2).says("add --yes");
    assert_eq!(c2.get(NAMESPACE).0, 404, "nobody agreed to that");
    let before = stored_policy(c1).unwrap();
    let undo = || {
        store_policy(c1, Some(&before));
        store_policy(c2, None);
    };
    granted.misses_each_rule("contexts:*", &[&add[..], &["--yes"]].concat(), &|_| false, &undo).says("revision 3");
    assert_eq!(stored_policy(c1), stored_policy(c2));
    assert!(stored_policy(c2).unwrap().contains(&c2.uid()), "the UID that was reached");
    let (status, role) = c2.get(WRITERS);
    assert_eq!((status, &role["rules"]), (200, &c1.get(WRITERS).1["rules"]));

    let sync = live.granted(&["sync"]);
    sync.mesh("contexts:*", &["sync", "--yes"]).exits(0);
    assert_eq!(c2.get(&format!("{ENTRIES}/prod.shop.global-se")).0, 200, "c2's client knows what c1 serves");
    sync.mesh("contexts:*", &["plan"]).exits(0).says("No changes.");

    let retire = live.granted(&["fleet-retire"]);
    let before = stored_policy(c1).unwrap();
    let undo = || [c1, c2].into_iter().for_each(|cluster| store_policy(cluster, Some(&before)));
    // Every member has a policy, so that none is created.
    let creates = |rule: &Value| rule["verbs"] == json!(["create"]) && !is_courtesy(rule);
    retire.misses_each_rule("contexts:*", &["fleet", "retire", "c2", "--yes"], &creates, &undo).says("revision 4");
    assert!(stored_policy(c1).unwrap().contains("state: retired"));
    sync.mesh("contexts:*", &["sync", "--yes", "--allow-last", "*", "--max-removals", "100"]).exits(0);
    assert_eq!(c2.get(ENTRIES).1["items"], json!([]), "what was ours in c2 is gone");
    assert_eq!(c2.get("/apis/apps/v1/namespaces/default/deployments/till").0, 200, "nothing else is");
    // A revision never goes back.
    let policy = file(&live, "mesh.yaml", &stored_policy(c1).unwrap().replace("revision: 4", "revision: 2"));
    push.mesh("contexts:*", &["policy", "push", &policy, "--yes"]).exits(0).says("revision 5");
}
