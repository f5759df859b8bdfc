//! The bookstore on fake clusters, reached by every kind of credential, each of which would be known again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_testkit::apiserver::{ApiServer, FakeFleet, Objects, Setup};
use mesh_tests::{TestEnv, example};
use serde_json::{Value, json};

use crate::live::Said;

/// The clusters, which are reached by a token in the kubeconfig, one in a file and one of a plugin.
pub(super) const CLUSTERS: [&str; 3] = ["edge-us-west", "payments-us-east", "retail-us-west"];

/// Fake clusters, and a kubeconfig full of canaries.
pub(super) struct Aviary {
    pub(super) fleet: FakeFleet,
    env: TestEnv,
    kubeconfig: PathBuf,
    /// What must be nowhere.
    canaries: Vec<String>,
    /// Files that hold credentials by right.
    holders: Vec<PathBuf>,
    given: PathBuf,
}

impl Aviary {
    pub(super) fn new() -> Self {
        let tokens = CLUSTERS.map(token);
        let fleet = FakeFleet::start(CLUSTERS.iter().zip(&tokens).map(|(name, token)| {
            let objects = Objects::loaded_from(&example("bookstore").join(name)).unwrap();
            (*name, Setup { token: Some(token.clone()), ..Setup::holding(objects) })
        }));
        let env = TestEnv::new();
        let (certificate, key) = client_certificate();
        let file = |name: &str, text: &str| {
            let path = env.root().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let given = env.root().join("given");
        let answer = json!({
            "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": {"token": tokens[2]},
        });
        let plugin =
            file("plugin", &format!("#!/bin/sh\nenv > {0}\necho \"$@\" >> {0}\necho '{answer}'\n", given.display()));
        fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
        let token_file = file("token", &tokens[1]);
        let users = [
            json!({"token": tokens[0], "client-certificate-data": STANDARD.encode(certificate), "client-key-data": STANDARD.encode(&key)}),
            json!({"tokenFile": token_file}),
            json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": plugin, "args": ["an-argument"], "interactiveMode": "Never"}}),
        ];
        let mut config: Value = serde_saphyr::from_str(&fs::read_to_string(fleet.kubeconfig()).unwrap()).unwrap();
        for (user, credential) in config["users"].as_array_mut().unwrap().iter_mut().zip(users) {
            user["user"] = credential;
        }
        let kubeconfig = file("kubeconfig", &serde_saphyr::to_string(&config).unwrap());
        // A part is as bad as the whole; of a key, its second line.
        let canaries = CLUSTERS.iter().map(|name| canary(name)).chain(key.lines().nth(1).map(str::to_owned));
        let canaries = canaries.chain(tokens.iter().map(|token| STANDARD.encode(token)[..30].to_owned()));
        let canaries = canaries.collect();
        let holders = vec![plugin, token_file, kubeconfig.clone()];
        Self { fleet, env, kubeconfig, canaries, holders, given }
    }

    /// Of the clusters, in their order.
    pub(super) fn tokens() -> impl Iterator<Item = String> {
        CLUSTERS.into_iter().map(token)
    }

    /// Stores the policy, and takes the sync namespaces that this makes.
    pub(super) fn push_policy(&self) {
        let policy = example("bookstore").join("mesh.yaml");
        self.mesh(&["policy", "push", policy.to_str().unwrap(), "--yes"], &[]).exits(0);
    }

    pub(super) fn mesh(&self, args: &[&str], variables: &[(&str, &str)]) -> Said {
        self.run(&self.kubeconfig, "contexts:*", args, variables)
    }

    /// Runs the program with the kubeconfig of other clusters.
    pub(super) fn on(&self, other: &FakeFleet, fleet: &str, args: &[&str], variables: &[(&str, &str)]) -> Said {
        self.run(other.kubeconfig(), fleet, args, variables)
    }

    fn run(&self, kubeconfig: &Path, fleet: &str, args: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut command = self.env.mesh(args);
        command.env("KUBECONFIG", kubeconfig).env("MESH_FLEET", fleet).env("COLUMNS", "400");
        command.envs(variables.iter().copied());
        Said::of(&command.output().unwrap())
    }

    /// A server that nobody has a reason to ask.
    pub(super) fn elsewhere() -> ApiServer {
        ApiServer::start(Setup::default())
    }

    /// A cluster with a remote secret for each of ours, and one that would run a program.
    pub(super) fn hub(&self) -> FakeFleet {
        let mut objects = Objects::default();
        objects.add(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}}));
        let exec = fs::read_to_string(&self.kubeconfig)
            .unwrap()
            .replace("current-context: edge-us-west", "current-context: retail-us-west");
        let refused = ("refused".to_owned(), exec);
        let ours = self.fleet.servers().map(|(name, server)| (name.to_owned(), server.kubeconfig(name)));
        for (name, kubeconfig) in ours.chain([refused]) {
            objects.add(json!({
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {
                    "name": format!("istio-remote-secret-{name}"), "namespace": "istio-system",
                    "labels": {"istio/multiCluster": "true"},
                },
                "data": {name: STANDARD.encode(kubeconfig)},
            }));
        }
        FakeFleet::start([("hub", Setup { token: Some(token(CLUSTERS[0])), ..Setup::holding(objects) })])
    }

    /// The environment and the arguments of the plugin, the last time that it ran.
    pub(super) fn given_to_plugin(&self) -> String {
        fs::read_to_string(&self.given).unwrap()
    }

    #[track_caller]
    pub(super) fn shows_none(&self, said: &Said, about: &str) {
        self.has_none(&said.stdout, about);
        self.has_none(&said.stderr, about);
        assert!(!said.stderr.contains("panic") && !said.stderr.contains("a bug of"), "{about}: {}", said.stderr);
    }

    #[track_caller]
    pub(super) fn has_none(&self, text: &str, about: &str) {
        for canary in &self.canaries {
            assert!(!text.contains(canary.as_str()), "{about} shows {canary}:\n{text}");
        }
    }

    /// Asserts that no file that the program made has a canary in it.
    pub(super) fn no_file_has_one(&self) {
        let mut folders = vec![self.env.root().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !self.holders.contains(&path) {
                    let bytes = fs::read(&path).unwrap();
                    self.has_none(&String::from_utf8_lossy(&bytes), &path.display().to_string());
                }
            }
        }
    }
}

fn canary(cluster: &str) -> String {
    format!("c4n4ry-of-{cluster}")
}

/// As long as those of service accounts are at least, with a beginning that tells nothing.
fn token(cluster: &str) -> String {
    format!("eyJhbGciOiJSUzI1NiJ9.{}.{}", canary(cluster), "5ign4ture".repeat(12))
}

/// Made anew each time: PEM of a certificate, and of its key.
fn client_certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}
