//! The bookstore, synced, on fake clusters; in two of them somebody deleted a generated object.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use mesh_model::kind::Kind;
use mesh_testkit::apiserver::{Door, FakeFleet, Objects, Setup};
use mesh_tests::{TestEnv, example};
use serde_json::{Value, json};

/// The cluster that falls ill. `payments` runs only there, `tax` also elsewhere.
pub(super) const VICTIM: &str = "payments-us-east";
/// A healthy one that lacks an object, so that every `sync` has something to write.
pub(super) const HEALTHY: &str = "retail-us-west";
/// More than a page of them, so that lists are continued.
const PLAIN_SERVICES: usize = 520;
/// What was deleted by hand.
const LOST: [(&str, &str); 2] =
    [(VICTIM, "prod.payments.global-default-dr"), (HEALTHY, "prod.orders.global-default-dr")];

/// What each cluster holds before anything goes wrong.
static SYNCED: LazyLock<BTreeMap<String, Objects>> = LazyLock::new(synced);

/// The generated objects of a fleet: by cluster, kind and name.
pub(super) type Generated = BTreeMap<(String, Kind, String), Value>;

/// A run of the program.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) exit: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) took: Duration,
}

/// The fleet, its victim behind this door.
pub(super) fn start(door: Door) -> FakeFleet {
    FakeFleet::start(SYNCED.iter().map(|(name, objects)| {
        let door = if name == VICTIM { door } else { Door::Tls };
        (name.as_str(), Setup::holding(objects.clone()).behind(door))
    }))
}

/// Runs the program on every context of the fleet.
pub(super) fn mesh(env: &TestEnv, fleet: &FakeFleet, args: &[&str]) -> Said {
    let mut command = env.mesh(args);
    command.env("KUBECONFIG", fleet.kubeconfig()).env("MESH_FLEET", "contexts:*").env("COLUMNS", "400");
    let start = Instant::now();
    let output = command.output().unwrap();
    Said {
        exit: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        took: start.elapsed(),
    }
}

/// What is generated, wherever it lies, as it is.
pub(super) fn generated(fleet: &FakeFleet) -> Generated {
    let mut all = Generated::new();
    for (name, server) in fleet.servers() {
        for kind in [Kind::ServiceEntry, Kind::DestinationRule] {
            for object in server.objects(kind) {
                all.insert((name.to_owned(), kind, object["metadata"]["name"].as_str().unwrap().to_owned()), object);
            }
        }
    }
    all
}

fn synced() -> BTreeMap<String, Objects> {
    let fleet = FakeFleet::loaded_from(&example("bookstore")).unwrap();
    for number in 0..PLAIN_SERVICES {
        fleet.server(VICTIM).put(plain_service(number));
    }
    let env = TestEnv::new();
    let policy = example("bookstore").join("mesh.yaml");
    for args in [&["policy", "push", policy.to_str().unwrap(), "--yes"][..], &["sync", "--yes"]] {
        let said = mesh(&env, &fleet, args);
        assert_eq!(said.exit, Some(0), "{said:?}");
    }
    for (cluster, rule) in LOST {
        assert!(fleet.server(cluster).remove(Kind::DestinationRule, "mesh-sync", rule), "{cluster} has {rule}");
    }
    let objects = |server: &mesh_testkit::apiserver::ApiServer| {
        Objects::of(Kind::ALL.into_iter().flat_map(|kind| server.objects(kind)))
    };
    fleet.servers().map(|(name, server)| (name.to_owned(), objects(server))).collect()
}

fn plain_service(number: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": format!("plain-{number:03}"), "namespace": "payments"},
        "spec": {"selector": {"app": format!("plain-{number:03}")}, "ports": [{"name": "http", "port": 80}]},
    })
}
