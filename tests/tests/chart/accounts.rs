//! The accounts of a release, on a real API server: they may what the roles say, and the sync works with that and no more.

use std::fs;
use std::time::Duration;

use mesh_testkit::helm::Helm;
use mesh_testkit::servers::{ApiServer, ApiServers, Crds, until};
use mesh_tests::{TestEnv, example};
use serde_json::{Value, json};

use super::accepted::CLUSTER;
use super::roles::{list, roles};
use super::{NAMESPACE, RELEASE, chart, objects, text, the};

/// Bindings can name the wrong account, role or namespace, which no look at the rules would show.
#[test]
fn each_account_may_what_its_roles_say_and_nothing_more_dangerous() {
    let Some((helm, servers)) = Helm::find().zip(ApiServers::shared(&[CLUSTER])) else { return };
    let server = servers.cluster(CLUSTER);
    let set = "crds.install=false,guard.enabled=false,sync.access=true,syncNamespace.name=accounts-sync,fullnameOverride=accounts,\
               admission.namespaceSelector.matchLabels.nobody=here";
    let chart = chart();
    let install =
        ["install", "accounts", chart.to_str().unwrap(), "--namespace", NAMESPACE, "--create-namespace", "--set", set];
    let said = helm.run_on(servers.kubeconfig(), &install);
    assert!(said.succeeded, "{}", said.stderr);

    let rendered = objects(&helm, set);
    let mut rights: Vec<(&str, Value)> = Vec::new();
    for role in roles(&rendered).filter(|role| text(role, "/metadata/labels/app.kubernetes.io~1component") != "people")
    {
        let account = if text(role, "/metadata/name").ends_with("-sync") { "accounts-sync" } else { "accounts" };
        for rule in role["rules"].as_array().unwrap() {
            for resource in list(&rule["resources"]) {
                for verb in list(&rule["verbs"]) {
                    let attributes = json!({
                        "group": list(&rule["apiGroups"])[0], "resource": resource, "verb": verb,
                        "name": list(&rule["resourceNames"]).first().unwrap_or(&""),
                        "namespace": text(role, "/metadata/namespace"),
                    });
                    rights.push((account, attributes));
                }
            }
        }
    }
    assert!(rights.len() > 80, "{}", rights.len());
    // What is allowed once stays so; roles are in force a moment after they were created.
    let all = until(Duration::from_secs(30), || {
        rights.retain(|(account, attributes)| !may(server, account, attributes));
        rights.is_empty()
    });
    assert!(all, "not allowed: {rights:#?}");
    for account in ["accounts", "accounts-sync"] {
        for (group, resource, verb, namespace) in [
            ("", "secrets", "list", ""),
            ("", "secrets", "get", NAMESPACE),
            ("", "secrets", "get", "accounts-sync"),
            ("apps", "deployments", "update", "default"),
            ("", "pods", "create", "default"),
            ("", "namespaces", "own", ""),
            ("kubectl-mesh.io", "globalnames", "delete", ""),
            ("kubectl-mesh.io", "globalnames", "breakglass", ""),
            ("networking.istio.io", "serviceentries", "create", "default"),
            ("rbac.authorization.k8s.io", "clusterroles", "update", ""),
            ("admissionregistration.k8s.io", "validatingwebhookconfigurations", "delete", ""),
        ] {
            let attributes = json!({"group": group, "resource": resource, "verb": verb, "namespace": namespace});
            assert!(!may(server, account, &attributes), "{account}: {attributes}");
        }
    }
    let transfer = json!({"group": "kubectl-mesh.io", "resource": "globalnames", "verb": "transfer"});
    assert_eq!([may(server, "accounts", &transfer), may(server, "accounts-sync", &transfer)], [false, true]);
}

/// The container's own arguments and kubeconfig, with this machine's paths, run by the account's token.
#[test]
fn the_sync_that_is_rendered_writes_its_cluster_by_its_account() {
    let Some((helm, servers)) = Helm::find().zip(ApiServers::start(&["c1"])) else { return };
    let server = servers.cluster("c1");
    server.install_crds(&Crds::ALL);
    let loaded = server.load(&example("bookstore").join("retail-us-west"));
    assert_eq!(loaded.refused, Vec::<String>::new());
    let env = TestEnv::new();
    let init = env
        .mesh(&["fleet", "init", "--yes"])
        .env("KUBECONFIG", servers.kubeconfig())
        .env("MESH_FLEET", "contexts:*")
        .output()
        .unwrap();
    assert!(init.status.success(), "{init:?}");

    // The guards are there, too.
    let set = "crds.install=false,syncNamespace.create=false,sync.enabled=true,sync.cluster=c1";
    let chart = chart();
    let install =
        ["install", RELEASE, chart.to_str().unwrap(), "--namespace", NAMESPACE, "--create-namespace", "--set", set];
    let said = helm.run_on(servers.kubeconfig(), &install);
    assert!(said.succeeded, "{}", said.stderr);

    let rendered = objects(&helm, set);
    let folder = env.root().join("mounted");
    fs::create_dir(&folder).unwrap();
    let account = env.root().join("account");
    fs::create_dir(&account).unwrap();
    fs::write(account.join("ca.crt"), server.ca_pem()).unwrap();
    fs::write(account.join("token"), token(server, "kubectl-mesh-sync")).unwrap();
    for (name, content) in the(&rendered, "ConfigMap", "kubectl-mesh-sync")["data"].as_object().unwrap() {
        let content = content.as_str().unwrap();
        let here = content
            .replace("https://kubernetes.default.svc", server.url())
            .replace("/var/run/secrets/kubernetes.io/serviceaccount", account.to_str().unwrap());
        assert_ne!(here, content);
        fs::write(folder.join(name), here).unwrap();
    }
    let container = &the(&rendered, "Deployment", "kubectl-mesh-sync")["spec"]["template"]["spec"]["containers"][0];
    // One round is enough here; `live::watching` has the rest.
    let arguments: Vec<String> = list(&container["args"])
        .into_iter()
        .filter(|argument| *argument != "--watch" && !argument.starts_with("--listen"))
        .map(|argument| argument.replace("/fleet", folder.to_str().unwrap()))
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_eq!(arguments.len(), 4, "{arguments:?}");
    let output = env.mesh(&arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let (_, entries) = server.get("/apis/networking.istio.io/v1/namespaces/mesh-sync/serviceentries");
    assert!(entries["items"].as_array().unwrap().len() > 3, "{output:?}");
}

fn may(server: &ApiServer, account: &str, attributes: &Value) -> bool {
    let user = format!("system:serviceaccount:{NAMESPACE}:{account}");
    let review = json!({"spec": {"user": user, "resourceAttributes": attributes}});
    server.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review).1["status"]["allowed"] == true
}

/// A token of a ServiceAccount of the release, as its pod gets it.
fn token(server: &ApiServer, account: &str) -> String {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{account}/token");
    let (code, answer) = server.create(&path, &json!({"spec": {"expirationSeconds": 3600}}));
    assert_eq!(code, 201, "{answer}");
    text(&answer, "/status/token").to_owned()
}
