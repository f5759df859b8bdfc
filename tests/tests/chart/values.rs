//! Values: each is described, and what is not known is refused.

use std::fs;

use mesh_testkit::helm::{Helm, HelmSaid};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::{NAMESPACE, RELEASE, chart, chart_file};

#[test]
fn an_unknown_key_is_refused_at_every_level() {
    let Some(helm) = Helm::find() else { return };
    let schema = schema();
    let defaults: Value = serde_saphyr::from_str(&chart_file("values.yaml")).unwrap();
    let mut levels = Vec::new();
    levels_of(&defaults, "", &mut levels);
    // A map of labels takes any key; what it takes as a value is refused below.
    levels.retain(|level| !is_free(&schema, level));
    assert!(levels.len() >= 25, "{levels:?}");
    for level in levels {
        let mut values = json!({});
        *at(&mut values, &level) = json!({"unheardOf": true});
        let said = with(&helm, &values);
        assert!(!said.succeeded && said.stderr.contains("unheardOf"), "{level:?}: {}", said.stderr);
    }
}

#[test]
fn a_bad_value_is_refused() {
    let Some(helm) = Helm::find() else { return };
    for (path, value) in [
        ("/admission/mutating/timeoutSeconds", json!(0)),
        ("/admission/validating/timeoutSeconds", json!(6)),
        ("/admission/validating/timeoutSeconds", json!("3")),
        ("/admission/validating/failurePolicy", json!("Auto")),
        ("/admission/validating/failClosedLabel", json!("")),
        ("/admission/mode", json!("lenient")),
        ("/admission/engine", json!("rego")),
        ("/admission/cel/suffix", json!("Global")),
        ("/admission/cel/suffix", json!("a'b")),
        ("/admission/cel/keys/env", json!("a b")),
        ("/admission/cel/keys/identity", json!("")),
        ("/admission/cel/ownerFrom", json!([])),
        ("/admission/cel/ownerFrom", json!(["namespace-annotation:a"])),
        ("/admission/cel/injection", json!("always")),
        ("/admission/cel/exclude", json!([""])),
        ("/admission/cel/exclude", json!(["a b"])),
        ("/admission/maxViewAge", json!("5")),
        ("/admission/onStale", json!("ignore")),
        ("/admission/disclosure", json!("all")),
        ("/admission/url", json!("http://127.0.0.1")),
        ("/admission/excludedNamespaces", json!("a,b")),
        ("/admission/namespaceSelector/matchLabels", json!({"a": true})),
        ("/tls/mode", json!("genCA")),
        ("/replicaCount", json!(0)),
        ("/image/digest", json!("sha256:1")),
        ("/image/repository", json!("")),
        ("/ports/webhook", json!(70000)),
        ("/podDisruptionBudget/maxUnavailable", json!(0)),
        ("/podLabels", json!({"a": 1})),
        ("/resources/limits", json!({"memory": []})),
        ("/networkPolicy/metricsFrom", json!([{}])),
        ("/networkPolicy/apiServer/cidrs", json!(["here"])),
        ("/networkPolicy/apiServer/ports", json!([])),
        ("/lameDuck", json!("45s")),
        ("/guard/ownerLabel", json!("a b")),
        ("/guard/optOutAnnotations", json!(["it's"])),
        ("/sync/args", json!(["plan"])),
        ("/sync/cluster", json!("../c1")),
        ("/tolerations", json!([{"effect": "Never"}])),
        ("/affinity", json!({"podAffinity": {"always": []}})),
    ] {
        let mut values = json!({});
        *at(&mut values, path) = value.clone();
        let said = with(&helm, &values);
        // Helm names the place as `admission.mode` or as '/admission/mode'.
        let last = path.rsplit('/').next().unwrap();
        assert!(!said.succeeded && said.stderr.contains(last), "{path} = {value}: {}", said.stderr);
    }
}

#[test]
fn every_object_of_the_schema_is_closed() {
    let schema = schema();
    let mut open = Vec::new();
    closed(&schema, "", &mut open);
    assert_eq!(open, ["/properties/global"], "what Helm itself puts there");
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
}

#[test]
fn schema_and_values_have_the_same_keys() {
    let schema = schema();
    let defaults: Value = serde_saphyr::from_str(&chart_file("values.yaml")).unwrap();
    let mut different = Vec::new();
    same_keys(&schema, &schema, &defaults, "", &mut different);
    // What has no default of its own.
    let optional = ["/global", "/resources/limits/cpu"];
    different.retain(|path: &String| !optional.contains(&path.as_str()));
    assert_eq!(different, Vec::<String>::new());
}

#[test]
fn every_key_of_the_values_is_described() {
    let text = chart_file("values.yaml");
    let mut described = false;
    let mut missing = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with('#') {
            described |= trimmed.starts_with("# -- ");
        } else if let Some((key, value)) = trimmed.split_once(':').filter(|_| !trimmed.starts_with('-')) {
            // A key that only holds others needs no words.
            if !described && !value.is_empty() {
                missing.push(key.to_owned());
            }
            described = false;
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

fn schema() -> Value {
    serde_json::from_str(&chart_file("values.schema.json")).unwrap()
}

fn with(helm: &Helm, values: &Value) -> HelmSaid {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("values.json");
    fs::write(&file, values.to_string()).unwrap();
    let chart = chart();
    helm.run(&[
        "template",
        RELEASE,
        chart.to_str().unwrap(),
        "--namespace",
        NAMESPACE,
        "--values",
        file.to_str().unwrap(),
    ])
}

/// The place of a JSON pointer, made where it is not there.
fn at<'v>(value: &'v mut Value, pointer: &str) -> &'v mut Value {
    pointer.split('/').filter(|part| !part.is_empty()).fold(value, |value, part| {
        if !value.is_object() {
            *value = Value::Object(Map::new());
        }
        value.as_object_mut().unwrap().entry(part).or_insert(Value::Null)
    })
}

fn levels_of(value: &Value, path: &str, levels: &mut Vec<String>) {
    let Some(map) = value.as_object() else { return };
    levels.push(path.to_owned());
    for (key, value) in map {
        levels_of(value, &format!("{path}/{key}"), levels);
    }
}

/// The part of the schema that `$ref` stands for.
fn resolved<'s>(schema: &'s Value, part: &'s Value) -> &'s Value {
    match part["$ref"].as_str() {
        Some(reference) => schema.pointer(reference.trim_start_matches('#')).expect("references lead somewhere"),
        None => part,
    }
}

/// Whether a level takes any key, such as labels do.
fn is_free(schema: &Value, path: &str) -> bool {
    let mut part = schema;
    for key in path.split('/').filter(|key| !key.is_empty()) {
        part = resolved(schema, &part["properties"][key]);
    }
    part["additionalProperties"].is_object()
}

fn closed(part: &Value, path: &str, open: &mut Vec<String>) {
    match part {
        Value::Object(map) => {
            if map.get("type") == Some(&json!("object")) {
                let more = map.get("additionalProperties");
                if !more.is_some_and(|more| *more == json!(false) || more.is_object()) {
                    open.push(path.to_owned());
                }
            }
            for (key, part) in map {
                closed(part, &format!("{path}/{key}"), open);
            }
        }
        Value::Array(list) => {
            for (at, part) in list.iter().enumerate() {
                closed(part, &format!("{path}/{at}"), open);
            }
        }
        _ => {}
    }
}

fn same_keys(schema: &Value, part: &Value, values: &Value, path: &str, different: &mut Vec<String>) {
    let part = resolved(schema, part);
    let (Some(known), Some(values)) = (part["properties"].as_object(), values.as_object()) else { return };
    if values.is_empty() {
        return;
    }
    for key in known.keys().chain(values.keys()) {
        let path = format!("{path}/{key}");
        match (known.get(key), values.get(key)) {
            (Some(part), Some(value)) => same_keys(schema, part, value, &path, different),
            _ => different.push(path),
        }
    }
}
