//! Istio's CRDs, their CEL rules and istiod's own validation accept what we write, and refuse what they should: the
//! checker is shown to be able to fail before it is believed.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use mesh_fleet::directory::DirectoryFleet;
use mesh_plan::desire::desire;
use mesh_plan::manifest;
use mesh_testkit::schema::SchemaChecker;
use serde_json::{Value, json};

use crate::conformance;

/// So many objects at least are wanted by the conformance cases.
const MIN_CASES: usize = 1_300;

#[test]
fn good_objects_pass() {
    let Some(checker) = SchemaChecker::start() else { return };
    for (object, answer) in [entry(), rule()].iter().zip(checker.check(&[entry(), rule()])) {
        assert_eq!(answer, Ok(()), "{object}");
    }
}

#[test]
fn bad_objects_are_refused_with_the_reason() {
    let Some(checker) = SchemaChecker::start() else { return };
    let cases: &[(&str, Value, &str)] = &[
        ("a misspelled field", with(entry(), "/spec/resoluton", json!("DNS")), "unknown field \"spec.resoluton\""),
        ("a misspelled field deep down", with(entry(), "/spec/endpoints/0/prts", json!({})), "prts"),
        ("a misspelled field of metadata", with(entry(), "/metadata/anotations", json!({})), "metadata.anotations"),
        ("an unknown value of an enum", with(entry(), "/spec/location", json!("MESH")), "spec.location: Unsupported"),
        ("a port that cannot be", with(entry(), "/spec/ports/0/number", json!(70000)), "spec.ports[0].number"),
        ("a text for a number", with(entry(), "/spec/ports/0/number", json!("80")), "spec.ports[0].number"),
        ("no host", with(entry(), "/spec/hosts", json!([])), "spec.hosts"),
        ("an address that is none", with(entry(), "/spec/addresses", json!(["not an address"])), "not an address"),
        (
            "endpoints beside a selector",
            with(entry(), "/spec/workloadSelector", json!({"labels": {"a": "b"}})),
            "only one of WorkloadSelector or Endpoints",
        ),
        (
            "a zero duration",
            with(rule(), "/spec/trafficPolicy/outlierDetection/interval", json!("0s")),
            "spec.trafficPolicy.outlierDetection.interval",
        ),
        (
            "weights that do not add up",
            with(
                rule(),
                "/spec/trafficPolicy/loadBalancer/localityLbSetting",
                json!({"distribute": [{"from": "a/*", "to": {"a": 70, "b": 20}}]}),
            ),
            "weight 90 != 100",
        ),
        ("an object name with capitals", with(entry(), "/metadata/name", json!("Stage-se")), "metadata.name"),
        ("a label value with spaces", with(entry(), "/metadata/labels", json!({"a": "b c"})), "metadata.labels"),
        ("an annotation key with spaces", with(entry(), "/metadata/annotations", json!({"b c": "a"})), "annotations"),
        ("no namespace", with(entry(), "/metadata/namespace", json!("")), "metadata.namespace"),
        ("a version that nobody serves", with(entry(), "/apiVersion", json!("networking.istio.io/v9")), "no CRD"),
    ];
    let mut wrong = Vec::new();
    for (what, object, reason) in cases {
        match &checker.check(std::slice::from_ref(object))[0] {
            Err(errors) if errors.iter().any(|error| error.contains(reason)) => {}
            answer => wrong.push(format!("{what}: wanted {reason:?}, got {answer:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_committed_manifest_of_ours_passes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace");
    let Some(checker) = SchemaChecker::start() else { return };
    let mut wrong = Vec::new();
    let mut seen = 0;
    // What inputs are changed from is broken on purpose.
    let fuzz = root.join("tests/fuzz");
    let all = manifests(&root.join("tests")).into_iter().chain(manifests(&root.join("examples")));
    for file in all.filter(|file| !file.starts_with(&fuzz)) {
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for object in objects(&text) {
            seen += 1;
            if let Err(errors) = &checker.check(std::slice::from_ref(&object))[0] {
                wrong.push(format!("{}: {}: {errors:#?}", file.display(), object["metadata"]["name"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {seen} objects are refused:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn everything_that_the_examples_want_passes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace");
    let mut wanted = Vec::new();
    for example in folders(&root.join("examples")) {
        let fleet = DirectoryFleet::open(&example, None).expect("an example opens");
        let desired = desire(&fleet.observe(), fleet.policy(), Timestamp::UNIX_EPOCH);
        assert!(desired.objects.values().any(|objects| !objects.is_empty()), "{} wants nothing", example.display());
        for (cluster, object) in desired.objects.iter().flat_map(|(c, objects)| objects.values().map(move |o| (c, o))) {
            let place = format!("{}: {cluster} {}", example.display(), object.body.key);
            wanted.push((place, manifest::created(&object.body)));
        }
    }
    all_pass(&wanted, 1);
}

#[test]
fn everything_that_any_step_of_a_conformance_case_wants_passes() {
    all_pass(&conformance::wanted(), MIN_CASES);
}

/// Checks every object, of which there must be at least `least`: an empty suite proves nothing.
fn all_pass(wanted: &[(String, Value)], least: usize) {
    assert!(wanted.len() >= least, "only {} objects are wanted", wanted.len());
    let Some(checker) = SchemaChecker::start() else { return };
    let objects: Vec<Value> = wanted.iter().map(|(_, object)| object.clone()).collect();
    let answers = checker.check(&objects);
    assert_eq!(answers.len(), wanted.len(), "every object has an answer");
    let refused: Vec<String> = wanted
        .iter()
        .zip(answers)
        .filter_map(|((place, _), answer)| Some(format!("{place}: {:#?}", answer.err()?)))
        .collect();
    assert!(refused.is_empty(), "{} of {} objects are refused:\n{}", refused.len(), wanted.len(), refused.join("\n"));
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("entries of our own tree can be read").path())
        .filter(|p| p.is_dir())
        .collect();
    folders.sort();
    folders
}

/// The objects with our mark in a text of YAML or JSON documents. Texts that are no manifests have none: broken ones
/// are other tests' input.
fn objects(text: &str) -> Vec<Value> {
    if !text.contains("kubectl-mesh") {
        return Vec::new();
    }
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap_or_default();
    documents.into_iter().filter(is_ours).collect()
}

fn is_ours(object: &Value) -> bool {
    object["metadata"]["annotations"]["app.kubernetes.io/created-by"] == "kubectl-mesh"
}

fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("entries of our own tree can be read").path();
        if path.is_dir() && !path.is_symlink() {
            files.extend(manifests(&path));
        } else if path.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|e| extension == *e)) {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn entry() -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {
            "name": "stage.greeting.global-se",
            "namespace": "mesh-sync",
            "labels": {"app.kubernetes.io/managed-by": "kubectl-mesh"},
            "annotations": {"app.kubernetes.io/created-by": "kubectl-mesh"},
        },
        "spec": {
            "addresses": ["240.64.0.10"],
            "endpoints": [{
                "address": "east.example.",
                "labels": {"security.istio.io/tlsMode": "istio", "type": "deployment"},
                "locality": "us-east-1",
                "network": "east",
                "ports": {"http": 15443},
            }],
            "exportTo": ["istio-system", "shop"],
            "hosts": ["stage.greeting.global"],
            "location": "MESH_INTERNAL",
            "ports": [{"name": "http", "number": 80, "protocol": "http"}],
            "resolution": "DNS",
            "subjectAltNames": ["spiffe://cluster.local/ns/greeting/sa/greeting"],
        },
    })
}

fn rule() -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "stage.greeting.global-default-dr", "namespace": "mesh-sync"},
        "spec": {
            "exportTo": ["istio-system", "shop"],
            "host": "stage.greeting.global",
            "trafficPolicy": {
                "connectionPool": {"http": {"http2MaxRequests": 1000, "maxRequestsPerConnection": 100}},
                "loadBalancer": {
                    "localityLbSetting": {"distribute": [{"from": "us-west-2/*", "to": {"us-east-1": 30, "us-west-2": 70}}]},
                    "simple": "LEAST_REQUEST",
                    "warmupDurationSecs": "45s",
                },
                "outlierDetection": {"baseEjectionTime": "300s", "consecutive5xxErrors": 0, "interval": "60s"},
                "tls": {"mode": "ISTIO_MUTUAL"},
            },
        },
    })
}

/// `object` with the value at `pointer` replaced or added.
fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer has a slash");
    object.pointer_mut(parent).expect("its parent is there")[key] = value;
    object
}
