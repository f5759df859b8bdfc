//! Small manifests, and the smallest fleet in which somebody calls somebody.

use mesh_tests::TestEnv;

const POLICY: &str = "\
apiVersion: kubectl-mesh.io/v1alpha1
kind: MeshPolicy
fleet:
  members:
  - {name: c1, region: west, gateway: \"c1-gw.example:15443\"}
  - {name: c2, region: east, gateway: \"c2-gw.example:15443\"}
";

/// checkout runs in c1 and is called by cart in c2.
pub(super) fn two_clusters() -> TestEnv {
    let env = TestEnv::new();
    env.write("mesh.yaml", POLICY);
    env.write("c1/shop.yaml", &(namespace("shop") + &service("shop", "checkout", "checkout")));
    env.write(
        "c2/web.yaml",
        &(namespace("web") + &deployment("web", "cart", "cart") + &dependency("web", "cart", "cart", "checkout")),
    );
    env
}

pub(super) fn namespace(name: &str) -> String {
    format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{istio-injection: enabled}}}}\n")
}

/// A Deployment with its Service.
pub(super) fn service(namespace: &str, name: &str, identity: &str) -> String {
    let service = format!(
        "---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{app: {name}}}
  ports: [{{name: http, port: 80}}]
"
    );
    deployment(namespace, name, identity) + &service
}

/// A Deployment that only calls; the identity is quoted, so that it may be anything.
pub(super) fn deployment(namespace: &str, name: &str, identity: &str) -> String {
    let identity = serde_json::to_string(identity).unwrap();
    format!(
        "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata:
      labels: {{app: {name}, identity: {identity}, admiral.io/env: stage}}
    spec: {{containers: [{{name: {name}, image: {name}}}]}}
"
    )
}

pub(super) fn dependency(namespace: &str, name: &str, source: &str, destination: &str) -> String {
    format!(
        "---
apiVersion: admiral.io/v1alpha1
kind: Dependency
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{source: {source}, identityLabel: identity, destinations: [{destination}]}}
"
    )
}
