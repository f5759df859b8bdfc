//! What `permissions VERB` prints is enough for the verb on a real API server, and every rule of it is missed.

use mesh_testkit::servers::ApiServer;
use mesh_tests::example;
use serde_json::{Value, json};

use super::granted::{Granted, Live, file, is_courtesy, misses, store_policy, stored_policy, tells_of};
use super::watching::Watching;

const CLUSTER: &str = "retail-us-west";
const FLEET: &str = "contexts:*";
const CLAIMS: &str = "/apis/kubectl-mesh.io/v1alpha1/globalnames";
const RULES: &str = "/apis/networking.istio.io/v1/namespaces/mesh-sync/destinationrules";
const EVENTS: &str = "/api/v1/namespaces/mesh-sync/events";

#[test]
fn every_verb_works_with_exactly_the_role_that_is_printed_for_it_and_misses_each_rule() {
    // One cluster of the bookstore, which is a fleet of its own.
    let Some(live) = Live::start(&[CLUSTER]) else { return };
    let cluster = live.servers.cluster(CLUSTER);
    let loaded = cluster.load(&example("bookstore").join(CLUSTER));
    assert_eq!(loaded.refused, Vec::<String>::new());

    // Before there is a list of members. It makes the sync namespace, its Role and the stored policy.
    let init = live.granted(&["fleet-init"]);
    init.misses_each_rule(FLEET, &["fleet", "init", "--yes"], &|_| false, &|| store_policy(cluster, None));
    let sync = live.granted(&["sync"]);
    let undo = || {
        forget(cluster, RULES);
        forget(cluster, CLAIMS);
    };
    // The one member has the policy, and nobody misses an Event, or the word of a webhook that is not there.
    let is_for_other_days = |rule: &Value| stores(rule) || is_courtesy(rule) || is_word(rule);
    sync.misses_each_rule(FLEET, &["sync", "--yes"], &is_for_other_days, &undo);
    an_event_tells_who_wrote_and_is_not_missed(&sync, cluster);
    reads_with_one_role_each(&live);
    an_overview_tells_of_webhooks_where_it_may(&live);
    watches_with_the_role_for_that(&live, cluster);
    let policy = file(&live, "mesh.yaml", &stored_policy(cluster).unwrap());
    let push = live.granted(&["policy-push"]);
    push.misses_each_rule(FLEET, &["policy", "push", &policy, "--yes"], &|_| false, &|| ());
    // The last member cannot be retired: nobody would be left to store that.
    let said = live.granted(&["fleet-retire"]).mesh(FLEET, &["fleet", "retire", CLUSTER, "--yes"]);
    said.exits(4).says("no active member was reached");
}

/// Deletes everything that is at a path.
fn forget(cluster: &ApiServer, path: &str) {
    for object in cluster.get(path).1["items"].as_array().into_iter().flatten() {
        let name = object["metadata"]["name"].as_str().unwrap();
        assert_eq!(cluster.delete(&format!("{path}/{name}")).0, 200);
    }
}

/// Rules about the stored policy that are needed only where members have an older one, or none.
fn stores(rule: &Value) -> bool {
    rule["resources"] == json!(["configmaps"]) && rule["verbs"] != json!(["list"])
}

/// Rules about what webhooks say of themselves: it saves time.
fn is_word(rule: &Value) -> bool {
    rule["resourceNames"] == json!(["mesh-webhook"])
}

fn an_event_tells_who_wrote_and_is_not_missed(sync: &Granted<'_>, cluster: &ApiServer) {
    let (_, events) = cluster.get(EVENTS);
    let events = events["items"].as_array().unwrap();
    let event = events.iter().max_by_key(|event| event["eventTime"].as_str()).unwrap();
    assert_eq!(
        (&event["reason"], &event["type"], &event["action"]),
        (&json!("MeshSynced"), &json!("Normal"), &json!("Sync"))
    );
    assert_eq!(event["reportingComponent"], "kubectl-mesh");
    assert_eq!(event["involvedObject"]["name"], "mesh-policy");
    let count = cluster.get(RULES).1["items"].as_array().unwrap().len();
    let note = event["message"].as_str().unwrap();
    let wanted =
        format!("user-2 wrote {count} generated objects ({count} created, 0 updated, 0 deleted) under revision 1 ");
    assert!(note.starts_with(&wanted), "{note}");

    let before = event_count(cluster);
    forget(cluster, RULES);
    sync.mesh(FLEET, &["sync", "--yes", "--dry-run"]).exits(0);
    assert_eq!(event_count(cluster), before, "a dry run is no write");
    let number = sync.rules().iter().position(is_courtesy).unwrap();
    sync.have(&sync.without(number));
    let said = sync.mesh(FLEET, &["sync", "--yes"]).exits(0);
    assert!(!tells_of(&said, &sync.rules()[number]), "{said:#?}");
    forget(cluster, RULES);
    let said = sync.mesh(FLEET, &["sync", "--yes", "-v"]).exits(0);
    assert!(tells_of(&said, &sync.rules()[number]), "{said:#?}");
    assert_eq!(event_count(cluster), before);
    sync.have(&sync.role);
    sync.mesh(FLEET, &["sync", "--yes"]).exits(0).says("No changes.");
    assert_eq!(event_count(cluster), before, "nothing was written, so there is nothing to tell");
}

fn event_count(cluster: &ApiServer) -> usize {
    cluster.get(EVENTS).1["items"].as_array().unwrap().len()
}

/// All verbs that look at what is generated have one role, and all that look at traffic another one.
fn reads_with_one_role_each(live: &Live) {
    let reads: [(&str, &[&str]); 5] = [
        ("diff", &["diff"]),
        ("render", &["render", "--output-dir", "rendered"]),
        ("whereis", &["whereis", "orders"]),
        ("explain", &["explain", "orders"]),
        ("fleet-list", &["fleet", "list"]),
    ];
    reads_with_one_role(live, &reads);
    let judges: [(&str, &[&str]); 4] = [
        ("check", &["check"]),
        ("plan", &["plan"]),
        ("graph", &["graph"]),
        ("trace", &["trace", "orders/orders", "orders"]),
    ];
    reads_with_one_role(live, &judges);
}

/// That webhooks cannot be looked at is said, and nothing else is different.
fn an_overview_tells_of_webhooks_where_it_may(live: &Live) {
    let looks = live.granted(&["status"]);
    let printed = looks.mesh(FLEET, &["permissions", "diff"]).exits(0).stdout;
    let reads: Value = serde_saphyr::from_str(&printed).unwrap();
    let is_more = |rule: &&Value| !reads["rules"].as_array().unwrap().contains(rule);
    let more: Vec<&Value> = looks.rules().iter().filter(is_more).collect();
    assert_eq!(more.len(), 2, "{more:?}");
    let said = looks.mesh(FLEET, &["status"]).exits(0);
    assert!(said.stdout.contains(" none"), "{said:#?}");
    looks.have(&reads);
    let said = looks.mesh(FLEET, &["status"]).exits(0);
    assert!(said.stdout.contains(" unknown") && more.iter().all(|rule| tells_of(&said, rule)), "{said:#?}");
}

/// The first of the verbs misses each rule of its role, which is that of the others, too.
fn reads_with_one_role(live: &Live, reads: &[(&str, &[&str])]) {
    let (first, args) = reads[0];
    let granted = live.granted(&[first]);
    for number in 0..granted.rules().len() {
        granted.have(&granted.without(number));
        misses(&granted.mesh(FLEET, args), first, &granted.rules()[number]);
    }
    granted.have(&granted.role);
    for (verb, args) in reads.iter().copied() {
        let printed = granted.mesh(FLEET, &["permissions", verb]).exits(0).stdout;
        let mut role: Value = serde_saphyr::from_str(&printed).unwrap();
        // It needs pods for keys that are nothing else, and does without what webhooks say.
        let is_own =
            |rule: &Value| matches!(rule["resources"][0].as_str(), Some("pods" | "replicasets")) || is_word(rule);
        let rules = role["rules"].as_array_mut().unwrap();
        assert_eq!(rules.iter().filter(|rule| is_own(rule)).count(), if verb == "whereis" { 3 } else { 0 }, "{verb}");
        rules.retain(|rule| !is_own(rule));
        assert_eq!(role["rules"], granted.role["rules"], "{verb}");
        let said = granted.mesh(FLEET, args);
        // This one cluster of the bookstore calls names that nobody serves here: those are findings.
        let may_find = matches!(verb, "check" | "trace");
        assert!(said.exit == Some(0) || (may_find && said.exit == Some(1)), "{verb}: {said:?}");
    }
}

/// `sync --watch` needs the verb `watch` for what it lists, and says so.
fn watches_with_the_role_for_that(live: &Live, cluster: &ApiServer) {
    let granted = live.granted(&["sync", "--watch"]);
    let watching = Watching::start(&live.env, &granted.kubeconfig(), &[]);
    watching.says("1 of 1 members seen");
    let gone = cluster.get(RULES).1["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    let path = format!("{RULES}/{gone}");
    assert_eq!(cluster.delete(&path).0, 200);
    // What somebody deleted comes back once all watches have told that nobody knew better.
    watching.says("wrote 1 of 1 step (1 added)");
    assert_eq!(cluster.get(&path).0, 200);
    assert_eq!(watching.figure("kubectl_mesh_watch_failures_total"), 0, "{}", watching.said());
    let (exit, _, said) = watching.stop();
    assert_eq!(exit, Some(0), "{said}");
    assert!(!said.contains("may not be"), "{said}");
}
