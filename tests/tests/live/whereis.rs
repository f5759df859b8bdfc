//! `whereis` reads what generated objects lead to, and answers as if it had listed everything.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mesh_model::host::identity_label;
use mesh_model::kind::Kind;
use mesh_model::owned::IDENTITY_LABEL;
use mesh_testkit::apiserver::{FakeFleet, Fault, Ill, Objects, Setup, Verb};
use mesh_tests::{TestEnv, example};
use serde_json::{Value, json};

use super::indexed::{good, say, telling};
use super::on_clusters::{OnClusters, Said};
use super::on_fakes::{Start, stored_policy};

/// How an answer by label ends.
const SELECTIVE: &str = "\nRead selectively: what generated objects lead to. --full lists everything.\n";

/// How a run of the program is started.
type Mesh<'a> = &'a dyn Fn(&[&str]) -> Said;

/// Every identity of the bookstore that serves, and its names; `tax` has hosts by prefix.
const TOLD: [&str; 17] = [
    "api-gateway",
    "cart",
    "catalogue",
    "covers",
    "fraud",
    "inventory",
    "ledger",
    "orders",
    "payments",
    "recommendations",
    "search",
    "shipping",
    "tax",
    "prod.tax.global",
    "east.prod.tax.global",
    "WEST.prod.TAX.global.",
    "prod.orders.global",
];

/// Keys that only a full listing answers.
const UNTOLD: [(&str, i32); 6] = [
    ("audit-export", 0),
    ("240.64.0.9", 1),
    ("orders.orders.svc", 0),
    ("orders/orders", 0),
    ("ord*", 0),
    ("prod.nobody.global", 1),
];

#[test]
fn whereis_reads_what_objects_lead_to_and_answers_as_if_it_had_listed_everything() {
    let Some(live) = OnClusters::example("bookstore") else { return };
    let policy = example("bookstore").join("mesh.yaml");
    live.mesh(&["policy", "push", policy.to_str().unwrap(), "--yes"]).exits(0);
    live.mesh(&["sync", "--yes"]).exits(0);
    for key in ["tax", "east.prod.tax.global", "catalogue"] {
        same(&|args| live.mesh(args), key, 0);
    }

    // Edited by hand: an endpoint, a label taken away, a rule gone, a client whose entry is gone.
    let list = "/apis/networking.istio.io/v1/namespaces/mesh-sync";
    let retail = live.servers.cluster("retail-us-west");
    let entry = format!("{list}/serviceentries/prod.payments.global-se");
    let (_, mut object) = retail.get(&entry);
    object["spec"]["endpoints"][0]["address"] = json!("gw.elsewhere.example.");
    object["metadata"]["labels"].as_object_mut().unwrap().remove("kubectl-mesh.io/identity");
    assert_eq!(retail.replace(&entry, &object).0, 200);
    assert_eq!(retail.delete(&format!("{list}/destinationrules/prod.payments.global-default-dr")).0, 200);
    let edge = live.servers.cluster("edge-us-west");
    for path in ["serviceentries/prod.orders.global-se", "destinationrules/prod.orders.global-default-dr"] {
        assert_eq!(edge.delete(&format!("{list}/{path}")).0, 200);
    }
    live.mesh(&["plan"]).says("to change");
    for key in ["payments", "prod.payments.global", "orders"] {
        same(&|args| live.mesh(args), key, 0);
    }
}

#[test]
fn every_name_of_the_bookstore_is_told_by_its_objects() {
    let (_, fakes) = Start::bookstore().undisturbed(&["sync", "--yes"]);
    for key in TOLD {
        same(&|args| fakes.mesh(args), key, 0);
    }
    for (key, exit) in UNTOLD {
        let said = fakes.mesh(&["whereis", key, "-o", "json"]).exits(exit).says("listing everything: ");
        assert!(exit != 0 || document(&said)["lookup"] == "full-listing", "{key}");
    }
    let said = fakes.mesh(&["whereis", "oders"]).exits(1);
    said.says("no generated object is of it").says("the closest names are orders");
}

#[test]
fn what_cannot_be_read_is_unseen_by_label_too() {
    let (_, fakes) = Start::bookstore().undisturbed(&["sync", "--yes"]);
    let mesh = |args: &[&str]| fakes.mesh(args);
    let payments = fakes.fleet.server("payments-us-east");
    payments.fault(Fault::new(Verb::List, Ill::Forbidden).of(Kind::Deployment));
    same(&mesh, "tax", 3);
    payments.fault(Fault::new(Verb::List, Ill::Forbidden).of(Kind::Dependency));
    same(&mesh, "orders", 3);
    payments.heal();
    fakes.fleet.server("edge-us-west").fault(Fault::new(Verb::Any, Ill::Status(403)));
    same(&mesh, "prod.orders.global", 3);
}

#[test]
fn objects_that_do_not_tell_enough_lead_to_a_full_listing() {
    let (_, fakes) = Start::bookstore().undisturbed(&["sync", "--yes"]);
    let edge = fakes.fleet.server("edge-us-west");
    let orders = edge.object(Kind::ServiceEntry, "mesh-sync", "prod.orders.global-se").unwrap();
    let says = |key: &str, change: &dyn Fn(&mut Value), why: &str| {
        let mut changed = orders.clone();
        change(&mut changed["metadata"]["annotations"]);
        edge.put(changed);
        let said = fakes.mesh(&["whereis", key, "-o", "json"]).exits(0).says(why);
        assert_eq!(document(&said)["lookup"], "full-listing");
    };
    let from = "kubectl-mesh.io/from";
    says("orders", &|all| all[from] = "{}".into(), "mesh-sync/prod.orders.global-se does not tell what it was made of");
    says("prod.orders.global", &|all| all["identity"] = "cart".into(), "its objects are of several identities");
    edge.put(orders.clone());
    same(&|args| fakes.mesh(args), "orders", 0);
}

#[test]
fn a_pod_whose_name_tells_nothing_is_found_by_its_owner() {
    let (_, fakes) = Start::bookstore().undisturbed(&["sync", "--yes"]);
    let cluster = |name: &str| fakes.fleet.server(name);
    let put = |place: &str, kind: [&str; 2], namespace: &str, name: &str, owner: [&str; 2]| {
        cluster(place).put(json!({
            "apiVersion": kind[0], "kind": kind[1],
            "metadata": {"namespace": namespace, "name": name, "ownerReferences": [
                {"kind": "Node", "name": "n1"}, {"controller": true, "kind": owner[0], "name": owner[1]},
            ]},
        }));
    };
    put("retail-us-west", ["apps/v1", "ReplicaSet"], "orders", "rs", ["Deployment", "orders"]);
    put("retail-us-west", ["v1", "Pod"], "orders", "odd-one", ["ReplicaSet", "rs"]);
    put("payments-us-east", ["batch/v1", "Job"], "payments", "j", ["CronJob", "audit-export"]);
    put("payments-us-east", ["v1", "Pod"], "payments", "odd-export", ["Job", "j"]);
    put("payments-us-east", ["v1", "Pod"], "tax", "odd-one", ["StatefulSet", "nobody"]);

    for key in ["odd-one", "pod/odd-one", "orders/odd-one", "retail-us-west/orders/odd-one"] {
        let answer = document(&fakes.mesh(&["whereis", key, "-o", "json"]).exits(0));
        assert_eq!((&answer["key"], &answer["lookup"]), (&json!(key), &json!("full-listing")));
        assert_eq!(answer["names"].as_array().map(Vec::len), Some(1), "{key}");
        assert_eq!(answer["names"][0]["name"], "prod.orders.global");
        assert_eq!(answer["names"][0]["foundBy"], json!(["pod"]));
        assert_eq!(answer["names"][0]["places"][0]["workload"], "orders");
        assert_ne!(answer["names"][0]["hosts"], json!([]));
    }
    fakes.mesh(&["whereis", "odd-export"]).exits(0).says("a CronJob calls, it never serves");
    for key in ["tax/odd-one", "edge-us-west/orders/odd-one", "odd-two"] {
        fakes.mesh(&["whereis", key]).exits(1).says("is no identity");
    }
    cluster("edge-us-west").fault(Fault::new(Verb::List, Ill::Forbidden).at("/api/v1/pods"));
    let said = fakes.mesh(&["whereis", "odd-two"]).exits(1).says("it may be a pod of edge-us-west");
    said.says(r#"the missing rule is {apiGroups: [""], resources: ["pods"], verbs: ["list"]}"#);

    // What is something else is not asked for.
    fakes.fleet.servers().for_each(|(_, server)| server.forget_requests());
    fakes.mesh(&["whereis", "api-gateway"]).exits(0);
    fakes.mesh(&["whereis", "orders-7d9f8b6c5-x2x4z"]).exits(0);
    for (_, server) in fakes.fleet.servers() {
        assert!(server.requests().iter().all(|request| !request.target.contains("/pods")));
    }
}

/// The answer by label is that of a full listing, in both forms, and says what it is.
#[track_caller]
fn same(mesh: Mesh<'_>, key: &str, exit: i32) {
    let ask = |how: &[&str]| mesh(&[&["whereis", key], how].concat()).exits(exit);
    let (mut some, all) = (document(&ask(&["-o", "json"])), document(&ask(&["--full", "-o", "json"])));
    assert_eq!((&some["lookup"], &all["lookup"]), (&json!("by-label"), &json!("full-listing")), "{key}");
    some["lookup"] = all["lookup"].clone();
    assert_eq!(some, all, "{key}");
    let (some, all) = (ask(&["-o", "wide"]).stdout, ask(&["--full", "-o", "wide"]).stdout);
    let plain = some.replace(", by label\n", ", full listing\n");
    assert_eq!(plain.strip_suffix(SELECTIVE), Some(&*all), "{key}");
}

fn document(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap()
}

const CLUSTERS: usize = 30;
const SERVICES: usize = 200;

#[test]
fn one_name_of_a_large_fleet_takes_few_requests_and_few_objects() {
    let fleet = large();
    let env = TestEnv::new();
    let run = |args: &[&str]| {
        let mut command = env.mesh(args);
        command.env("KUBECONFIG", fleet.kubeconfig()).env("MESH_FLEET", "contexts:*").env("COLUMNS", "160");
        Said::of(&command.output().unwrap())
    };
    run(&["sync", "s950", "--yes"]).exits(0);
    // Three clusters run it, two more call it, and all Dependencies lie in a sixth.
    same(&run, "s950", 0);
    // Objects whose labels somebody took away are known by their names. No Dependency lies in this cluster.
    let client = fleet.server("c29");
    for (kind, name) in
        [(Kind::ServiceEntry, "prod.s950.global-se"), (Kind::DestinationRule, "prod.s950.global-default-dr")]
    {
        let mut object = client.object(kind, "mesh-sync", name).unwrap();
        object["metadata"]["labels"].as_object_mut().unwrap().remove("kubectl-mesh.io/identity");
        client.put(object);
    }
    same(&run, "s950", 0);
    let some = cost(&fleet, || run(&["whereis", "s950"]).exits(0));
    let all = cost(&fleet, || run(&["whereis", "s950", "--full"]).exits(0));
    assert!(some.requests * 3 < all.requests * 2, "{some:?} against {all:?}");
    assert!(some.objects * 8 < all.objects, "{some:?} against {all:?}");
    let services = some.by_kind.get(&Kind::Service).copied().unwrap_or(0);
    assert!(services < CLUSTERS * SERVICES / 50, "{some:?}");

    // Every workload bears its label. Once the webhooks say so, hardly any workload is read.
    fleet.servers().for_each(|(_, server)| say(server, &good()));
    same(&run, "s950", 0);
    let labelled = cost(&fleet, || run(&["whereis", "s950"]).exits(0));
    let workloads = |cost: &Cost| cost.by_kind.get(&Kind::Deployment).copied().unwrap_or(0);
    assert!(workloads(&some) > SERVICES && workloads(&labelled) < 10, "{labelled:?} against {some:?}");
    assert!(labelled.bytes * 2 < some.bytes, "{labelled:?} against {some:?}");
    assert!(labelled.requests < some.requests + 2 * CLUSTERS, "{labelled:?} against {some:?}");

    // A sync of the name needs who else there is, to leave these out.
    let all = cost(&fleet, || run(&["sync", "s950", "--dry-run"]).exits(0));
    fleet.servers().for_each(|(_, server)| say(server, &telling(server)));
    let named = cost(&fleet, || run(&["sync", "s950", "--dry-run"]).exits(0));
    assert!(workloads(&all) > CLUSTERS * SERVICES && workloads(&named) < 10, "{named:?} against {all:?}");
    assert!(named.objects * 8 < all.objects, "{named:?} against {all:?}");
    assert!(named.requests <= all.requests + CLUSTERS, "{named:?} against {all:?}");
}

#[derive(Debug)]
struct Cost {
    requests: usize,
    objects: usize,
    bytes: usize,
    by_kind: BTreeMap<Kind, usize>,
}

/// What a run takes: its requests, and the objects in their answers.
fn cost(fleet: &FakeFleet, run: impl FnOnce() -> Said) -> Cost {
    fleet.servers().for_each(|(_, server)| server.forget_requests());
    run();
    let mut cost = Cost { requests: 0, objects: 0, bytes: 0, by_kind: BTreeMap::new() };
    for (_, server) in fleet.servers() {
        let requests = server.requests();
        cost.requests += requests.len();
        let rest = server.rest();
        for request in requests.iter().filter(|request| request.status == Some(200)) {
            let answer = rest.get(&request.target).json;
            cost.bytes += answer.to_string().len();
            let count = match request.verb {
                Verb::List => answer["items"].as_array().map_or(0, Vec::len),
                Verb::Get => 1,
                _ => 0,
            };
            cost.objects += count;
            if let Some(kind) = request.kind {
                *cost.by_kind.entry(kind).or_default() += count;
            }
        }
    }
    cost
}

/// Clusters that hold many Services each; `s950` is one of 2,000 identities, and served by three of them.
fn large() -> FakeFleet {
    let mut policy =
        "apiVersion: kubectl-mesh.io/v1alpha1\nkind: MeshPolicy\nrevision: 1\nfleet:\n  members:\n".to_owned();
    for cluster in 0..CLUSTERS {
        let _ = writeln!(policy, "    - {{name: c{cluster}}}");
    }
    let setups = (0..CLUSTERS).map(|cluster| {
        let mut objects = Objects::default();
        objects.add(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mesh-sync"}}));
        objects.add(stored_policy(&policy));
        for service in 0..SERVICES {
            let name = format!("s{}", (cluster * 67 + service) % 2000);
            let namespace = format!("team{}", service / 10);
            serve(&mut objects, &namespace, &name);
        }
        // Whoever calls serves nothing, and who calls whom is known in one cluster.
        objects.add(deployment("callers", &format!("caller{cluster}")));
        for caller in (0..CLUSTERS).filter(|_| cluster == 0) {
            let called = if caller >= CLUSTERS - 2 { 950 } else { 1000 + caller };
            objects.add(json!({
                "apiVersion": "admiral.io/v1alpha1", "kind": "Dependency",
                "metadata": {"name": format!("caller{caller}"), "namespace": "callers"},
                "spec": {
                    "source": format!("caller{caller}"), "identityLabel": "identity",
                    "destinations": [format!("s{called}")],
                },
            }));
        }
        for node in 0..20 {
            let labels = json!({"topology.kubernetes.io/region": format!("r{}", cluster % 3)});
            objects.add(
                json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("n{node}"), "labels": labels}}),
            );
        }
        objects.add(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "gateway", "namespace": "istio-system", "labels": {"app": "istio-eastwestgateway"}},
            "spec": {"ports": [{"name": "tls", "port": 15443}]},
            "status": {"loadBalancer": {"ingress": [{"hostname": format!("gw{cluster}.example")}]}},
        }));
        (format!("c{cluster}"), Setup::holding(objects))
    });
    FakeFleet::start(setups)
}

fn serve(objects: &mut Objects, namespace: &str, name: &str) {
    objects.add(deployment(namespace, name));
    objects.add(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 8080}]},
    }));
}

fn deployment(namespace: &str, name: &str) -> Value {
    let labels = json!({"app": name, "identity": name, "admiral.io/env": "prod", "sidecar.istio.io/inject": "true"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": {IDENTITY_LABEL: identity_label(name)}},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    })
}
