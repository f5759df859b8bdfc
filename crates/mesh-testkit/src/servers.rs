//! Real API servers: one etcd, and one kube-apiserver for each cluster. No controllers run, so that Deployments, Services
//! and Nodes are what a test says they are; namespaces never finish being deleted.
//!
//! A set takes some four seconds and 300 MB for each cluster; what was started goes away with the set, or with the
//! process, even if that is killed. Programs come from `cargo xtask servers`, or from `KUBEBUILDER_ASSETS`.

mod api_server;
mod certificates;
mod change;
pub(crate) mod client;
mod crds;
mod etcd;
mod kubeconfig;
mod limits;
mod load;
mod metrics;
mod policies;
mod resources;
pub(crate) mod sandbox;
mod users;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use self::api_server::ApiServer;
pub use self::change::Change;
pub use self::crds::Crds;
pub use self::etcd::Backup;
pub use self::load::Loaded;
pub use self::users::User;

use self::etcd::Etcd;
use self::limits::{LOOK, READY, STARTS};
use self::sandbox::{Process, Sandbox};
use crate::programs;

/// A set of clusters, each with an API server. Everything of it goes away when it is dropped.
pub struct ApiServers {
    servers: Vec<ApiServer>,
    kubeconfig: PathBuf,
    etcd: Etcd,
    // Last, so that the processes are gone when it removes their folder.
    _sandbox: Arc<Sandbox>,
}

impl ApiServers {
    /// Starts clusters of these names, which have their system namespaces and nothing else. None where the programs were
    /// not built: that is said on standard error, and it is a panic where `CI` is set.
    pub fn start(names: &[&str]) -> Option<Self> {
        let Some(programs) = Programs::find() else {
            programs::skip("etcd, kube-apiserver and Istio's CRDs are");
            return None;
        };
        let mut start = 1;
        loop {
            match Self::try_start(&programs, names) {
                Ok(servers) => return Some(servers),
                Err(problem) if start < STARTS && problem.contains("address already in use") => start += 1,
                Err(problem) => panic!("the API servers do not start: {problem}"),
            }
        }
    }

    /// The clusters of these names that all tests of this process share, started by the first that asks. Who uses them
    /// keeps to names of their own.
    pub fn shared(names: &[&str]) -> Option<&'static Self> {
        static SHARED: Mutex<BTreeMap<Vec<String>, Option<&'static ApiServers>>> = Mutex::new(BTreeMap::new());
        // A panic while starting leaves the map as it was.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let key = names.iter().map(|&name| name.to_owned()).collect();
        // Never dropped: the sandbox sees to it that they do not outlive the process.
        *shared.entry(key).or_insert_with(|| Self::start(names).map(|servers| &*Box::leak(Box::new(servers))))
    }

    fn try_start(programs: &Programs, names: &[&str]) -> Result<Self, String> {
        let sandbox = Arc::new(Sandbox::new());
        let ports = free_ports(names.len() + 1);
        let etcd = Etcd::start(&programs.etcd, &sandbox, ports[0])?;
        let mut servers = Vec::new();
        for (number, (name, port)) in names.iter().zip(&ports[1..]).enumerate() {
            servers.push(ApiServer::launch(&programs.kube_apiserver, &sandbox, name, number, *port, ports[0])?);
        }
        for server in &servers {
            server.wait_until_ready()?;
        }
        let kubeconfig = sandbox.path().join("kubeconfig");
        let entries: Vec<_> = servers.iter().map(ApiServer::kubeconfig_entry).collect();
        fs::write(&kubeconfig, kubeconfig::text(&entries)).map_err(|error| format!("kubeconfig: {error}"))?;
        Ok(Self { servers, kubeconfig, etcd, _sandbox: sandbox })
    }

    /// A kubeconfig file with one context for each cluster, named like it, for its administrator.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The text of a kubeconfig file for the administrator of this cluster only.
    pub fn kubeconfig_for(&self, name: &str) -> String {
        kubeconfig::text(&[self.cluster(name).kubeconfig_entry()])
    }

    /// The API server of the cluster of this name, which must be one of those that were started.
    pub fn cluster(&self, name: &str) -> &ApiServer {
        self.servers.iter().find(|server| server.name() == name).unwrap_or_else(|| panic!("{name} was not started"))
    }

    /// All of them, in the order of their names at the start.
    pub fn clusters(&self) -> &[ApiServer] {
        &self.servers
    }

    /// Installs CRDs in every cluster, at once.
    pub fn install_crds(&self, crds: &[Crds]) {
        thread::scope(|scope| {
            for server in &self.servers {
                scope.spawn(|| server.install_crds(crds));
            }
        });
    }

    /// What every cluster holds now. The API servers are without their etcd for a moment.
    pub fn back_up(&mut self) -> Backup {
        self.etcd.back_up()
    }

    /// Puts every cluster back to what it held. The API servers must be stopped.
    pub fn restore(&mut self, backup: &Backup) {
        assert!(self.servers.iter().all(|server| server.process().is_none()), "an API server runs");
        self.etcd.restore(backup);
    }

    /// The ids of every process that runs for this set, etcd first.
    pub fn processes(&self) -> Vec<u32> {
        [self.etcd.process()].into_iter().chain(self.servers.iter().filter_map(ApiServer::process)).collect()
    }
}

/// What a set needs.
struct Programs {
    etcd: PathBuf,
    kube_apiserver: PathBuf,
}

impl Programs {
    fn find() -> Option<Self> {
        // Without Istio's CRDs there is no cluster with Istio in it, which is what nearly every test is about.
        programs::find(crds::ISTIO)?;
        let find = programs::find_kubernetes;
        Some(Self { etcd: find("etcd")?, kube_apiserver: find("kube-apiserver")? })
    }
}

/// Ports of the loopback address that nobody has.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0)).expect("a free port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("its address").port()).collect()
}

/// Waits until `condition` holds, or says why it never will.
pub(crate) fn until_ready(name: &str, process: &mut Process, condition: impl Fn() -> bool) -> Result<(), String> {
    let mut ended = false;
    let ready = until(READY, || {
        ended = process.has_ended();
        ended || condition()
    });
    match (ready, ended) {
        (true, false) => Ok(()),
        (_, true) => Err(format!("{name} has ended:\n{}", process.last_words())),
        (false, false) => Err(format!("{name} is not ready after {READY:?}:\n{}", process.last_words())),
    }
}

/// Looks at a condition until it holds or the time is over; whether it held.
pub fn until(bound: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > bound {
            return false;
        }
        thread::sleep(LOOK);
    }
    true
}
