//! Many fake clusters, and the kubeconfig that reaches them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_model::kind::Kind;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::log::Gauge;
use super::objects::Objects;
use super::{ApiServer, Setup};

/// Fake clusters with one kubeconfig, in which each has a context of its name. All of it ends when it is dropped.
pub struct FakeFleet {
    servers: Vec<(String, ApiServer)>,
    gauge: Arc<Gauge>,
    kubeconfig: PathBuf,
    _folder: TempDir,
}

impl FakeFleet {
    /// Starts a cluster for each name. Setups may share their objects: hundreds of clusters then cost what one does.
    pub fn start<N: Into<String>>(clusters: impl IntoIterator<Item = (N, Setup)>) -> Self {
        let gauge = Arc::new(Gauge::default());
        let servers: Vec<(String, ApiServer)> = clusters
            .into_iter()
            .map(|(name, setup)| (name.into(), ApiServer::start_counted(setup, Some(Arc::clone(&gauge)))))
            .collect();
        let folder = TempDir::new().expect("there is a place for temporary files");
        let kubeconfig = folder.path().join("config");
        let text = serde_saphyr::to_string(&kubeconfig_of(&servers)).expect("JSON is YAML");
        fs::write(&kubeconfig, text).expect("our own folder can be written");
        Self { servers, gauge, kubeconfig, _folder: folder }
    }

    /// One cluster for each folder of a directory fleet, with what lies in it. Its policy is not looked at.
    pub fn loaded_from(directory: &Path) -> io::Result<Self> {
        Self::loaded_without(&[], directory)
    }

    /// The same, of API servers that lack these kinds.
    ///
    /// # Errors
    /// As for [`FakeFleet::loaded_from`].
    pub fn loaded_without(unserved: &[Kind], directory: &Path) -> io::Result<Self> {
        let mut clusters = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() && !name.starts_with(['.', '_']) {
                let objects = Objects::loaded_from(&entry.path())?;
                let unserved = unserved.iter().copied().collect();
                clusters.push((name, Setup { unserved, ..Setup::holding(objects) }));
            }
        }
        clusters.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(Self::start(clusters))
    }

    /// The kubeconfig file.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The cluster of this name. It is a bug of the test to ask for one that is not there.
    pub fn server(&self, name: &str) -> &ApiServer {
        let found = self.servers.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("no cluster {name:?} was started")).1
    }

    /// Every cluster, in the order of their starting.
    pub fn servers(&self) -> impl Iterator<Item = (&str, &ApiServer)> {
        self.servers.iter().map(|(name, server)| (name.as_str(), server))
    }

    /// The most requests that all clusters together had in flight at once.
    pub fn most_in_flight(&self) -> usize {
        self.gauge.most()
    }
}

fn kubeconfig_of(servers: &[(String, ApiServer)]) -> Value {
    let list = |entry: &dyn Fn(&str, &ApiServer) -> Value| -> Vec<Value> {
        servers.iter().map(|(name, server)| entry(name, server)).collect()
    };
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": servers.first().map(|(name, _)| name),
        "clusters": list(&|name, server| json!({"name": name, "cluster": cluster(server)})),
        "users": list(&|name, server| json!({"name": name, "user": {"token": server.token()}})),
        "contexts": list(&|name, _| json!({"name": name, "context": {"cluster": name, "user": name}})),
    })
}

fn cluster(server: &ApiServer) -> Value {
    json!({"server": server.url(), "certificate-authority-data": STANDARD.encode(server.ca_pem())})
}

impl ApiServer {
    /// A kubeconfig of one file that reaches this cluster, as a remote secret holds one: without file names.
    pub fn kubeconfig(&self, name: &str) -> String {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": cluster(self)}],
            "users": [{"name": name, "user": {"token": self.token()}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        });
        serde_saphyr::to_string(&config).expect("JSON is YAML")
    }
}
