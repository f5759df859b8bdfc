//! A cluster that knows many names: some are served by a Deployment each, and claimed here; the others are claimed in other
//! clusters, and come in sets.

use mesh_model::limits::MAX_SET_ENTRIES;
use mesh_testkit::apiserver::{ApiServer, Objects, Setup};
use mesh_testkit::callers::Question;
use serde_json::{Value, json};

/// Namespaces, each of an owner of its own.
const NAMESPACES: usize = 500;
const ENV: &str = "stage";
/// UIDs of clusters.
const HERE: &str = "0c6a7b1e-8f2d-4c7e-9d0a-2f1b3c4d5e6f";
const ELSEWHERE: &str = "7d1f0f52-1f6a-4b53-8a59-6c2d4e8f9a01";

fn namespace(at: usize) -> String {
    format!("team-{:03}", at % NAMESPACES)
}

fn identity(at: usize) -> String {
    format!("payments-service-{at:06}")
}

/// The cluster: it knows so many names, of which the first so many are served here.
pub(crate) fn of(names: usize, here: usize) -> ApiServer {
    let namespaces = (0..NAMESPACES).map(|at| {
        let labels = json!({"istio-injection": "enabled", "kubectl-mesh.io/owner": owner(at)});
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace(at), "labels": labels}})
    });
    let served = (0..here).flat_map(|at| [deployment(at), own(at)]);
    let elsewhere: Vec<usize> = (here..names).collect();
    let sets = elsewhere.chunks(MAX_SET_ENTRIES).enumerate().map(|(number, names)| set(number, names));
    ApiServer::start(Setup::holding(Objects::of(namespaces.chain(served).chain(sets))))
}

/// Whether its owner may deploy a name once more, as the validating webhook is asked: after the mutating one.
pub(crate) fn question(at: usize) -> Question {
    Question::of_marked_deployment(&namespace(at), &identity(at), ENV)
}

fn owner(at: usize) -> String {
    format!("{}@company.example", namespace(at))
}

fn host(at: usize) -> String {
    format!("{ENV}.{}.global", identity(at))
}

fn deployment(at: usize) -> Value {
    let labels = json!({"app": "web", "identity": identity(at), "admiral.io/env": ENV});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": identity(at),
            "namespace": namespace(at),
            // What kubectl leaves there, which nobody reads.
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "x".repeat(700)},
        },
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}},
        },
    })
}

fn own(at: usize) -> Value {
    json!({
        "apiVersion": "kubectl-mesh.io/v1alpha1",
        "kind": "GlobalName",
        "metadata": {"name": host(at)},
        "spec": claim(at, HERE),
    })
}

fn set(number: usize, names: &[usize]) -> Value {
    let entries: Vec<Value> = names.iter().map(|&at| claim(at, ELSEWHERE)).collect();
    json!({
        "apiVersion": "kubectl-mesh.io/v1alpha1",
        "kind": "GlobalNameSet",
        "metadata": {"name": format!("set-{number}")},
        "spec": {"entries": entries},
    })
}

fn claim(at: usize, cluster: &str) -> Value {
    json!({
        "host": host(at),
        "owner": owner(at),
        "identity": identity(at),
        "env": ENV,
        "epoch": 1,
        "phase": "Bound",
        "claimedAt": "2026-01-01T00:00:00Z",
        "confirmedAt": "2026-01-01T00:10:00Z",
        "claimedIn": cluster,
    })
}
