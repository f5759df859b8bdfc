//! Strict mode on a real cluster: what runs is refused until it is adopted, and nothing of it afterwards.

use mesh_testkit::helm::Helm;
use mesh_testkit::servers::{ApiServers, Crds, until};
use mesh_tests::{TestEnv, example};
use serde_json::{Value, json};

use super::process::{Certificates, SOON, Setup};
use super::running::{Installed, NAMESPACE, deployment, helm_installs};
use crate::live::Said;

#[test]
fn the_bookstore_is_deployed_anew_in_strict_mode_once_it_is_adopted() {
    is_deployed_anew("bookstore", "retail-us-west", &["edge-us-west", "payments-us-east"]);
}

#[test]
fn the_bank_is_deployed_anew_in_strict_mode_once_it_is_adopted() {
    is_deployed_anew("bank", "core-frankfurt", &["channels-dublin", "channels-frankfurt", "core-dublin"]);
}

/// An example on real clusters, of which one has a webhook that came after everything else.
fn is_deployed_anew(name: &str, hooked: &str, others: &[&str]) {
    let install = |helm: &Helm, servers: &ApiServers, values: &str| {
        servers.install_crds(&Crds::ALL);
        for cluster in servers.clusters() {
            assert_eq!(cluster.load(&example(name).join(cluster.name())).refused, Vec::<String>::new());
        }
        helm_installs(helm, servers, &format!("{values},crds.install=false,crds.admiral=false"));
    };
    let setup = Setup { arguments: &["--mode", "strict"], ..Certificates::Folder.into() };
    let Some(installed) = Installed::start_by(install, hooked, others, &setup, &[]) else { return };
    let unclaimed = || installed.creates("shop", &deployment("new", "new", "stage"), "?dryRun=All");
    assert!(until(SOON, || unclaimed().1.to_string().contains("[MESH-E102]")), "{}", unclaimed().1);
    let workloads = workloads(&installed);
    let before = refused(&installed, &workloads);
    assert!(before.len() > 1, "{before:?} of {workloads:?}");

    let env = TestEnv::new();
    let mesh = |args: &[&str]| {
        let mut command = env.mesh(args);
        command.env("KUBECONFIG", installed.servers.kubeconfig()).env("MESH_FLEET", "contexts:*");
        Said::of(&command.output().unwrap())
    };
    let policy = example(name).join("mesh.yaml");
    mesh(&["policy", "push", policy.to_str().unwrap(), "--yes"]).exits(0);
    mesh(&["names", "adopt", "--yes"]).exits(0).says("kubectl mesh sync");
    mesh(&["sync", "--yes"]).exits(0);
    let are_known = until(SOON, || refused(&installed, &workloads).is_empty());
    assert!(are_known, "{:?}", refused(&installed, &workloads));
    assert!(unclaimed().1.to_string().contains("[MESH-E102]"), "it is as strict as before");
}

/// Where the workloads of a cluster are.
fn workloads(installed: &Installed) -> Vec<String> {
    let mut paths = Vec::new();
    for plural in ["deployments", "statefulsets", "daemonsets"] {
        let list = installed.server().get(&format!("/apis/apps/v1/{plural}")).1;
        for object in list["items"].as_array().unwrap() {
            let text = |key: &str| object["metadata"][key].as_str().unwrap();
            // The webhook itself is looked at by nobody.
            if text("namespace") != NAMESPACE {
                paths.push(format!("/apis/apps/v1/namespaces/{}/{plural}/{}", text("namespace"), text("name")));
            }
        }
    }
    paths
}

/// What is said to those whose workload cannot be restarted.
fn refused(installed: &Installed, workloads: &[String]) -> Vec<String> {
    let restart =
        json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}});
    let restarts = |path: &String| -> Option<Value> {
        let patch = Some(("application/strategic-merge-patch+json", &restart));
        let (code, answer) = installed.tries("PATCH", &format!("{path}?dryRun=All"), patch);
        (code != 200).then_some(answer)
    };
    workloads.iter().filter_map(|path| Some(format!("{path}: {}", restarts(path)?["message"]))).collect()
}
