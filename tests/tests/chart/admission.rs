//! The webhook configurations on a real API server whose webhook is down: who is asked, and who passes without.

use std::time::Duration;

use http::Method;
use mesh_testkit::helm::Helm;
use mesh_testkit::rest::Rest;
use mesh_testkit::servers::{ApiServer, ApiServers, Crds, User, until};
use serde_json::{Value, json};

use super::accepted::{CLUSTER, make_namespace};
use super::{chart, text};

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/looked-at/deployments";
const MARK: &str = "kubectl-mesh.io/global-name";

#[test]
fn with_the_webhook_down_namespaces_that_opted_in_are_closed_and_break_glass_passes() {
    let Some((helm, servers)) = Helm::find().zip(ApiServers::shared(&[CLUSTER])) else { return };
    let server = servers.cluster(CLUSTER);
    server.install_crds(&[Crds::Admiral, Crds::Istio, Crds::Rollouts]);
    make_namespace(server, "looked-at", &json!({"gate": "on", "fails": "closed"}));
    make_namespace(server, "fails-open", &json!({"gate": "on"}));
    make_namespace(server, "overlooked", &json!({"fails": "closed"}));
    let deployer = user(server, "deployer", &[]);
    let breaker = user(server, "breaker", &["breakglass"]);
    // Nobody listens on port 1.
    let chart = chart();
    let set = "crds.install=false,guard.enabled=false,syncNamespace.name=admission-sync,admission.url=https://127.0.0.1:1,\
               admission.validating.failClosedLabel=fails=closed,admission.namespaceSelector.matchLabels.gate=on";
    let said = helm.run_on(
        servers.kubeconfig(),
        &[
            "install",
            "admission",
            chart.to_str().unwrap(),
            "--namespace",
            "admission",
            "--create-namespace",
            "--set",
            set,
        ],
    );
    assert!(said.succeeded, "{}", said.stderr);

    let tried = |user: &User, path: &str, object: &Value| {
        server.request_as(
            &user.token,
            "POST",
            &format!("{path}?dryRun=All"),
            Some(("application/json", object.to_string())),
        )
    };
    let refused = |(code, answer): (u16, Value), webhook: &str| {
        code == 500 && text(&answer, "/message").contains(&format!("failed calling webhook \"{webhook}\""))
    };
    let closed = until(Duration::from_secs(30), || {
        refused(tried(deployer, DEPLOYMENTS, &deployment("d", &json!({}))), "names-closed.kubectl-mesh.io")
    });
    assert!(closed, "{:?}", tried(deployer, DEPLOYMENTS, &deployment("d", &json!({}))));

    for (path, object) in looked_at() {
        assert!(
            refused(tried(deployer, &path, &object), "names-closed.kubectl-mesh.io"),
            "{path}: {:?}",
            tried(deployer, &path, &object)
        );
        let (code, answer) = tried(breaker, &path, &object);
        assert_eq!(code, 201, "{path}: {answer}");
        for namespace in ["fails-open", "overlooked"] {
            let elsewhere = path.replace("looked-at", namespace);
            assert_eq!(tried(deployer, &elsewhere, &object).0, 201, "{elsewhere}");
        }
    }
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    assert_eq!(tried(deployer, "/api/v1/namespaces/looked-at/pods", &pod).0, 201, "pods are nobody's business");

    marks_change_through_status_only_when_asked(server, deployer, breaker, &refused);
    breaking_the_glass_is_said(server, breaker);
}

/// Most statuses are written by controllers, thousands of times: these requests must not be asked about.
fn marks_change_through_status_only_when_asked(
    server: &ApiServer,
    deployer: &User,
    breaker: &User,
    refused: &dyn Fn((u16, Value), &str) -> bool,
) {
    let (code, answer) = server.create(DEPLOYMENTS, &deployment("marked", &json!({MARK: "prod.a.global"})));
    assert_eq!(code, 201, "an administrator may break the glass: {answer}");
    let write = |user: &User, mark: &str| {
        let (_, mut object) = server.get(&format!("{DEPLOYMENTS}/marked"));
        object["metadata"]["annotations"][MARK] = json!(mark);
        object["status"]["observedGeneration"] = json!(1);
        let path = format!("{DEPLOYMENTS}/marked/status?dryRun=All");
        server.request_as(&user.token, "PUT", &path, Some(("application/json", object.to_string())))
    };
    assert_eq!(write(deployer, "prod.a.global").0, 200);
    assert!(
        refused(write(deployer, "prod.b.global"), "marks-closed.kubectl-mesh.io"),
        "{:?}",
        write(deployer, "prod.b.global")
    );
    assert_eq!(write(breaker, "prod.b.global").0, 200);
}

fn breaking_the_glass_is_said(server: &ApiServer, breaker: &User) {
    let warned = |annotations: &Value| {
        let client = Rest::new(server.url(), &breaker.token, server.ca_pem());
        let path = format!("{DEPLOYMENTS}?dryRun=All");
        let answer =
            client.send(Method::POST, &path, Some(("application/json", &deployment("b", annotations)))).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.json);
        answer
            .headers
            .get("warning")
            .is_some_and(|warning| warning.to_str().unwrap().contains("[MESH-W204] break-glass was used"))
    };
    assert!(until(Duration::from_secs(30), || warned(&json!({MARK: "prod.a.global"}))));
    assert!(!warned(&json!({})), "a workload without a global name is nobody's");
}

/// A user who may write workloads, and the verbs given on globalnames.
fn user<'s>(server: &'s ApiServer, name: &str, verbs: &[&str]) -> &'s User {
    let user = server.user();
    let usual = ["get", "list", "create", "update"];
    let mut rules = vec![
        json!({"apiGroups": ["apps"], "resources": ["deployments", "deployments/status", "statefulsets", "daemonsets"], "verbs": usual}),
        json!({"apiGroups": ["argoproj.io"], "resources": ["rollouts"], "verbs": usual}),
        json!({"apiGroups": ["batch"], "resources": ["jobs", "cronjobs"], "verbs": usual}),
        json!({"apiGroups": ["admiral.io"], "resources": ["globaltrafficpolicies"], "verbs": usual}),
        json!({"apiGroups": ["networking.istio.io"], "resources": ["serviceentries", "virtualservices"], "verbs": usual}),
        json!({"apiGroups": [""], "resources": ["pods"], "verbs": usual}),
    ];
    if !verbs.is_empty() {
        rules.push(json!({"apiGroups": ["kubectl-mesh.io"], "resources": ["globalnames"], "verbs": verbs}));
    }
    server.grant(user, &json!({"metadata": {"name": format!("admission-{name}")}, "rules": rules}));
    user
}

fn deployment(name: &str, annotations: &Value) -> Value {
    json!({"metadata": {"name": name, "annotations": annotations}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template()}})
}

fn template() -> Value {
    json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
}

/// An object of each kind that is looked at, in the oldest version that is served.
fn looked_at() -> Vec<(String, Value)> {
    let mut job = template();
    job["spec"]["restartPolicy"] = json!("Never");
    let selector = json!({"matchLabels": {"a": "b"}});
    let named = |spec: Value| json!({"metadata": {"name": "d"}, "spec": spec});
    let custom = |version: &str, kind: &str, spec: Value| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "d"}, "spec": spec});
    let apps = |plural: &str| format!("/apis/apps/v1/namespaces/looked-at/{plural}");
    let istio = "networking.istio.io/v1alpha3";
    vec![
        (apps("deployments"), named(json!({"selector": selector, "template": template()}))),
        (apps("statefulsets"), named(json!({"selector": selector, "serviceName": "d", "template": template()}))),
        (apps("daemonsets"), named(json!({"selector": selector, "template": template()}))),
        ("/apis/batch/v1/namespaces/looked-at/jobs".into(), named(json!({"template": job}))),
        (
            "/apis/batch/v1/namespaces/looked-at/cronjobs".into(),
            named(json!({"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": job}}})),
        ),
        (
            "/apis/argoproj.io/v1alpha1/namespaces/looked-at/rollouts".into(),
            custom("argoproj.io/v1alpha1", "Rollout", json!({})),
        ),
        (
            "/apis/admiral.io/v1alpha1/namespaces/looked-at/globaltrafficpolicies".into(),
            custom("admiral.io/v1alpha1", "GlobalTrafficPolicy", json!({})),
        ),
        (
            format!("/apis/{istio}/namespaces/looked-at/serviceentries"),
            custom(
                istio,
                "ServiceEntry",
                json!({"hosts": ["a.global"], "ports": [{"number": 80, "name": "http"}], "resolution": "DNS"}),
            ),
        ),
        (
            format!("/apis/{istio}/namespaces/looked-at/virtualservices"),
            custom(istio, "VirtualService", json!({"hosts": ["a.global"]})),
        ),
    ]
}
