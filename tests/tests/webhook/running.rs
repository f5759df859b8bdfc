//! The webhook as it runs: installed by the real Helm, as a process of its own, with the rights of its service account.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use mesh_testkit::helm::Helm;
use mesh_testkit::servers::{ApiServer, ApiServers, Crds, User, until};
use mesh_testkit::tls;
use mesh_tests::webhook_program;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long something may take to be so.
pub(super) const SOON: Duration = Duration::from_secs(30);
pub(super) const CONFIGURATIONS: &str = "/apis/admissionregistration.k8s.io/v1";

/// Where the webhook's certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Certificates {
    /// A folder that the test makes.
    Folder,
    /// The webhook itself.
    SelfManaged,
}

/// A cluster where the webhook runs.
pub(super) struct Installed {
    pub(super) servers: ApiServers,
    pub(super) helm: Helm,
    /// What Helm was told.
    pub(super) values: String,
    pub(super) webhook: Webhook,
    pub(super) deployer: User,
}

/// The process. It ends when this is dropped.
pub(super) struct Webhook {
    child: Child,
    pub(super) address: SocketAddr,
    pub(super) admin: SocketAddr,
    /// Whom its certificate is from, where the test made it.
    pub(super) ca_pem: String,
    folder: TempDir,
}

/// The names of what the chart makes.
const RELEASE: &str = "mesh";
pub(super) const NAMESPACE: &str = "mesh-system";
pub(super) const FULL_NAME: &str = "mesh-kubectl-mesh";

impl Installed {
    /// Installs the chart with these values, starts the webhook, and lets the API server ask it. `shop` and `more` are
    /// of team-shop, `pay` of team-pay.
    pub(super) fn start(name: &str, certificates: Certificates) -> Option<Self> {
        Self::start_beside(name, &[], certificates)
    }

    /// The same, beside clusters without a webhook.
    pub(super) fn start_beside(name: &str, others: &[&str], certificates: Certificates) -> Option<Self> {
        let (helm, servers) = Helm::find().zip(ApiServers::start(&[&[name], others].concat()))?;
        let server = servers.cluster(name);
        server.install_crds(&[Crds::Istio, Crds::Rollouts]);
        for (namespace, owner) in [("shop", "team-shop"), ("more", "team-shop"), ("pay", "team-pay")] {
            let labels = json!({"istio-injection": "enabled", "kubectl-mesh.io/owner": owner});
            let (code, answer) =
                server.create("/api/v1/namespaces", &json!({"metadata": {"name": namespace, "labels": labels}}));
            assert_eq!(code, 201, "{answer}");
        }
        // Nobody was asked about it, and it keeps nothing else from being known.
        let broken = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "broken"},
            "spec": {"template": {"metadata": {"labels": {"identity": 7}}}},
        });
        let (code, answer) = server.create(&collection("shop", &broken), &broken);
        assert_eq!(code, 201, "{answer}");
        let (address, admin) = (free(), free());
        let mode = match certificates {
            Certificates::Folder => "tls.mode=existing-secret,tls.secretName=tls",
            Certificates::SelfManaged => "tls.mode=self-managed",
        };
        let values = format!("admission.url=https://{address},admission.validating.failurePolicy=Fail,{mode}");
        helm_does(&helm, &servers, &["install", "--create-namespace"], &values);
        let webhook = Webhook::start(server, address, admin, certificates);
        let deployer = deployer(server);
        let installed = Self { servers, helm, values, webhook, deployer };
        let asked = until(SOON, || {
            installed.creates("shop", &deployment("probe", "checkout", "MESH_none"), "?dryRun=All").1["message"]
                .as_str()
                .is_some_and(|message| message.contains("[MESH-E105]"))
        });
        assert!(asked, "the API server does not ask the webhook\n{}", installed.webhook.log());
        Some(installed)
    }

    /// Upgrades the release to the values that it has, and these.
    pub(super) fn upgrades(&self, more: &str) {
        helm_does(&self.helm, &self.servers, &["upgrade"], &format!("{},{more}", self.values));
    }

    /// Another replica.
    pub(super) fn replica(&self) -> Webhook {
        Webhook::start(self.server(), free(), free(), Certificates::SelfManaged)
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

    /// The claim on a host, once there is one.
    #[track_caller]
    pub(super) fn claim(&self, host: &str) -> Value {
        let path = format!("/apis/kubectl-mesh.io/v1alpha1/globalnames/{host}");
        assert!(until(SOON, || self.server().get(&path).0 == 200), "no claim on {host}");
        self.server().get(&path).1
    }
}

impl Webhook {
    fn start(server: &ApiServer, address: SocketAddr, admin: SocketAddr, certificates: Certificates) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let account = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{FULL_NAME}/token");
        let (code, token) = server.create(&account, &json!({"spec": {"expirationSeconds": 3600}}));
        assert_eq!(code, 201, "{token}");
        let kubeconfig = folder.path().join("kubeconfig");
        fs::write(&kubeconfig, server.kubeconfig_as(token["status"]["token"].as_str().unwrap())).unwrap();
        let folder_name = folder.path().to_str().unwrap();
        let mut ca_pem = String::new();
        let arguments = match certificates {
            Certificates::Folder => {
                let (ca, certificate, key) = certificate();
                ca_pem = ca;
                fs::write(folder.path().join("tls.crt"), certificate).unwrap();
                fs::write(folder.path().join("tls.key"), key).unwrap();
                tell(server, &ca_pem);
                vec!["--certificates=folder", "--certificate-folder", folder_name]
            }
            Certificates::SelfManaged => vec![
                "--certificates=self-managed",
                "--secret=mesh-kubectl-mesh-tls",
                "--service=mesh-kubectl-mesh",
                "--mutating-configuration=mesh-kubectl-mesh",
                "--name=127.0.0.1",
            ],
        };
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(webhook_program())
            .args(["serve", "--listen", &address.to_string(), "--admin-listen", &admin.to_string()])
            .arg("--kubeconfig")
            .arg(&kubeconfig)
            .args(["--namespace", NAMESPACE, "--validating-configuration", FULL_NAME])
            .args(["--replica", &format!("replica-{}", address.port())])
            .args(arguments)
            .stderr(log)
            .spawn()
            .unwrap();
        let webhook = Self { child, address, admin, ca_pem, folder };
        assert!(until(SOON, || webhook.admin("/readyz").0 == 200), "{:?}\n{}", webhook.admin("/readyz"), webhook.log());
        webhook
    }

    /// Status and text of a path of its admin port.
    pub(super) fn admin(&self, path: &str) -> (u16, String) {
        let Ok(mut stream) = TcpStream::connect(self.admin) else { return (0, String::new()) };
        let request = format!("GET {path} HTTP/1.1\r\nhost: webhook\r\nconnection: close\r\n\r\n");
        let mut answer = String::new();
        if stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer)).is_err() {
            return (0, answer);
        }
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let text = answer.split_once("\r\n\r\n").map_or("", |(_, text)| text);
        (status, text.to_owned())
    }

    /// The status of the answer to what is sent, and all of it; 0 where there is none.
    pub(super) fn answers(&self, parts: &[&[u8]]) -> (u16, String) {
        let mut connection = tls::connect(self.address, &self.ca_pem, SOON);
        for part in parts {
            // It may have answered, and hung up, before all of it was sent.
            if connection.write_all(part).and_then(|()| connection.flush()).is_err() {
                break;
            }
        }
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        (answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0), answer)
    }

    /// The most memory that it ever held, in KiB.
    pub(super) fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Asks it to stop, as kubelets do.
    pub(super) fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Its exit status, once it has ended.
    pub(super) fn ends(&mut self) -> Option<i32> {
        assert!(until(SOON, || self.child.try_wait().unwrap().is_some()), "it does not end\n{}", self.log());
        self.child.wait().unwrap().code()
    }

    /// What the self-test says with the rights of the webhook's account.
    pub(super) fn self_test(&self) -> (bool, String) {
        let mut command = Command::new(webhook_program());
        command.args(["self-test", "--validating-configuration", FULL_NAME, "--kubeconfig"]);
        let output = command.arg(self.folder.path().join("kubeconfig")).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What Helm does with the release.
fn helm_does(helm: &Helm, servers: &ApiServers, verb: &[&str], values: &str) {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/kubectl-mesh");
    let chart = chart.to_str().unwrap();
    let said = helm
        .run_on(servers.kubeconfig(), &[verb, &[RELEASE, chart, "--namespace", NAMESPACE, "--set", values]].concat());
    assert!(said.succeeded, "{}", said.stderr);
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

/// An address that nobody listens on.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap()
}

/// A CA, and a certificate of it for this machine, with its key.
pub(super) fn certificate() -> (String, String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "webhook");
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
    (ca.pem(), leaf.pem(), key.serialize_pem())
}

/// Somebody who may deploy, and break no glass.
fn deployer(server: &ApiServer) -> User {
    let user = server.user();
    let all = ["get", "list", "create", "update", "patch", "delete"];
    let rules = json!([
        {"apiGroups": ["apps"], "resources": ["deployments", "deployments/status", "deployments/scale", "statefulsets", "daemonsets"], "verbs": all},
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
