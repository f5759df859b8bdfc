//! A credential plugin that never ends costs its cluster, and not the run.

use std::fs;
use std::time::Duration;

use mesh_testkit::apiserver::Door;
use mesh_tests::TestEnv;
use serde_json::{Value, json};

use super::fleet::{VICTIM, mesh, start};

#[test]
fn a_credential_plugin_that_never_ends_is_not_waited_for() {
    let fleet = start(Door::Tls);
    let text = fs::read_to_string(fleet.kubeconfig()).unwrap();
    let mut config: Value = serde_saphyr::from_str(&text).unwrap();
    let exec = json!({"apiVersion": "client.authentication.k8s.io/v1", "command": "sleep", "args": ["60"], "interactiveMode": "Never"});
    for user in config["users"].as_array_mut().unwrap().iter_mut().filter(|user| user["name"] == VICTIM) {
        user["user"] = json!({"exec": exec});
    }
    fs::write(fleet.kubeconfig(), serde_saphyr::to_string(&config).unwrap()).unwrap();
    let env = TestEnv::new();
    let said = mesh(&env, &fleet, &["status", "-o", "json", "--cluster-timeout", "3s"]);
    assert_eq!(said.exit, Some(3), "{said:#?}");
    assert!(said.stderr.contains("payments-us-east is unseen: its credential plugin does not end"), "{said:#?}");
    assert!(said.took < Duration::from_secs(30), "{said:#?}");
}
