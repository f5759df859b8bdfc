//! What `-o json` prints follows the published schemas, and `-o yaml` prints the same.

use std::fs;
use std::path::Path;

use mesh_tests::{TestEnv, copy_folder, example};
use serde_json::Value;

#[test]
fn documents_follow_their_schemas_and_yaml_is_the_same_document() {
    for (words, schema) in [
        (vec!["whereis", "tax"], "whereis"),
        (vec!["whereis", "*"], "whereis"),
        (vec!["explain", "*"], "explain"),
        (vec!["explain", "tax", "edge-us-west", "exportTo"], "explain"),
        (vec!["graph"], "graph"),
        (vec!["graph", "tax", "--cluster", "retail-*"], "graph"),
        (vec!["fleet", "list"], "fleet-members"),
        (vec!["names"], "name-list"),
        (vec!["names", "adopt", "--dry-run"], "plan"),
        (vec!["version"], "version"),
        (vec!["policy", "show"], "mesh-policy"),
    ] {
        let json: Value = serde_json::from_str(&print(&words, "json")).unwrap();
        let problems = problems(schema, &json);
        assert!(problems.is_empty(), "{words:?}: {problems:#?}");
        let yaml: Value = serde_saphyr::from_str(&print(&words, "yaml")).unwrap();
        assert_eq!(yaml, json, "{words:?}");
    }
}

#[test]
fn the_schemas_refuse_what_is_not_in_them() {
    let good: Value = serde_json::from_str(&print(&["whereis", "tax"], "json")).unwrap();
    for change in [
        |value: &mut Value| value["extra"] = true.into(),
        |value: &mut Value| value["kind"] = "Other".into(),
        |value: &mut Value| value["apiVersion"] = "v1".into(),
        |value: &mut Value| value["names"][0]["foundBy"] = "identity".into(),
        |value: &mut Value| drop(value.as_object_mut().unwrap().remove("unseen")),
    ] {
        let mut bad = good.clone();
        change(&mut bad);
        assert!(!problems("whereis", &bad).is_empty(), "{bad}");
    }
}

fn problems(schema: &str, document: &Value) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/schemas/{schema}.schema.json"));
    let schema: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn print(words: &[&str], format: &str) -> String {
    let env = TestEnv::new();
    copy_folder(&example("bookstore"), &env.fleet());
    let output = env.on_fleet(&[words, &["-o", format]].concat()).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
