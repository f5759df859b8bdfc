//! The chart on its way in by GitOps, and on its way out: by Helm, and in an emergency.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{fs, thread};

use mesh_testkit::helm::Helm;
use mesh_testkit::servers::{ApiServer, ApiServers, Crds, until};
use serde_json::{Value, json};

use super::kubectl::Kubectl;
use super::process::{Certificates, SOON};
use super::running::{CHART, CONFIGURATIONS, FULL_NAME, Installed, NAMESPACE, RELEASE, deployment};

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/mesh-system/deployments/mesh-kubectl-mesh";

/// Whatever the chart may make, as paths of everything of a kind.
const KINDS: [&str; 17] = [
    "/api/v1/namespaces",
    "/api/v1/configmaps",
    "/api/v1/secrets",
    "/api/v1/services",
    "/api/v1/serviceaccounts",
    "/apis/apps/v1/deployments",
    "/apis/policy/v1/poddisruptionbudgets",
    "/apis/networking.k8s.io/v1/networkpolicies",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/apis/rbac.authorization.k8s.io/v1/roles",
    "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
];

#[test]
fn an_uninstall_breaks_no_deploy_and_leaves_what_it_says() {
    let Some(mut installed) = Installed::start("uninstall", Certificates::SelfManaged) else { return };
    assert_eq!(installed.creates("shop", &deployment("web", "checkout", "stage"), "").0, 201);
    installed.claim("stage.checkout.global");
    let (is_over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let failed = thread::scope(|scope| {
        let deploys = scope.spawn(|| deploys_until(&installed, &count, &is_over));
        let deployed = |more: usize| {
            let now = count.load(Ordering::Relaxed);
            assert!(until(SOON, || count.load(Ordering::Relaxed) >= now + more), "nobody deploys");
        };
        deployed(20);
        let said =
            installed.helm.run_on(installed.servers.kubeconfig(), &["uninstall", RELEASE, "--namespace", NAMESPACE]);
        assert!(said.succeeded, "{}", said.stderr);
        // As the kubelet, once the pods are to go.
        assert_eq!(installed.server().get(DEPLOYMENT).0, 404);
        installed.webhook.terminate();
        deployed(50);
        is_over.store(true, Ordering::Relaxed);
        deploys.join().unwrap()
    });
    assert!(failed.is_empty(), "{} of {}: {:?}", failed.len(), count.into_inner(), failed.first());
    assert_eq!(installed.webhook.ends(), Some(0), "{}", installed.webhook.log());
    assert_eq!(installed.creates("pay", &deployment("thief", "checkout", "stage"), "?dryRun=All").0, 201);
    let left = left(installed.server());
    let crds =
        ["globalnames", "globalnamesets"].map(|plural| format!("customresourcedefinitions {plural}.kubectl-mesh.io"));
    assert!(crds.iter().all(|crd| left.contains(crd)), "{left:?}");
    let others: Vec<&String> = left.iter().filter(|one| !one.starts_with("customresourcedefinitions ")).collect();
    // README.md of the chart says so of each.
    assert_eq!(others, ["namespaces mesh-sync", "namespaces mesh-system", "secrets mesh-kubectl-mesh-tls"]);
    installed.claim("stage.checkout.global");
}

/// The deploys that failed.
fn deploys_until(installed: &Installed, count: &AtomicUsize, is_over: &AtomicBool) -> Vec<Value> {
    let mut failed = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let (code, answer) = installed.creates("shop", &deployment("steady", "steady", "stage"), "?dryRun=All");
        count.fetch_add(1, Ordering::Relaxed);
        if code != 201 {
            failed.push(answer);
        }
    }
    failed
}

/// What is there of the release: by its labels, by its name, or the namespace itself.
fn left(server: &ApiServer) -> Vec<String> {
    let mut left = Vec::new();
    for path in KINDS {
        let kind = path.rsplit('/').next().unwrap();
        for object in server.get(path).1["items"].as_array().unwrap() {
            let name = object["metadata"]["name"].as_str().unwrap();
            let of_release = object["metadata"]["labels"]["app.kubernetes.io/instance"] == RELEASE;
            let is_named = name.contains(FULL_NAME) || name == NAMESPACE || name.starts_with("sh.helm.release");
            if of_release || is_named {
                left.push(format!("{kind} {name}"));
            }
        }
    }
    left
}

#[test]
fn what_helm_renders_can_be_applied_again_and_again() {
    let install = |helm: &Helm, servers: &ApiServers, values: &str| {
        let namespace = json!({"metadata": {"name": NAMESPACE}});
        assert_eq!(servers.clusters()[0].create("/api/v1/namespaces", &namespace).0, 201);
        apply(helm, servers, values);
    };
    let (setup, crds) = (Certificates::SelfManaged.into(), [Crds::Istio]);
    let Some(installed) = Installed::start_by(install, "gitops", &[], &setup, &crds) else { return };
    assert_eq!(installed.creates("shop", &deployment("web", "checkout", "stage"), "").0, 201);
    installed.claim("stage.checkout.global");
    let thief = deployment("thief", "checkout", "stage");
    let refused = || {
        let (code, answer) = installed.creates("pay", &thief, "?dryRun=All");
        assert_eq!(code, 403, "{answer}");
        assert!(answer["message"].as_str().unwrap().contains("[MESH-E101]"), "{answer}");
    };
    refused();
    let entries = || -> Vec<(Value, Value)> {
        let configuration = |kind| installed.server().get(&format!("{CONFIGURATIONS}/{kind}/{FULL_NAME}")).1;
        let both = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"].map(configuration);
        let all = both.iter().flat_map(|one| one["webhooks"].as_array().unwrap());
        all.map(|one| (one["clientConfig"]["caBundle"].clone(), one["timeoutSeconds"].clone())).collect()
    };
    let before = entries();
    assert!(before.len() == 5 && before.iter().all(|(bundle, _)| bundle.is_string()), "{before:?}");
    for more in ["", "admission.validating.timeoutSeconds=5,replicaCount=4"] {
        apply(&installed.helm, &installed.servers, &format!("{},{more}", installed.values));
        let after = entries();
        let bundles = |entries: &[(Value, Value)]| entries.iter().map(|(bundle, _)| bundle.clone()).collect::<Vec<_>>();
        assert_eq!(bundles(&after), bundles(&before), "whoever has the certificate has the CA");
        assert_eq!(after[1].1, if more.is_empty() { 3 } else { 5 }, "and what the values say is so");
        refused();
    }
    assert_eq!(installed.server().get(DEPLOYMENT).1["spec"]["replicas"], 4);
}

/// Applies what Helm renders, as README.md of the chart says.
fn apply(helm: &Helm, servers: &ApiServers, values: &str) {
    let rendered = helm.run(&["template", RELEASE, CHART, "--namespace", NAMESPACE, "--skip-tests", "--set", values]);
    assert!(rendered.succeeded, "{}", rendered.stderr);
    let kubectl = Kubectl::of(&fs::read_to_string(servers.kubeconfig()).unwrap()).unwrap();
    fs::write(kubectl.folder().join("rendered.yaml"), rendered.stdout).unwrap();
    let said = kubectl.runs(&["apply", "--server-side", "-f", "rendered.yaml"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
}

#[test]
fn one_command_takes_a_dead_webhook_out_of_the_way() {
    let Some(mut installed) = Installed::start("emergency", Certificates::Folder) else { return };
    let Some(kubectl) = Kubectl::of(&fs::read_to_string(installed.servers.kubeconfig()).unwrap()) else { return };
    let web = deployment("web", "checkout", "stage");
    assert_eq!(installed.creates("shop", &web, "?dryRun=All").0, 201);
    installed.webhook.terminate();
    installed.webhook.ends();
    let (code, answer) = installed.creates("shop", &web, "?dryRun=All");
    assert_eq!(code, 500, "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("failed calling webhook"), "{answer}");

    // There the release has the name of the chart.
    let command = documented("In an emergency").replace(" kubectl-mesh ", &format!(" {FULL_NAME} "));
    let words: Vec<&str> = command.split_whitespace().collect();
    assert_eq!(words[0], "kubectl");
    let said = kubectl.runs(&words[1..]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let mut last = String::new();
    let passes = until(SOON, || {
        let (code, answer) = installed.creates("shop", &web, "?dryRun=All");
        last.clear();
        let _ = write!(last, "{answer}");
        code == 201
    });
    assert!(passes, "{last}");
}

/// The only command of a section of the chart's README.
fn documented(section: &str) -> String {
    let text = fs::read_to_string(Path::new(CHART).join("README.md")).unwrap();
    let (_, rest) = text.split_once(&format!("\n## {section}\n")).unwrap();
    let part = rest.split("\n## ").next().unwrap();
    let commands: Vec<&str> = part.split("```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
    assert!(commands.len() == 1 && commands[0].lines().count() == 1, "{commands:?}");
    commands[0].to_owned()
}
