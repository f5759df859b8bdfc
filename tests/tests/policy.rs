//! The policy, its schema, its documentation and what is made of Admiral's flags agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use mesh_model::policy::{self, MeshPolicy, import_admiral_flags, minimal_yaml, parse, to_yaml};
use serde_json::Value;

/// A policy in which every field is written, in its largest form.
const EVERY_FIELD: &str = r#"
apiVersion: kubectl-mesh.io/v1alpha1
sans: {template: "spiffe://bank.example/{identity}"}
exportTo: {hosts: [checkout]}
check: {suppress: [{code: no-region, cluster: c1, place: c1, reason: r, until: 2027-01-31}]}
fleet:
  members:
  - {name: c1, uid: u, context: c, region: r, network: n, gateway: none, trustDomain: c1.local, state: retired}
"#;

#[test]
fn the_schema_has_every_field_of_a_policy_and_no_other() {
    let schema = policy::schema();
    let mut written = BTreeSet::new();
    fields(&json(&to_yaml(&parse(EVERY_FIELD, "mesh.yaml").unwrap())), "", &mut written);
    let described: BTreeSet<_> = properties(&schema, &schema, "").into_keys().collect();
    assert_eq!(described, written);
}

#[test]
fn the_documentation_has_every_field() {
    let docs = fs::read_to_string(root().join("docs/policy.md")).unwrap();
    let schema = policy::schema();
    for (field, place) in properties(&schema, &schema, "") {
        let is_group = place.get("properties").is_some();
        assert!(is_group || docs.contains(&format!("| `{field}` |")), "docs/policy.md has no row for {field}");
    }
}

#[test]
fn the_example_of_the_documentation_is_the_default_policy_with_one_member() {
    let docs = fs::read_to_string(root().join("docs/policy.md")).unwrap();
    let example = docs.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let mut policy = parse(example, "docs/policy.md").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(problems(&json(example)), Vec::<String>::new());
    assert_eq!(policy.fleet.members.len(), 1);
    policy.fleet.members.clear();
    assert_eq!(policy, MeshPolicy::default());
}

#[test]
fn the_defaults_of_the_schema_are_the_programs() {
    let schema = policy::schema();
    let default = json(&to_yaml(&MeshPolicy::default()));
    let mut compared = 0;
    for (field, described) in properties(&schema, &schema, "") {
        let ours = field.split('.').try_fold(&default, |value, name| value.get(name));
        if let (Some(ours), Some(theirs)) = (ours, described.get("default")) {
            assert_eq!(theirs, ours, "{field}");
            compared += 1;
        }
    }
    assert!(compared > 25, "only {compared} defaults were compared");
}

#[test]
fn the_schema_accepts_what_the_program_accepts_and_refuses_what_it_refuses() {
    for good in [
        "suffix: mesh.example",
        "adopt: off",
        "vip: off",
        "vip: {}",
        "vip: {range: 10.0.0.0/8, ipv6: on}",
        "sans: serviceAccounts",
        "sans: {template: \"spiffe://{identity}\"}",
        "exportTo: {hosts: [a], maxNamespaces: 1}",
        "traffic: {outlier: off, warmupSeconds: 0}",
        "check: {suppress: []}",
        "check: {suppress: [{code: MESH-C034, reason: a, until: 2027-01-31}]}",
        "fleet: {members: [{name: c1}]}",
        "fleet: {members: []}",
    ] {
        assert!(parse(good, "mesh.yaml").is_ok(), "{good}");
        assert_eq!(problems(&json(good)), Vec::<String>::new(), "{good}");
    }
    for bad in [
        "apiVersion: v2",
        "kind: Policy",
        "unknown: 1",
        "revision: 0",
        "revision: x",
        "suffix: \"\"",
        "suffix: [a]",
        "adopt: istio",
        "keys: {other: a}",
        "keys: {env: \"\"}",
        "ownerFrom: []",
        "injection: off",
        "gateway: {apps: []}",
        "gateway: {trailingDot: 3}",
        "vip: on",
        "vip: {range: 7}",
        "vip: {ipv6: both}",
        "sans: template",
        "sans: {}",
        "exportTo: {hosts: []}",
        "exportTo: {maxNamespaces: 0}",
        "traffic: {warmupSeconds: 86401}",
        "traffic: {maxRequestsPerConnection: 2147483648}",
        "traffic: {outlier: none}",
        "exclude: [\"\"]",
        "claims: {ephemeralEnvs: a}",
        "check: {suppress: [{code: no-region, until: 2027-01-31}]}",
        "check: {suppress: [{code: no-region, reason: \"\", until: 2027-01-31}]}",
        "check: {suppress: [{code: no-region, reason: a, until: 2027-01-31, place: \"\"}]}",
        "check: {ignore: []}",
        "fleet: {members: [{}]}",
        "fleet: {members: [{name: a, state: gone}]}",
    ] {
        assert!(parse(bad, "mesh.yaml").is_err(), "{bad}");
        assert_ne!(problems(&json(bad)), Vec::<String>::new(), "{bad}");
    }
}

#[test]
fn the_flags_of_every_conformance_case_make_a_policy() {
    let mut cases = 0;
    for entry in fs::read_dir(root().join("tests/conformance")).unwrap() {
        let file = entry.unwrap().path().join("admiral-flags.txt");
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let imported = import_admiral_flags(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for (flag, reason) in &imported.ignored {
            assert!(!reason.contains("unknown"), "{}: {flag} is {reason}", file.display());
        }
        for yaml in [minimal_yaml(&imported.policy), to_yaml(&imported.policy)] {
            assert_eq!(parse(&yaml, "imported").unwrap(), imported.policy, "{}", file.display());
            assert_eq!(problems(&json(&yaml)), Vec::<String>::new(), "{}", file.display());
        }
        cases += 1;
    }
    assert!(cases >= 52, "only {cases} cases have flags");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace").to_owned()
}

fn json(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).expect("YAML that was read before")
}

/// The paths of all values that are neither mappings nor lists of mappings (`fleet.members[].name`), and of both.
fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                fields(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(items) => {
            for item in items.iter().filter(|item| item.is_object()) {
                fields(item, &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

/// What the schema says of each path, in the notation of [`fields`].
fn properties<'s>(schema: &'s Value, root: &'s Value, path: &str) -> BTreeMap<String, &'s Value> {
    let mut found = BTreeMap::new();
    let schema = resolved(schema, root);
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        found.extend(properties(property, root, &path));
        found.insert(path, property);
    }
    for form in schema.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        found.extend(properties(form, root, path));
    }
    if let Some(items) = schema.get("items") {
        found.extend(properties(items, root, &format!("{path}[]")));
    }
    found
}

fn resolved<'s>(schema: &'s Value, root: &'s Value) -> &'s Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => root.pointer(&reference[1..]).expect("a reference into the schema"),
        None => schema,
    }
}

/// What the schema has against `value`. Patterns are not checked; an unknown keyword is a failure of the test.
fn problems(value: &Value) -> Vec<String> {
    let schema = policy::schema();
    let mut found = Vec::new();
    check(value, &schema, &schema, "", &mut found);
    found
}

fn check(value: &Value, schema: &Value, root: &Value, path: &str, found: &mut Vec<String>) {
    let length = |value: &Value| value.as_str().map(|text| text.chars().count());
    let count = |value: &Value| value.as_array().map(Vec::len);
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        let fine = match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "default" | "pattern" => true,
            "$ref" => {
                check(value, resolved(schema, root), root, path, found);
                true
            }
            "type" => match wanted.as_str().expect("types are named") {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_u64() || value.is_i64(),
                "boolean" => value.is_boolean(),
                other => panic!("the schema has type {other}"),
            },
            "const" => value == wanted,
            "enum" => list(wanted).contains(value),
            "minimum" => value.as_u64().is_none_or(|value| value >= number(wanted)),
            "maximum" => value.as_u64().is_none_or(|value| value <= number(wanted)),
            "minLength" => length(value).is_none_or(|length| length as u64 >= number(wanted)),
            "maxLength" => length(value).is_none_or(|length| length as u64 <= number(wanted)),
            "minItems" => count(value).is_none_or(|count| count as u64 >= number(wanted)),
            "maxItems" => count(value).is_none_or(|count| count as u64 <= number(wanted)),
            "required" => list(wanted).iter().all(|name| value.get(name.as_str().unwrap_or_default()).is_some()),
            "additionalProperties" => {
                assert_eq!(wanted, false, "the schema is closed");
                let known = &schema["properties"];
                value.as_object().is_none_or(|map| map.keys().all(|name| known.get(name).is_some()))
            }
            "properties" => {
                for (name, schema) in wanted.as_object().into_iter().flatten() {
                    if let Some(value) = value.get(name) {
                        check(value, schema, root, &format!("{path}.{name}"), found);
                    }
                }
                true
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    check(item, wanted, root, &format!("{path}[]"), found);
                }
                true
            }
            "oneOf" => {
                let fits = list(wanted).iter().filter(|form| {
                    let mut found = Vec::new();
                    check(value, form, root, path, &mut found);
                    found.is_empty()
                });
                fits.count() == 1
            }
            other => panic!("the schema has keyword {other}, which this test does not know"),
        };
        if !fine {
            found.push(format!("{path}: {value} breaks {keyword} {wanted}"));
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("the keyword takes a list")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("the keyword takes a number")
}
