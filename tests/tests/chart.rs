//! The Helm chart: rendered and linted by the real Helm, taken by a real API server.

mod accepted;
mod accounts;
mod admission;
mod container;
mod engines;
mod guards;
mod names;
mod pods;
mod release;
mod rendered;
mod roles;
mod values;
mod webhooks;

use std::fs;
use std::path::{Path, PathBuf};

use mesh_testkit::helm::{Helm, HelmSaid};
use serde_json::Value;

/// The release's name, and with it that of nearly every object.
const RELEASE: &str = "kubectl-mesh";

/// The namespace of the release.
const NAMESPACE: &str = "mesh-system";

/// Every way to render the chart that gives other objects, as arguments of Helm.
const VARIANTS: &[(&str, &str)] = &[
    ("default", ""),
    ("cert-manager", "tls.mode=cert-manager"),
    ("cert-manager with an issuer", "tls.mode=cert-manager,tls.certManager.issuerRef.name=ca"),
    ("existing Secret", "tls.mode=existing-secret,tls.secretName=webhook-tls"),
    ("strict and closed", "admission.mode=strict,admission.validating.failurePolicy=Fail,admission.onStale=refuse"),
    ("mutating only", "admission.validating.enabled=false"),
    ("validating only", "admission.mutating.enabled=false"),
    ("by URL", "admission.url=https://127.0.0.1:10250"),
    ("by the API server itself", "admission.engine=cel"),
    (
        "by both",
        "admission.engine=both,admission.cel.ownerFrom={namespace-label:team},admission.cel.injection=admiral,admission.cel.exclude={a}",
    ),
    (
        "by the API server itself, monitored",
        "admission.engine=cel,metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true,sync.enabled=true,sync.kubeconfigSecret=fleet",
    ),
    ("opted in", "admission.namespaceSelector.matchLabels.mesh=on,admission.excludedNamespaces={cert-manager,calico}"),
    (
        "monitored",
        "metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true,sync.enabled=true,sync.kubeconfigSecret=fleet",
    ),
    ("sync", "sync.enabled=true,sync.kubeconfigSecret=fleet,sync.cluster=c1,sync.args={--max-removals=10}"),
    ("sync from elsewhere", "sync.access=true"),
    (
        "least",
        "guard.enabled=false,rbac.people=false,networkPolicy.enabled=false,podDisruptionBudget.enabled=false,crds.install=false",
    ),
    (
        "narrow network",
        "networkPolicy.apiServer.cidrs={10.0.0.1/32},networkPolicy.metricsFrom[0].podSelector.matchLabels.app=prometheus",
    ),
    (
        "pods",
        "tolerations[0].operator=Exists,nodeSelector.pool=system,priorityClassName=system-cluster-critical,image.pullSecrets={registry}",
    ),
];

/// Kinds that a plain API server does not serve.
const FOREIGN: &[&str] = &["Certificate", "Issuer", "ServiceMonitor", "PrometheusRule"];

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/kubectl-mesh")
}

fn chart_file(name: &str) -> String {
    let path = chart().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a server of today serves, as far as the chart asks.
const SERVED: &str = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy";

/// `helm template` with values as `--set` takes them.
fn template(helm: &Helm, namespace: &str, set: &str) -> HelmSaid {
    let chart = chart();
    let mut arguments =
        vec!["template", RELEASE, chart.to_str().unwrap(), "--namespace", namespace, "--api-versions", SERVED];
    if !set.is_empty() {
        arguments.extend(["--set", set]);
    }
    helm.run(&arguments)
}

/// The manifests of the chart, as Helm prints them.
#[track_caller]
fn manifests(helm: &Helm, set: &str) -> String {
    let said = template(helm, NAMESPACE, set);
    assert!(said.succeeded, "{set}: {}", said.stderr);
    said.stdout
}

/// What Helm tells who installs the chart, where it knows no server.
#[track_caller]
fn notes(helm: &Helm, set: &str) -> String {
    let chart = chart();
    let dry = ["--namespace", NAMESPACE, "--dry-run=client", "--hide-notes=false", "--set", set];
    let said = helm.run(&[&["install", RELEASE, chart.to_str().unwrap()][..], &dry].concat());
    assert!(said.succeeded, "{}", said.stderr);
    said.stdout.split("\nNOTES:\n").nth(1).expect("notes").to_owned()
}

/// The objects of the chart.
#[track_caller]
fn objects(helm: &Helm, set: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(&manifests(helm, set)).unwrap();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The only object of this kind and name.
#[track_caller]
fn the<'v>(objects: &'v [Value], kind: &str, name: &str) -> &'v Value {
    let found: Vec<&Value> = objects
        .iter()
        .filter(|object| text(object, "/kind") == kind && text(object, "/metadata/name") == name)
        .collect();
    assert_eq!(found.len(), 1, "{kind} {name}");
    found[0]
}

/// Every pod that the chart makes: its own, and those of its Deployments.
fn pods(objects: &[Value]) -> Vec<&Value> {
    objects
        .iter()
        .filter_map(|object| match text(object, "/kind") {
            "Pod" => Some(object),
            "Deployment" => object.pointer("/spec/template"),
            _ => None,
        })
        .collect()
}
