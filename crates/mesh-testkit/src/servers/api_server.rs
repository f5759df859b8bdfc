//! One cluster's API server.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Method;
use serde_json::{Value, json};

use super::certificates::Certificates;
use super::client::{self, Client};
use super::kubeconfig::{self, Entry};
use super::limits::{IN_FORCE, USERS};
use super::sandbox::{Process, Sandbox};
use super::users::{User, Users};
use super::{until, until_ready};

/// The API server of one cluster. Requests are its administrator's, and wait for their answer.
pub struct ApiServer {
    name: String,
    url: String,
    certificates: Certificates,
    users: Users,
    users_taken: AtomicUsize,
    service_range: String,
    client: Client,
    program: PathBuf,
    arguments: Vec<String>,
    /// None while it is stopped.
    process: Mutex<Option<Process>>,
    sandbox: Arc<Sandbox>,
}

impl ApiServer {
    /// Starts it, without waiting for it. `number` sets it apart from the set's others.
    pub(super) fn launch(
        program: &Path,
        sandbox: &Arc<Sandbox>,
        name: &str,
        number: usize,
        port: u16,
        etcd_port: u16,
    ) -> Result<Self, String> {
        let folder = sandbox.path().join(name);
        fs::create_dir(&folder).map_err(|error| format!("{name}: {error}"))?;
        let certificates = Certificates::make(name, &folder);
        let users = Users::make(name, &folder);
        let url = format!("https://127.0.0.1:{port}");
        let service_range = format!("10.{}.0.0/16", 96 + number);
        let server = Self {
            name: name.to_owned(),
            client: Client::new(&url, &certificates.ca_der),
            arguments: arguments(&folder, name, &service_range, port, etcd_port, &certificates, &users),
            service_range,
            url,
            certificates,
            users,
            users_taken: AtomicUsize::new(0),
            program: program.to_owned(),
            process: Mutex::new(None),
            sandbox: Arc::clone(sandbox),
        };
        server.spawn()?;
        Ok(server)
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `https://127.0.0.1:…`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The addresses that Services get, such as `10.96.0.0/16`.
    pub(crate) fn service_range(&self) -> &str {
        &self.service_range
    }

    /// The certificate of the authority that its own is from.
    pub fn ca_pem(&self) -> &str {
        &self.certificates.ca_pem
    }

    /// The bearer token of its administrator, who is in `system:masters`.
    pub fn admin_token(&self) -> &str {
        &self.users.admin.token
    }

    /// A user whom nobody else has, and to whom nothing is granted yet. Names are given: `user-1` and so on, each in a
    /// group of its own, since an API server reads its users once.
    pub fn user(&self) -> &User {
        let taken = self.users_taken.fetch_add(1, Ordering::Relaxed);
        self.users.others.get(taken).unwrap_or_else(|| panic!("{} has only {USERS} users", self.name))
    }

    /// The text of a kubeconfig file for another user; its context has the cluster's name.
    pub fn kubeconfig_as(&self, token: &str) -> String {
        kubeconfig::text(&[Entry { token, ..self.kubeconfig_entry() }])
    }

    /// The UID of its namespace `kube-system`, which stands for the cluster's.
    pub fn uid(&self) -> String {
        let (status, namespace) = self.get("/api/v1/namespaces/kube-system");
        assert_eq!(status, 200, "{}: {namespace}", self.name);
        namespace["metadata"]["uid"].as_str().expect("every object has a UID").to_owned()
    }

    /// GET: the status code, and the object or `Status`. Here and below it is a panic if there is no answer.
    pub fn get(&self, path: &str) -> (u16, Value) {
        self.request(&Method::GET, path, None)
    }

    /// POST to a collection.
    pub fn create(&self, path: &str, object: &Value) -> (u16, Value) {
        self.request(&Method::POST, path, Some(("application/json", object)))
    }

    /// PUT in the place of an object.
    pub fn replace(&self, path: &str, object: &Value) -> (u16, Value) {
        self.request(&Method::PUT, path, Some(("application/json", object)))
    }

    /// PATCH: a merge patch.
    pub fn patch(&self, path: &str, change: &Value) -> (u16, Value) {
        self.request(&Method::PATCH, path, Some(("application/merge-patch+json", change)))
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> (u16, Value) {
        self.request(&Method::DELETE, path, None)
    }

    /// A request of any user by its token, such as `GET`, with a body of some content type.
    pub fn request_as(&self, token: &str, method: &str, path: &str, body: Option<(&str, String)>) -> (u16, Value) {
        self.ask(token, &method.parse().expect("a method of HTTP"), path, body)
    }

    /// Grants what a manifest of a ClusterRole says to a user, in every namespace, and waits until that is in force.
    pub fn grant(&self, user: &User, role: &Value) {
        let name = role["metadata"]["name"].as_str().expect("a role has a name");
        let (status, answer) = self.create(&format!("{RBAC}/clusterroles"), role);
        assert!(status == 201 || status == 409, "{}: {answer}", self.name);
        let binding = json!({
            "metadata": {"name": format!("{name}-{}", user.name)},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user.name}],
        });
        let (status, answer) = self.create(&format!("{RBAC}/clusterrolebindings"), &binding);
        assert_eq!(status, 201, "{}: {answer}", self.name);
        let first = &role["rules"][0];
        let review = json!({"spec": {"user": user.name, "resourceAttributes": {
            "group": first["apiGroups"][0],
            "resource": first["resources"][0],
            "verb": first["verbs"][0],
            "name": first["resourceNames"][0],
        }}});
        let reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        let granted = until(IN_FORCE, || self.create(reviews, &review).1["status"]["allowed"] == true);
        assert!(granted, "{}: {name} is not in force for {}", self.name, user.name);
    }

    /// Stops it as a crash would: connections break, and what it stored stays.
    pub fn stop(&self) {
        let process = self.running().take();
        assert!(process.is_some(), "{} does not run", self.name);
    }

    /// Starts it again, with the same address and what it stored.
    pub fn start_again(&self) {
        assert!(self.running().is_none(), "{} runs", self.name);
        let started = self.spawn().and_then(|()| self.wait_until_ready());
        started.unwrap_or_else(|problem| panic!("{} does not start again: {problem}", self.name));
    }

    pub(super) fn kubeconfig_entry(&self) -> Entry<'_> {
        Entry { name: &self.name, url: &self.url, ca_pem: self.ca_pem(), token: self.admin_token() }
    }

    /// Where programs that belong to it run.
    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The id of its process, while it runs.
    pub(super) fn process(&self) -> Option<u32> {
        self.running().as_ref().map(Process::id)
    }

    /// Waits until it serves, and has made what it makes by itself at first: the last of it is its own Service.
    pub(super) fn wait_until_ready(&self) -> Result<(), String> {
        let mut process = self.running();
        let process = process.as_mut().expect("it was started");
        until_ready(&self.name, process, || {
            READY_PATHS.iter().all(|path| {
                self.client.send(&Method::GET, path, self.admin_token(), None).is_ok_and(|(status, _)| status == 200)
            })
        })
    }

    /// A request of the administrator, whose body may be in another format than JSON.
    pub(super) fn send(&self, method: &Method, path: &str, content_type: &str, body: String) -> (u16, Value) {
        self.ask(self.admin_token(), method, path, Some((content_type, body)))
    }

    fn request(&self, method: &Method, path: &str, body: Option<(&str, &Value)>) -> (u16, Value) {
        let body = body.map(|(content_type, value)| (content_type, value.to_string()));
        self.ask(self.admin_token(), method, path, body)
    }

    fn ask(&self, token: &str, method: &Method, path: &str, body: Option<(&str, String)>) -> (u16, Value) {
        let answer = self.client.send(method, path, token, body);
        let (status, text) = answer.unwrap_or_else(|error| panic!("{}: {method} {path}: {error}", self.name));
        (status, client::json(text))
    }

    fn spawn(&self) -> Result<(), String> {
        let process = self.sandbox.start(&self.name, &self.program, &self.arguments);
        *self.running() = Some(process.map_err(|error| format!("{}: {error}", self.name))?);
        Ok(())
    }

    fn running(&self) -> MutexGuard<'_, Option<Process>> {
        // Whatever panicked while it was held, it is whole.
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What can be read of a cluster that is ready.
const READY_PATHS: [&str; 3] =
    ["/readyz", "/api/v1/namespaces/kube-system", "/api/v1/namespaces/default/services/kubernetes"];

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

fn arguments(
    folder: &Path,
    name: &str,
    service_range: &str,
    port: u16,
    etcd_port: u16,
    certificates: &Certificates,
    users: &Users,
) -> Vec<String> {
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd_port}"),
        format!("--etcd-prefix=/{name}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--cert-dir={}", folder.display()),
        format!("--tls-cert-file={}", certificates.certificate.display()),
        format!("--tls-private-key-file={}", certificates.key.display()),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", certificates.tokens_public.display()),
        format!("--service-account-signing-key-file={}", certificates.tokens_private.display()),
        format!("--token-auth-file={}", users.file.display()),
        "--authorization-mode=RBAC".to_owned(),
        format!("--service-cluster-ip-range={service_range}"),
        // Nobody makes service accounts' tokens, and an endpoint of the loopback address is refused.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
    ]
}
