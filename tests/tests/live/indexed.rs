//! Clusters whose workloads bear the labels of their identities, as their webhooks say: `whereis` asks for these, and answers as
//! if it had listed every workload; `sync NAME` leaves out those that cannot matter to it, and writes what it would write.

use std::collections::BTreeSet;

use mesh_model::host::identity_label;
use mesh_model::kind::Kind;
use mesh_model::owned::IDENTITY_LABEL;
use mesh_testkit::apiserver::{ApiServer, Fault, Ill, Verb};
use mesh_tests::NOW;
use serde_json::{Value, json};

use super::on_fakes::{OnFakes, Start};

const WORKLOADS: [Kind; 4] = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Rollout];
const KEYS: [&str; 6] = ["orders", "tax", "payments", "catalogue", "api-gateway", "prod.orders.global"];

/// The bookstore after a sync, with a label on every workload that has an identity, and a webhook that says so.
fn indexed() -> OnFakes {
    labelled(Start::bookstore().undisturbed(&["sync", "--yes"]).1)
}

/// Clusters with a label on every workload that has an identity, and a webhook that says so.
fn labelled(fakes: OnFakes) -> OnFakes {
    for (_, server) in fakes.fleet.servers() {
        for mut workload in workloads(server) {
            label(&mut workload);
            server.put(workload);
        }
        say(server, &good());
    }
    fakes
}

fn workloads(server: &ApiServer) -> Vec<Value> {
    WORKLOADS.into_iter().flat_map(|kind| server.objects(kind)).collect()
}

fn identity(workload: &Value) -> Option<String> {
    workload["spec"]["template"]["metadata"]["labels"]["identity"].as_str().map(str::to_owned)
}

/// Gives a workload the label of its identity.
fn label(workload: &mut Value) {
    let label = identity(workload).map(|identity| identity_label(&identity));
    match label {
        Some(label) => workload["metadata"]["labels"][IDENTITY_LABEL] = label.into(),
        None => unlabel(workload),
    }
}

fn unlabel(workload: &mut Value) {
    if let Some(labels) = workload["metadata"]["labels"].as_object_mut() {
        labels.remove(IDENTITY_LABEL);
    }
}

/// What a webhook says of labels where every one is right.
pub(super) fn good() -> Value {
    json!({"identityKey": "identity", "right": 9, "wrong": 0, "missing": 0, "nameless": 0})
}

/// The same, and which identities there are.
pub(super) fn telling(server: &ApiServer) -> Value {
    let mut labels = good();
    labels["identities"] =
        workloads(server).iter().filter_map(identity).collect::<BTreeSet<String>>().into_iter().collect();
    labels
}

/// What the one replica of a webhook says of labels.
pub(super) fn say(server: &ApiServer, labels: &Value) {
    let report = json!({"version": "1", "at": NOW, "labels": labels});
    server.put(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "mesh-webhook", "namespace": "mesh-system", "labels": {"app.kubernetes.io/component": "webhook"},
        },
        "data": {"first": report.to_string()},
    }));
}

/// The answer, and the clusters whose workloads were asked for by label.
#[track_caller]
fn ask(fakes: &OnFakes, key: &str) -> (Value, BTreeSet<String>) {
    fakes.fleet.servers().for_each(|(_, server)| server.forget_requests());
    let said = fakes.mesh(&["whereis", key, "-o", "json", "-v"]);
    assert!(matches!(said.exit, Some(0 | 1)), "{key}: {said:?}");
    let told = said.stderr.lines().find_map(|line| line.split_once("workloads by label in "));
    let told: BTreeSet<String> =
        told.into_iter().flat_map(|(_, clusters)| clusters.split(", ")).map(str::to_owned).collect();
    let has_listed = |server: &ApiServer| {
        let requests = server.requests();
        let mut lists = requests.iter().filter(|request| request.kind.is_some_and(|kind| WORKLOADS.contains(&kind)));
        lists.any(|request| !request.target.contains("labelSelector"))
    };
    let is_listed = said.stderr.contains("listing everything");
    for (name, server) in fakes.fleet.servers() {
        assert!(is_listed || !(told.contains(name) && has_listed(server)), "{name} is listed for {key}: {said:?}");
    }
    (serde_json::from_str(&said.stdout).unwrap_or_default(), told)
}

/// Asks as things are, and without what webhooks say: both answers are one. In how many clusters it was asked by label.
#[track_caller]
fn same(fakes: &OnFakes, key: &str) -> usize {
    let (some, told) = ask(fakes, key);
    let (all, none) = without_words(fakes, || ask(fakes, key));
    assert_eq!(none, BTreeSet::new(), "{key}");
    assert_eq!(some, all, "{key}");
    told.len()
}

/// What comes of `work` where no webhook says anything.
fn without_words<T>(fakes: &OnFakes, work: impl FnOnce() -> T) -> T {
    let servers = || fakes.fleet.servers().map(|(_, server)| server);
    let said: Vec<Option<Value>> =
        servers().map(|server| server.object(Kind::ConfigMap, "mesh-system", "mesh-webhook")).collect();
    for server in servers() {
        server.remove(Kind::ConfigMap, "mesh-system", "mesh-webhook");
    }
    let done = work();
    servers().zip(said).for_each(|(server, said)| said.into_iter().for_each(|said| server.put(said)));
    done
}

#[test]
fn workloads_of_an_indexed_cluster_are_asked_for_by_label() {
    let fakes = indexed();
    let clusters = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    for (key, asked) in [
        ("orders", &["edge-us-west", "payments-us-east", "retail-us-west"][..]),
        ("prod.orders.global", &["edge-us-west", "payments-us-east", "retail-us-west"]),
        ("catalogue", &["edge-us-west", "retail-us-west"]),
    ] {
        assert!(same(&fakes, key) > 0);
        let (answer, told) = ask(&fakes, key);
        assert_eq!(answer["lookup"], "by-label", "{key}");
        assert!(told.is_subset(&clusters(asked)) && told.contains("retail-us-west"), "{key}: {told:?}");
    }
}

#[test]
fn a_cluster_that_is_not_said_to_be_indexed_is_listed() {
    let fakes = indexed();
    let retail = fakes.fleet.server("retail-us-west");
    let is_asked = || ask(&fakes, "orders").1.contains("retail-us-west");
    assert!(is_asked());
    for (field, value) in
        [("wrong", json!(1)), ("missing", json!(1)), ("nameless", json!(10)), ("identityKey", json!("app"))]
    {
        let mut labels = good();
        labels[field] = value;
        say(retail, &labels);
        assert!(!is_asked(), "{field}");
    }
    say(retail, &good());
    retail.fault(Fault::new(Verb::List, Ill::Forbidden).at("/api/v1/configmaps"));
    assert!(!is_asked(), "who may not read it is none the worse");
    same(&fakes, "orders");
    retail.heal();
    let mut said = retail.object(Kind::ConfigMap, "mesh-system", "mesh-webhook").unwrap();
    said["data"]["second"] = "{".into();
    retail.put(said.clone());
    assert!(!is_asked());
    said["data"].as_object_mut().unwrap().remove("second");
    said["metadata"]["labels"] = json!({});
    retail.put(said);
    assert!(!is_asked(), "it is not a webhook's");
}

#[test]
fn what_bears_no_label_is_found_at_once() {
    let fakes = indexed();
    let retail = fakes.fleet.server("retail-us-west");
    let mut orders = retail.object(Kind::Deployment, "orders", "orders").unwrap();
    orders["metadata"]["name"] = "orders-late".into();
    orders["metadata"].as_object_mut().unwrap().remove("uid");
    unlabel(&mut orders);
    retail.put(orders);
    assert!(same(&fakes, "orders") > 0);
    let (answer, told) = ask(&fakes, "orders");
    assert!(answer.to_string().contains("orders-late") && told.contains("retail-us-west"), "{told:?}: {answer}");
}

#[test]
fn where_what_objects_lead_to_bears_another_label_everything_is_listed() {
    let fakes = indexed();
    let retail = fakes.fleet.server("retail-us-west");
    let mut orders = retail.object(Kind::Deployment, "orders", "orders").unwrap();
    orders["metadata"]["labels"][IDENTITY_LABEL] = identity_label("another").into();
    retail.put(orders);
    // Its webhook has not noticed yet.
    let (answer, told) = ask(&fakes, "orders");
    assert!(!told.contains("retail-us-west"), "{told:?}");
    assert_eq!(answer["names"][0]["places"][0]["workload"], "orders", "{answer}");
    same(&fakes, "orders");
}

/// What a `sync` of this name shows that it would do, and how many clusters were asked for workloads by label.
#[track_caller]
fn shows(fakes: &OnFakes, name: &str) -> (String, usize) {
    fakes.fleet.servers().for_each(|(_, server)| server.forget_requests());
    let said = fakes.mesh(&["sync", name, "--dry-run", "-o", "wide", "-v"]);
    let told = said.stderr.lines().find_map(|line| line.split_once("workloads by label in "));
    let told: Vec<&str> = told.into_iter().flat_map(|(_, clusters)| clusters.split(", ")).collect();
    for (cluster, server) in fakes.fleet.servers().filter(|(cluster, _)| told.contains(cluster)) {
        let lists = server.requests();
        let mut lists = lists.iter().filter(|request| request.kind.is_some_and(|kind| WORKLOADS.contains(&kind)));
        assert!(lists.all(|request| request.target.contains("notin")), "{cluster} is listed for {name}: {said:?}");
    }
    let errors = said.stderr.lines().filter(|line| line.starts_with("error"));
    (format!("{:?}\n{}{}", said.exit, said.stdout, errors.collect::<String>()), told.len())
}

/// Shows it as things are, and without what webhooks say: it is the same. In how many clusters it was asked by label.
#[track_caller]
fn shows_the_same(fakes: &OnFakes, name: &str) -> (String, usize) {
    let (some, told) = shows(fakes, name);
    let (all, none) = without_words(fakes, || shows(fakes, name));
    assert_eq!(none, 0, "{name}");
    assert_eq!(some, all, "{name}");
    (some, told)
}

#[test]
fn a_sync_of_a_name_leaves_out_workloads_that_cannot_matter_to_it() {
    let fakes = indexed();
    fakes.fleet.servers().for_each(|(_, server)| say(server, &telling(server)));
    // In the third runs nobody who cannot matter.
    assert_eq!(shows_the_same(&fakes, "orders").1, 2);
    // A new port for its callers: everybody's object of it changes.
    let retail = fakes.fleet.server("retail-us-west");
    let mut service = retail.object(Kind::Service, "orders", "orders").unwrap();
    service["spec"]["ports"][0]["name"] = "http2".into();
    retail.put(service);
    let (shown, told) = shows_the_same(&fakes, "orders");
    assert!(shown.contains("prod.orders.global") && told == 0, "a protocol is changed, which removes traffic: {shown}");
    // The first of all runs only adds.
    let fakes = labelled(Start::bookstore().fleet());
    fakes.fleet.servers().for_each(|(_, server)| say(server, &telling(server)));
    let (shown, told) = shows_the_same(&fakes, "orders");
    assert_eq!((shown.contains("prod.orders.global"), told), (true, 2), "{shown}");
    fakes.mesh(&["sync", "orders", "--yes"]).exits(0);
    let left = fakes.mesh(&["sync", "orders", "--dry-run", "-v"]).exits(0);
    assert!(left.stderr.contains("workloads by label in"), "{left:?}");
    assert_eq!(fakes.mesh(&["plan", "orders", "--exit-code"]).exit, Some(0));
    assert_eq!(fakes.mesh(&["plan", "--exit-code"]).exit, Some(1), "others are as they were");
    // Where a webhook does not tell identities, everything is listed there.
    say(fakes.fleet.server("retail-us-west"), &good());
    assert_eq!(shows_the_same(&fakes, "orders").1, 1);
    // So it is where no identity is told, as before the first is deployed.
    let mut nobody = good();
    nobody["identities"] = json!([]);
    fakes.fleet.servers().for_each(|(_, server)| say(server, &nobody));
    assert_eq!(shows_the_same(&fakes, "orders").1, 0);
    fakes.fleet.servers().for_each(|(_, server)| say(server, &telling(server)));
    // And for whoever is not found.
    let said = fakes.mesh(&["sync", "nobody", "--dry-run", "-v"]);
    assert!(said.exit == Some(1) && said.stderr.contains("listing everything: it is not found by label"), "{said:?}");
}

#[test]
fn admiral_is_found_whatever_its_label() {
    let fakes = labelled(Start::bookstore().fleet());
    let retail = fakes.fleet.server("retail-us-west");
    let mut admiral = retail.object(Kind::Deployment, "catalogue", "covers").unwrap();
    admiral["metadata"]["name"] = "admiral".into();
    admiral["metadata"].as_object_mut().unwrap().remove("uid");
    for labels in ["/spec/template/metadata/labels", "/spec/selector/matchLabels"] {
        admiral.pointer_mut(labels).unwrap()["app"] = "admiral".into();
    }
    retail.put(admiral);
    fakes.fleet.servers().for_each(|(_, server)| say(server, &telling(server)));
    assert_eq!(shows_the_same(&fakes, "orders").1, 2, "it has made nothing");
    retail.put(json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
        "metadata": {
            "name": "stage.old.global-se", "namespace": "mesh-sync",
            "annotations": {"app.kubernetes.io/created-by": "admiral"},
        },
        "spec": {"hosts": ["stage.old.global"], "ports": [{"name": "http", "number": 80, "protocol": "http"}]},
    }));
    let (shown, told) = shows_the_same(&fakes, "orders");
    assert!(told == 0 && shown.contains("Admiral runs in retail-us-west"), "{shown}");
}

/// A small generator of numbers: the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(bound).unwrap()).unwrap()
    }
}

/// What people may do to workloads while the webhook is there, or away: no label that is there is wrong.
fn change(server: &ApiServer, dice: &mut Dice, number: usize, others: &[&str]) {
    let workloads = workloads(server);
    if workloads.is_empty() {
        return;
    }
    let mut one = workloads[dice.below(workloads.len())].clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (text(&one["metadata"]["namespace"]), text(&one["metadata"]["name"]));
    let other = others[dice.below(others.len())].to_owned();
    let identities = &mut one["spec"]["template"]["metadata"]["labels"];
    let now = identities["identity"].as_str().unwrap_or_default().to_owned();
    match dice.below(8) {
        0 => unlabel(&mut one),
        1 => {
            identities["identity"] = other.into();
            label(&mut one);
        }
        2 => {
            identities["identity"] = now.to_uppercase().into();
            label(&mut one);
        }
        3 => {
            identities.as_object_mut().unwrap().remove("identity");
            label(&mut one);
        }
        4 => {
            let kind = WORKLOADS.into_iter().find(|kind| one["kind"] == kind.as_str()).unwrap();
            server.remove(kind, &namespace, &name);
            return;
        }
        5 => {
            one["metadata"]["name"] = format!("{name}-{number}").into();
            one["metadata"].as_object_mut().unwrap().remove("uid");
            unlabel(&mut one);
        }
        6 => {
            identities["identity"] = other.into();
            unlabel(&mut one);
        }
        _ => identities["admiral.io/env"] = "stage".into(),
    }
    server.put(one);
}

#[test]
fn whatever_is_done_to_workloads_the_answer_is_that_of_all_of_them() {
    let mut asked = 0;
    for seed in 0..6 {
        let fakes = indexed();
        let mut dice = Dice(seed);
        let servers: Vec<&ApiServer> = fakes.fleet.servers().map(|(_, server)| server).collect();
        for number in 0..6 {
            for _ in 0..2 {
                change(servers[dice.below(servers.len())], &mut dice, number, &KEYS[..5]);
            }
            asked += same(&fakes, KEYS[dice.below(KEYS.len())]);
        }
    }
    assert!(asked > 20, "{asked}: hardly anything was asked by label");
}

#[test]
fn whatever_is_done_to_workloads_a_sync_of_a_name_writes_the_same() {
    // Some that have to do with others by their hosts: in another case, and where one ends in the other.
    let others = ["orders", "tax", "Orders", "eu.orders", "payments", "catalogue"];
    let (mut asked, mut writing) = (0, 0);
    for seed in 0..6 {
        let fakes = indexed();
        fakes.fleet.servers().for_each(|(_, server)| say(server, &telling(server)));
        let mut dice = Dice(seed);
        let servers: Vec<&ApiServer> = fakes.fleet.servers().map(|(_, server)| server).collect();
        for number in 0..6 {
            for _ in 0..2 {
                change(servers[dice.below(servers.len())], &mut dice, number, &others);
            }
            let (shown, told) = shows_the_same(&fakes, KEYS[dice.below(KEYS.len())]);
            asked += usize::from(told > 0);
            writing += usize::from(told > 0 && shown.contains("ServiceEntry"));
        }
    }
    assert!(asked > 10 && writing > 3, "{asked} by label, of which {writing} write something");
}
