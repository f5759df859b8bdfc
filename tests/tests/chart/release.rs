//! A release's life on a real API server: installed, upgraded three times, rolled back, uninstalled, installed again; with a
//! webhook that writes its CA into the configurations meanwhile.

use std::fs;

use mesh_testkit::helm::Helm;
use mesh_testkit::servers::{ApiServer, ApiServers};
use mesh_tests::copy_folder;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::names::claim;
use super::{NAMESPACE, RELEASE, chart, text};

const MUTATING: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/kubectl-mesh";
const VALIDATING: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/kubectl-mesh";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/mesh-system/deployments/kubectl-mesh";
const NAMES: &str = "/apis/kubectl-mesh.io/v1alpha1/globalnames";

/// Of every entry, the mutating one first, and those of Namespaces that opted in last.
const IGNORES: [&str; 5] = ["Ignore", "Ignore", "Ignore", "Fail", "Fail"];
const FAILS: [&str; 5] = ["Ignore", "Fail", "Fail", "Fail", "Fail"];

/// A certificate's place in these tests: API servers look into it only when they call.
const CA: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==";

/// A set of its own: CRDs come and go.
#[test]
fn upgrades_and_rollbacks_change_what_values_say_and_never_the_ca() {
    let Some((helm, servers)) = Helm::find().zip(ApiServers::start(&["releases"])) else { return };
    let server = servers.cluster("releases");
    let release = Release { helm: &helm, servers: &servers };

    release.helm(&["install", "--create-namespace"], "");
    assert_eq!(failure_policies(server), IGNORES);
    assert_eq!(owners(server, &["f:clientConfig", "f:caBundle"]), Vec::<String>::new());
    write_the_ca(server);
    assert_eq!(server.create(NAMES, &claim("prod.kept.global", "prod.kept.global", 1)).0, 201);
    ca_is_the_webhooks_and_the_policy_helms(server);

    release.helm(&["upgrade"], "admission.validating.failurePolicy=Fail,replicaCount=5");
    assert_eq!(failure_policies(server), FAILS);
    assert_eq!(server.get(DEPLOYMENT).1["spec"]["replicas"], 5);
    ca_is_the_webhooks_and_the_policy_helms(server);

    release.helm(&["upgrade"], "admission.validating.failurePolicy=Fail,admission.excludedNamespaces={calico},admission.validating.timeoutSeconds=5");
    assert_eq!(server.get(VALIDATING).1["webhooks"][1]["timeoutSeconds"], 5);
    assert_eq!(server.get(DEPLOYMENT).1["spec"]["replicas"], 3);
    ca_is_the_webhooks_and_the_policy_helms(server);

    // By another way to the certificate: the configurations stay, and so does the CA.
    release.helm(&["upgrade"], "tls.mode=existing-secret,tls.secretName=own,admission.mode=strict");
    assert_eq!(failure_policies(server), IGNORES);
    ca_is_the_webhooks_and_the_policy_helms(server);

    release.helm(&["rollback", "2"], "");
    assert_eq!(failure_policies(server), FAILS);
    assert_eq!(server.get(DEPLOYMENT).1["spec"]["replicas"], 5);
    ca_is_the_webhooks_and_the_policy_helms(server);

    somebody_else_may_not_decide_what_values_decide(server, &release);

    an_entry_that_a_later_chart_leaves_out_stops_the_upgrade(server, &release);

    release.helm(&["uninstall"], "");
    for path in [
        MUTATING,
        VALIDATING,
        DEPLOYMENT,
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/kubectl-mesh-claims",
    ] {
        assert_eq!(server.get(path).0, 404, "{path}");
    }
    assert_eq!(server.get(&format!("{NAMES}/prod.kept.global")).0, 200, "claims outlive the release");
    assert_eq!(server.get("/api/v1/namespaces/mesh-sync").0, 200, "and so does what was generated");

    release.helm(&["install"], "");
    assert_eq!(server.get(&format!("{NAMES}/prod.kept.global")).0, 200);
    assert_eq!(failure_policies(server), IGNORES);

    // The way out of an emergency, and back.
    assert_eq!([server.delete(MUTATING).0, server.delete(VALIDATING).0], [200, 200]);
    release.helm(&["upgrade", "--reset-then-reuse-values"], "admission.validating.failurePolicy=Fail");
    assert_eq!(failure_policies(server), FAILS);
}

/// One release and where it is.
struct Release<'t> {
    helm: &'t Helm,
    servers: &'t ApiServers,
}

impl Release<'_> {
    #[track_caller]
    fn helm(&self, verb: &[&str], set: &str) -> String {
        self.tried(verb, set).unwrap_or_else(|problem| panic!("{verb:?} {set}: {problem}"))
    }

    fn tried(&self, verb: &[&str], set: &str) -> Result<String, String> {
        let chart = chart();
        let mut arguments = vec![verb[0], RELEASE];
        if matches!(verb[0], "install" | "upgrade") {
            arguments.extend([chart.to_str().unwrap(), "--set", set]);
        }
        arguments.extend(&verb[1..]);
        arguments.extend(["--namespace", NAMESPACE]);
        let said = self.helm.run_on(self.servers.kubeconfig(), &arguments);
        if said.succeeded { Ok(said.stdout) } else { Err(said.stderr) }
    }
}

/// As the webhook does: by server-side apply to one configuration, by a patch to the other.
fn write_the_ca(server: &ApiServer) {
    let entries: Vec<Value> = server.get(VALIDATING).1["webhooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|webhook| json!({"name": webhook["name"], "clientConfig": {"caBundle": CA}}))
        .collect();
    let applied = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": RELEASE},
        "webhooks": entries,
    });
    let send = |path: &str, content_type: &str, body: &Value| {
        let path = format!("{path}?fieldManager=mesh-webhook");
        let (code, answer) =
            server.request_as(server.admin_token(), "PATCH", &path, Some((content_type, body.to_string())));
        assert_eq!(code, 200, "{answer}");
    };
    send(VALIDATING, "application/apply-patch+yaml", &applied);
    let patch = json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": CA}]);
    send(MUTATING, "application/json-patch+json", &patch);
}

#[track_caller]
fn ca_is_the_webhooks_and_the_policy_helms(server: &ApiServer) {
    for webhook in webhooks(server) {
        assert_eq!(webhook["clientConfig"]["caBundle"], CA, "{}", webhook["name"]);
    }
    assert_eq!(owners(server, &["f:clientConfig", "f:caBundle"]), vec!["mesh-webhook"; 5]);
    assert_eq!(owners(server, &["f:failurePolicy"]), vec!["helm"; 5]);
}

/// Who changes by hand what the values decide is told of by the next upgrade, which goes on only when told to.
fn somebody_else_may_not_decide_what_values_decide(server: &ApiServer, release: &Release<'_>) {
    let by_hand = json!([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]);
    let path = format!("{VALIDATING}?fieldManager=somebody");
    let (code, _) = server.request_as(
        server.admin_token(),
        "PATCH",
        &path,
        Some(("application/json-patch+json", by_hand.to_string())),
    );
    assert_eq!(code, 200);
    let closed = "admission.validating.failurePolicy=Fail";
    let problem = release.tried(&["upgrade"], closed).unwrap_err();
    assert!(problem.contains("conflict with \"somebody\"") && problem.contains(".failurePolicy"), "{problem}");
    assert_eq!(failure_policies(server), ["Ignore", "Ignore", "Fail", "Fail", "Fail"]);
    release.helm(&["upgrade", "--force-conflicts"], closed);
    assert_eq!(failure_policies(server), FAILS);
    ca_is_the_webhooks_and_the_policy_helms(server);
}

/// Why validatingwebhook.yaml says that no entry may be taken out: a rest with the CA would stay.
fn an_entry_that_a_later_chart_leaves_out_stops_the_upgrade(server: &ApiServer, release: &Release<'_>) {
    let folder = TempDir::new().unwrap();
    let later = folder.path().join("kubectl-mesh");
    copy_folder(&chart(), &later);
    let template = later.join("templates/validatingwebhook.yaml");
    let whole = fs::read_to_string(&template).unwrap();
    let less = whole.replace("range list $open $closed", "range list $open");
    assert_ne!(less, whole);
    fs::write(&template, less).unwrap();
    let upgrade = ["upgrade", RELEASE, later.to_str().unwrap(), "--namespace", NAMESPACE];
    let said = release.helm.run_on(release.servers.kubeconfig(), &upgrade);
    assert!(!said.succeeded && said.stderr.contains("webhooks[2].sideEffects"), "{}", said.stderr);
    assert_eq!(failure_policies(server), FAILS);
}

/// Every entry of both configurations, the mutating one first.
fn webhooks(server: &ApiServer) -> Vec<Value> {
    [MUTATING, VALIDATING].iter().flat_map(|path| server.get(path).1["webhooks"].as_array().unwrap().clone()).collect()
}

fn failure_policies(server: &ApiServer) -> Vec<String> {
    webhooks(server).iter().map(|webhook| text(webhook, "/failurePolicy").to_owned()).collect()
}

/// Who owns a field of each entry, in their order; every owner is one line.
fn owners(server: &ApiServer, field: &[&str]) -> Vec<String> {
    let mut owners = Vec::new();
    for path in [MUTATING, VALIDATING] {
        let (_, object) = server.get(path);
        for webhook in object["webhooks"].as_array().unwrap() {
            let key = format!("k:{}", json!({"name": webhook["name"]}));
            for entry in object["metadata"]["managedFields"].as_array().unwrap() {
                let owned =
                    field.iter().try_fold(&entry["fieldsV1"]["f:webhooks"][&key], |fields, part| fields.get(part));
                if owned.is_some() {
                    owners.push(text(entry, "/manager").to_owned());
                }
            }
        }
    }
    owners
}
