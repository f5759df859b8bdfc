//! The webhook as it runs in a cluster: installed by the real Helm, with the rights of its service account.

use std::sync::atomic::{AtomicBool, Ordering};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use mesh_testkit::helm::Helm;
use mesh_testkit::servers::{ApiServer, ApiServers, Crds, User, until};
use serde_json::{Value, json};

use super::process::{Addresses, Certificates, SOON, Setup, Webhook};

pub(super) const CONFIGURATIONS: &str = "/apis/admissionregistration.k8s.io/v1";

/// A cluster where the webhook runs.
pub(super) struct Installed {
    pub(super) servers: ApiServers,
    pub(super) helm: Helm,
    /// What Helm was told.
    pub(super) values: String,
    pub(super) webhook: Webhook,
    pub(super) deployer: User,
}

/// The chart.
pub(super) const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/kubectl-mesh");
/// The names of what it makes.
pub(super) const RELEASE: &str = "mesh";
pub(super) const NAMESPACE: &str = "mesh-system";
pub(super) const FULL_NAME: &str = "mesh-kubectl-mesh";

impl Installed {
    /// Installs the chart, starts the webhook, and lets the API server ask it. `shop` and `more` are of team-shop, `pay` of
    /// team-pay.
    pub(super) fn start<'s>(name: &str, setup: impl Into<Setup<'s>>) -> Option<Self> {
        Self::start_beside(name, &[], setup)
    }

    /// The same, beside clusters without a webhook.
    pub(super) fn start_beside<'s>(name: &str, others: &[&str], setup: impl Into<Setup<'s>>) -> Option<Self> {
        Self::start_among(name, others, setup, &[Crds::Istio, Crds::Rollouts])
    }

    /// The same in a cluster that has these CRDs, and those of the chart.
    pub(super) fn start_among<'s>(
        name: &str,
        others: &[&str],
        setup: impl Into<Setup<'s>>,
        crds: &[Crds],
    ) -> Option<Self> {
        Self::start_by(helm_installs, name, others, &setup.into(), crds)
    }

    /// The same, installed otherwise: by Helm, beside servers, with values.
    pub(super) fn start_by(
        install: impl FnOnce(&Helm, &ApiServers, &str),
        name: &str,
        others: &[&str],
        setup: &Setup<'_>,
        crds: &[Crds],
    ) -> Option<Self> {
        let (helm, servers) = Helm::find().zip(ApiServers::start(&[&[name], others].concat()))?;
        let server = servers.cluster(name);
        server.install_crds(crds);
        make_namespaces(server);
        if crds.contains(&Crds::Rollouts) {
            add_a_broken_rollout(server);
        }
        let at = Addresses::free();
        let mode = match setup.certificates {
            Certificates::Folder => "tls.mode=existing-secret,tls.secretName=tls",
            Certificates::SelfManaged => "tls.mode=self-managed",
        };
        let values = format!("admission.url=https://{},admission.validating.failurePolicy=Fail,{mode}", at.reviews);
        install(&helm, &servers, &values);
        let told: &[&str] = match setup.certificates {
            Certificates::Folder => &["--namespace", NAMESPACE, "--validating-configuration", FULL_NAME],
            Certificates::SelfManaged => &[],
        };
        let arguments = [setup.arguments, told, &["--replica", "first"]].concat();
        let webhook = Webhook::spawn(&kubeconfig(server), at, &Setup { arguments: &arguments, ..*setup });
        if webhook.own.is_some() {
            tell(server, &webhook.ca_pem);
        }
        let deployer = deployer(server);
        let installed = Self { servers, helm, values, webhook, deployer };
        installed.webhook.gets_ready();
        let asked = until(SOON, || installed.is_asked());
        assert!(asked, "the API server does not ask the webhook\n{}", installed.webhook.log());
        Some(installed)
    }

    /// Whether the webhook refuses what it should, by way of the API server: what it alone can tell, whatever else judges.
    pub(super) fn is_asked(&self) -> bool {
        let mut probe = deployment("probe", "checkout", "stage");
        probe["metadata"]["labels"] = json!({"kubectl-mesh.io/identity": "0000000000000000"});
        let (_, answer) = self.creates("shop", &probe, "?dryRun=All");
        answer["message"].as_str().is_some_and(|message| message.contains("denied the request: [MESH-E106]"))
    }

    /// Upgrades the release to the values that it has, and these.
    pub(super) fn upgrades(&self, more: &str) {
        helm_does(&self.helm, &self.servers, &["upgrade"], &format!("{},{more}", self.values));
    }

    /// What the webhook's account reaches the API server by.
    pub(super) fn kubeconfig(&self) -> String {
        kubeconfig(self.server())
    }

    /// Another replica, which sees to its certificate itself. It is not waited for.
    pub(super) fn replica(&self) -> Webhook {
        let setup = Setup { arguments: &["--replica", "second"], ..Certificates::SelfManaged.into() };
        Webhook::spawn(&self.kubeconfig(), Addresses::free(), &setup)
    }

    pub(super) fn server(&self) -> &ApiServer {
        &self.servers.clusters()[0]
    }

    /// What becomes of a request of somebody who may deploy.
    pub(super) fn tries(&self, method: &str, path: &str, body: Option<(&str, &Value)>) -> (u16, Value) {
        let body = body.map(|(content_type, object)| (content_type, object.to_string()));
        self.server().request_as(&self.deployer.token, method, path, body)
    }

    pub(super) fn creates(&self, namespace: &str, object: &Value, query: &str) -> (u16, Value) {
        let path = format!("{}{query}", collection(namespace, object));
        self.tries("POST", &path, Some(("application/json", object)))
    }

    /// Deploys again and again. What did not go as it should, of so many deploys.
    pub(super) fn deploys_until(&self, is_over: &AtomicBool) -> (Vec<Value>, usize) {
        let (mut failed, mut count) = (Vec::new(), 0);
        while !is_over.load(Ordering::Relaxed) {
            let (code, answer) = self.creates("shop", &deployment("steady", "steady", "stage"), "?dryRun=All");
            count += 1;
            // Neither refused nor let pass unasked.
            if code != 201 || answer["metadata"]["annotations"]["kubectl-mesh.io/global-name"].is_null() {
                failed.push(answer);
            }
        }
        (failed, count)
    }

    /// The claim on a host, once there is one.
    #[track_caller]
    pub(super) fn claim(&self, host: &str) -> Value {
        let path = format!("/apis/kubectl-mesh.io/v1alpha1/globalnames/{host}");
        assert!(until(SOON, || self.server().get(&path).0 == 200), "no claim on {host}");
        self.server().get(&path).1
    }
}

/// `shop` and `more` are of team-shop, `pay` of team-pay.
pub(super) fn make_namespaces(server: &ApiServer) {
    for (namespace, owner) in [("shop", "team-shop"), ("more", "team-shop"), ("pay", "team-pay")] {
        let labels = json!({"istio-injection": "enabled", "kubectl-mesh.io/owner": owner});
        let (code, answer) =
            server.create("/api/v1/namespaces", &json!({"metadata": {"name": namespace, "labels": labels}}));
        assert_eq!(code, 201, "{answer}");
    }
}

/// The release, as Helm installs it.
pub(super) fn helm_installs(helm: &Helm, servers: &ApiServers, values: &str) {
    helm_does(helm, servers, &["install", "--create-namespace"], values);
}

/// What Helm does with the release.
pub(super) fn helm_does(helm: &Helm, servers: &ApiServers, verb: &[&str], values: &str) {
    let said = helm
        .run_on(servers.kubeconfig(), &[verb, &[RELEASE, CHART, "--namespace", NAMESPACE, "--set", values]].concat());
    assert!(said.succeeded, "{}", said.stderr);
}

fn kubeconfig(server: &ApiServer) -> String {
    let account = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{FULL_NAME}/token");
    let (code, token) = server.create(&account, &json!({"spec": {"expirationSeconds": 3600}}));
    assert_eq!(code, 201, "{token}");
    server.kubeconfig_as(token["status"]["token"].as_str().unwrap())
}

/// Nobody was asked about it, and it keeps nothing else from being known.
fn add_a_broken_rollout(server: &ApiServer) {
    let broken = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "broken"},
        "spec": {"template": {"metadata": {"labels": {"identity": 7}}}},
    });
    let (code, answer) = server.create(&collection("shop", &broken), &broken);
    assert_eq!(code, 201, "{answer}");
}

/// Puts a CA into both configurations.
pub(super) fn tell(server: &ApiServer, ca_pem: &str) {
    for kind in ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"] {
        let path = format!("{CONFIGURATIONS}/{kind}/{FULL_NAME}");
        let (code, mut object) = server.get(&path);
        assert_eq!(code, 200, "{object}");
        for webhook in object["webhooks"].as_array_mut().unwrap() {
            webhook["clientConfig"]["caBundle"] = BASE64_STANDARD.encode(ca_pem).into();
        }
        let (code, answer) = server.replace(&path, &object);
        assert_eq!(code, 200, "{answer}");
    }
}

/// Somebody who may deploy, and break no glass.
pub(super) fn deployer(server: &ApiServer) -> User {
    let user = server.user();
    let all = ["get", "list", "create", "update", "patch", "delete"];
    let rules = json!([
        {"apiGroups": ["apps"], "resources": ["deployments", "deployments/status", "deployments/scale", "statefulsets", "statefulsets/status", "daemonsets", "daemonsets/status"], "verbs": all},
        {"apiGroups": ["argoproj.io"], "resources": ["rollouts"], "verbs": all},
        {"apiGroups": ["batch"], "resources": ["jobs", "cronjobs"], "verbs": all},
        {"apiGroups": ["admiral.io"], "resources": ["globaltrafficpolicies"], "verbs": all},
        {"apiGroups": ["networking.istio.io"], "resources": ["serviceentries", "virtualservices"], "verbs": all},
    ]);
    server.grant(user, &json!({"metadata": {"name": "deployer"}, "rules": rules}));
    User { name: user.name.clone(), group: user.group.clone(), token: user.token.clone() }
}

/// A Deployment of an identity in an env.
pub(super) fn deployment(name: &str, identity: &str, env: &str) -> Value {
    let labels = json!({"app": name, "identity": identity, "admiral.io/env": env});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}},
        },
    })
}

/// Where objects of a kind are, in a namespace.
pub(super) fn collection(namespace: &str, object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap().to_lowercase();
    let plural = kind.strip_suffix('y').map_or_else(|| format!("{kind}s"), |stem| format!("{stem}ies"));
    format!("/apis/{}/namespaces/{namespace}/{plural}", object["apiVersion"].as_str().unwrap())
}
