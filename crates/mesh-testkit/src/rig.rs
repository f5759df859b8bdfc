//! A mesh without containers: real API servers, one istiod for each cluster, and pods with real sidecars, in network
//! namespaces that belong to the test program alone.
//!
//! ```text
//! the program's own namespace: API servers, istiods, names      198.18.0.254/24 on a bridge
//!   └─ one for each node (a cluster has one)                    198.18.0.<n>, gateway's address 198.18.0.<100 + n>
//!        └─ one for each pod                                    10.<n>.1.<m>
//! ```
//!
//! Pods of one cluster cannot reach those of another: the only way in is the gateway's address. Manifests say what runs:
//! each Deployment gets one pod, as a kubelet and the controllers would see to it. What a pod serves is a server of this
//! process that listens in the pod's namespace.
//!
//! A program that uses it calls [`enter`] first. It needs no privileges where the kernel lets everybody make namespaces.

mod app;
mod authority;
mod cluster;
mod http;
mod ipv6;
mod istiod;
mod kubelet;
mod limits;
mod load;
mod names;
mod pod;
mod probe;
mod programs;
mod proxy;
mod space;
mod tls;
mod verdict;
mod wires;

use std::path::Path;
use std::sync::Arc;

pub use self::cluster::Cluster;
pub use self::http::Answer;
pub use self::load::{Failure, Load, Loading};
pub use self::pod::{Explained, Outcome, Pod};
pub use self::probe::{Endpoint, Seen, Upstream, Who};
pub use self::space::{Entered, enter};
pub use self::tls::{Shown, knock, speak_plainly};
pub use self::verdict::Verdict;

use self::authority::Authority;
use self::programs::Programs;
use crate::servers::sandbox::Sandbox;
use crate::servers::{ApiServers, Crds};

/// A fleet that runs. Everything of it ends when it is dropped.
pub struct Rig {
    clusters: Vec<Cluster>,
    servers: Arc<ApiServers>,
    // Last, so that what runs in it has ended before its folder goes.
    _sandbox: Arc<Sandbox>,
}

impl Rig {
    /// Starts clusters of these names, with their regions. None where programs were not built, which was said.
    ///
    /// # Panics
    /// If this program did not [`enter`] before, or anything does not start.
    pub fn start(clusters: &[(&str, &str)]) -> Option<Self> {
        let programs = Arc::new(Programs::find()?);
        wires::make_bridge();
        let names: Vec<&str> = clusters.iter().map(|&(name, _)| name).collect();
        let servers = Arc::new(ApiServers::start(&names)?);
        servers.install_crds(&[Crds::Istio, Crds::Admiral]);
        let sandbox = Arc::new(Sandbox::new());
        let authority = Arc::new(Authority::new());
        let clusters = clusters
            .iter()
            .zip(1..)
            .map(|(&(name, region), number)| {
                Cluster::start(name, region, number, &servers, &programs, &sandbox, &authority)
            })
            .collect();
        Some(Self { clusters, servers, _sandbox: sandbox })
    }

    /// A kubeconfig file with one context for each cluster, named like it, for its administrator.
    pub fn kubeconfig(&self) -> &Path {
        self.servers.kubeconfig()
    }

    /// The cluster of this name, which must be one of those that were started.
    ///
    /// # Panics
    /// If it is not.
    pub fn cluster(&self, name: &str) -> &Cluster {
        self.clusters.iter().find(|cluster| cluster.name() == name).unwrap_or_else(|| panic!("{name} was not started"))
    }

    /// All of them, in the order of the start.
    pub fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    /// Waits until every proxy of every cluster has taken what its istiod sent last.
    pub fn settle(&self) {
        for cluster in &self.clusters {
            cluster.settle();
        }
    }
}
