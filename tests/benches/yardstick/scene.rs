//! What lies in the clusters before the first sync: each identity in c1 and c2, ten clients in c3, Dependencies in the hub.

use std::thread;

use mesh_testkit::servers::{ApiServer, ApiServers};
use serde_json::{Value, json};

const NAMESPACES: usize = 20;
const CLIENTS: usize = 10;
const CLIENT_NAMESPACE: &str = "clients";

/// The members, with the addresses that gateways would have.
pub(crate) fn policy() -> String {
    let member = |name: &str, region: &str| {
        format!("    - {{name: {name}, region: {region}, network: {name}, gateway: \"gw.{name}.example.com:15443\"}}\n")
    };
    let members = [member("c1", "us-west-2"), member("c2", "us-east-2"), member("c3", "eu-west-1")].concat();
    format!(
        "apiVersion: kubectl-mesh.io/v1alpha1\nkind: MeshPolicy\nrevision: 1\nfleet:\n  members:\n{members}    - {{name: hub, gateway: none}}\n"
    )
}

/// Deploys everything, in all clusters at once.
pub(crate) fn deploy(meshes: &ApiServers, hub: &ApiServers, identities: usize) {
    thread::scope(|scope| {
        for name in ["c1", "c2"] {
            scope.spawn(move || serve(meshes.cluster(name), identities));
        }
        scope.spawn(move || call(meshes.cluster("c3")));
        scope.spawn(move || declare(&hub.clusters()[0], identities));
    });
}

/// How many generated objects the clusters hold.
pub(crate) fn generated(meshes: &ApiServers) -> usize {
    let count = |server: &ApiServer, kind: &str| {
        let (status, list) = server.get(&format!("/apis/networking.istio.io/v1/namespaces/mesh-sync/{kind}"));
        assert_eq!(status, 200, "{list}");
        list["items"].as_array().map_or(0, Vec::len)
    };
    let kinds = ["serviceentries", "destinationrules"];
    meshes.clusters().iter().map(|server| kinds.iter().map(|kind| count(server, kind)).sum::<usize>()).sum()
}

fn serve(server: &ApiServer, identities: usize) {
    for number in 0..NAMESPACES {
        namespace(server, &format!("team-{number:02}"));
    }
    for number in 0..identities {
        let (namespace, name) = (format!("team-{:02}", number % NAMESPACES), identity(number));
        serve_in(server, &namespace, &name);
    }
}

/// One identity more.
pub(crate) fn serve_one(server: &ApiServer, name: &str) {
    serve_in(server, "team-00", name);
}

fn serve_in(server: &ApiServer, namespace: &str, name: &str) {
    let service = json!({
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    });
    created(server, &format!("/api/v1/namespaces/{namespace}/services"), &service);
    workload(server, namespace, name);
}

/// Whether a cluster holds what is generated of an identity, with so many endpoints.
pub(crate) fn holds(server: &ApiServer, name: &str, endpoints: usize) -> bool {
    let get = |kind: &str, ending: &str| {
        server.get(&format!("/apis/networking.istio.io/v1/namespaces/mesh-sync/{kind}/prod.{name}.global{ending}"))
    };
    let (status, entry) = get("serviceentries", "-se");
    status == 200
        && entry["spec"]["endpoints"].as_array().map_or(0, Vec::len) == endpoints
        && get("destinationrules", "-default-dr").0 == 200
}

fn call(server: &ApiServer) {
    namespace(server, CLIENT_NAMESPACE);
    for number in 0..CLIENTS {
        workload(server, CLIENT_NAMESPACE, &client(number));
    }
}

fn declare(server: &ApiServer, identities: usize) {
    for number in 0..CLIENTS {
        let destinations: Vec<String> = (number..identities).step_by(CLIENTS).map(identity).collect();
        depend(server, &client(number), &client(number), &destinations);
    }
}

/// The first client calls these, too.
pub(crate) fn declare_more(hub: &ApiServers, names: &[&str]) {
    depend(&hub.clusters()[0], "more", &client(0), names);
}

fn depend<T: AsRef<str>>(server: &ApiServer, name: &str, source: &str, destinations: &[T]) {
    let destinations: Vec<&str> = destinations.iter().map(AsRef::as_ref).collect();
    let dependency = json!({
        "apiVersion": "admiral.io/v1alpha1",
        "kind": "Dependency",
        "metadata": {"name": name},
        "spec": {"source": source, "identityLabel": "identity", "destinations": destinations},
    });
    created(server, "/apis/admiral.io/v1alpha1/namespaces/default/dependencies", &dependency);
}

fn identity(number: usize) -> String {
    format!("service-{number:03}")
}

fn client(number: usize) -> String {
    format!("client-{number}")
}

fn namespace(server: &ApiServer, name: &str) {
    let namespace = json!({"metadata": {"name": name, "labels": {"istio-injection": "enabled"}}});
    created(server, "/api/v1/namespaces", &namespace);
}

fn workload(server: &ApiServer, namespace: &str, name: &str) {
    let labels = json!({"app": name, "identity": name, "env": "prod"});
    let deployment = json!({
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": "registry.example.com/app:1", "ports": [{"containerPort": 8080}]}]},
            },
        },
    });
    created(server, &format!("/apis/apps/v1/namespaces/{namespace}/deployments"), &deployment);
}

fn created(server: &ApiServer, path: &str, object: &Value) {
    let (status, answer) = server.create(path, object);
    assert_eq!(status, 201, "{}: {answer}", server.name());
}
