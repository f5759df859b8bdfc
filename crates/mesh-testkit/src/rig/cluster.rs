//! One cluster: its API server, its istiod, its node, and the pods that its Deployments want.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::authority::Authority;
use super::ipv6::{self, LoadBalancer};
use super::istiod::Istiod;
use super::kubelet::{self, Wanted};
use super::limits::READY;
use super::names::Names;
use super::pod::{self, Pod, Pods};
use super::probe::{self, Seen, Who};
use super::programs::Programs;
use super::proxy::Proxy;
use super::space::Space;
use super::verdict::Verdict;
use super::wires::{self, Addresses};
use crate::servers::sandbox::Sandbox;
use crate::servers::{ApiServer, ApiServers, until};

/// The first address of a pod.
const FIRST_POD: u8 = 20;

/// The Deployment of the gateway.
const GATEWAY_POD: &str = "istio-system/istio-eastwestgateway";

/// What a cluster serves that matters here.
const KINDS: [&str; 12] = [
    "/api/v1/namespaces",
    "/api/v1/pods",
    "/api/v1/serviceaccounts",
    "/api/v1/services",
    "/apis/admiral.io/v1alpha1/dependencies",
    "/apis/admiral.io/v1alpha1/globaltrafficpolicies",
    "/apis/apps/v1/deployments",
    "/apis/discovery.k8s.io/v1/endpointslices",
    "/apis/networking.istio.io/v1/serviceentries",
    "/apis/networking.istio.io/v1/sidecars",
    "/apis/security.istio.io/v1/authorizationpolicies",
    "/apis/security.istio.io/v1/peerauthentications",
];

/// A cluster that runs.
pub struct Cluster {
    name: String,
    region: String,
    addresses: Addresses,
    servers: Arc<ApiServers>,
    istiod: Istiod,
    names: Names,
    node: Arc<Space>,
    authority: Arc<Authority>,
    /// Of its root that counts now.
    root: Mutex<String>,
    pods: Mutex<Running>,
    programs: Arc<Programs>,
    sandbox: Arc<Sandbox>,
}

/// The pods, with what they were started from.
struct Running {
    pods: Pods,
    wanted: Vec<(Wanted, Ipv4Addr)>,
    next: u8,
}

impl Cluster {
    /// Starts its control plane and its node, with nothing in it.
    pub(super) fn start(
        name: &str,
        region: &str,
        number: u8,
        servers: &Arc<ApiServers>,
        programs: &Arc<Programs>,
        sandbox: &Arc<Sandbox>,
        authority: &Arc<Authority>,
    ) -> Self {
        let addresses = Addresses(number);
        let server = servers.cluster(name);
        wires::add_control_plane(addresses);
        let node = Arc::new(Space::new(sandbox, &format!("node-{name}")));
        wires::join_node(&node, addresses, server.service_range());
        let names = Names::start(addresses.control_plane());
        names.set("istiod.istio-system.svc", vec![addresses.control_plane()]);
        kubelet::register_node(server, &node_name(name), region);
        let folder = authority_folder(sandbox, name);
        fs::create_dir(&folder).expect("a folder of our own");
        let root = authority.write_for(name, &folder).to_owned();
        let kubeconfig = sandbox.path().join(format!("kubeconfig-{name}"));
        fs::write(&kubeconfig, servers.kubeconfig_for(name)).expect("a folder of our own");
        let istiod = Istiod::start(name, number, addresses.control_plane(), &kubeconfig, &folder, programs, sandbox);
        Self {
            name: name.to_owned(),
            region: region.to_owned(),
            addresses,
            servers: Arc::clone(servers),
            istiod,
            names,
            node,
            authority: Arc::clone(authority),
            root: Mutex::new(root),
            pods: Mutex::new(Running { pods: Pods::new(), wanted: Vec::new(), next: FIRST_POD }),
            programs: Arc::clone(programs),
            sandbox: Arc::clone(sandbox),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its API server.
    pub fn server(&self) -> &ApiServer {
        self.servers.cluster(&self.name)
    }

    /// The address of its gateway's load balancer, for manifests.
    pub fn gateway_address(&self) -> Ipv4Addr {
        self.addresses.gateway()
    }

    /// Gives its node one more address for its gateway's load balancer.
    pub fn add_gateway_address(&self) -> Ipv4Addr {
        let address = self.addresses.other_gateway();
        wires::add_address(&self.node, address);
        address
    }

    /// A load balancer for its gateway that has an IPv6 address only, and a pod of another cluster that reaches it.
    pub fn balance_by_ipv6(&self, other: &Self, client: &str) -> LoadBalancer {
        let client = other.pod(client);
        ipv6::join_pod(client.space(), &other.node, other.addresses, client.address().octets()[3]);
        client.restart();
        let balancer = LoadBalancer::start(&self.node, self.addresses, self.pod(GATEWAY_POD).address());
        ipv6::lead_back(&self.node, other.addresses);
        balancer
    }

    /// Runs what its Deployments want and nothing else, and lets its Services lead there: a pod whose template has changed is
    /// replaced. Returns when all is ready.
    ///
    /// # Panics
    /// If a proxy does not become ready.
    pub fn run(&self) {
        let mut running = self.pods.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = kubelet::wanted(self.server());
        for (gone, _) in running.wanted.extract_if(.., |(pod, _)| !wanted.contains(pod)).collect::<Vec<_>>() {
            running.pods.remove(&key(&gone));
            kubelet::remove_pod(self.server(), &gone.namespace, &gone.name);
        }
        for pod in wanted {
            if running.pods.contains_key(&key(&pod)) {
                continue;
            }
            let number = running.next;
            running.next += 1;
            running.pods.insert(key(&pod), Arc::new(self.start_pod(&pod, number)));
            running.wanted.push((pod, self.addresses.pod(number)));
        }
        let zone = format!("{}a", self.region);
        let routes = kubelet::route(self.server(), &node_name(&self.name), &zone, &running.wanted);
        wires::translate(&self.programs.rules, &self.node, &routes.translations);
        for (name, addresses) in routes.names {
            self.names.set(&name, addresses);
        }
        for pod in running.pods.values() {
            pod.wait_until_ready();
        }
    }

    /// A pod by `namespace/name` of its Deployment.
    ///
    /// # Panics
    /// If there is none.
    pub fn pod(&self, name: &str) -> Arc<Pod> {
        let running = self.pods.lock().unwrap_or_else(PoisonError::into_inner);
        let pod = running.pods.get(name).unwrap_or_else(|| panic!("{} runs no {name}", self.name));
        Arc::clone(pod)
    }

    /// From now on the cluster's name server gives these addresses for a name.
    pub fn set_name(&self, name: &str, addresses: Vec<Ipv4Addr>) {
        self.names.set(name, addresses);
    }

    /// Waits until every proxy has taken what istiod sent last, and it sends nothing more.
    pub fn settle(&self) {
        self.istiod.settle();
    }

    /// What proxies refused, as istiod counts it; empty is good.
    pub fn refused(&self) -> Vec<String> {
        self.istiod.refused()
    }

    /// What istiod would give a proxy about a host.
    pub fn probe(&self, who: &Who, host: &str) -> Seen {
        let address = self.addresses.pod(u8::MAX);
        probe::ask(&self.programs.probe, self.istiod.plain_port(), &self.name, &self.region, address, who, host)
    }

    /// Stops its API server as a crash would.
    pub fn stop_api_server(&self) {
        self.server().stop();
    }

    /// Starts its API server again; returns when it serves every kind that is used here: some take longer than itself.
    pub fn start_api_server(&self) {
        self.server().start_again();
        let served = |path: &&str| self.server().get(&format!("{path}?limit=1")).0 == 200;
        assert!(until(READY, || KINDS.iter().all(served)), "{}: not every kind is served", self.name);
    }

    /// Stops its istiod as a crash would.
    pub fn stop_istiod(&self) {
        self.istiod.stop();
    }

    /// Starts its istiod again; returns when every proxy has come back to it.
    pub fn start_istiod(&self) {
        self.istiod.run();
        let pods = self.pods.lock().unwrap_or_else(PoisonError::into_inner).pods.len();
        assert!(until(READY, || self.istiod.proxies() == pods), "{}: proxies do not come back", self.name);
    }

    /// Gives it a root of its own, as if it were of another mesh: its istiod and its proxies start again with certificates of
    /// that root, and trust no other.
    pub fn leave_root(&self) {
        self.use_root(&Authority::new());
    }

    /// Gives it the root of the other clusters again.
    pub fn return_to_root(&self) {
        self.use_root(&self.authority);
    }

    fn use_root(&self, authority: &Authority) {
        self.istiod.stop();
        let root = authority.write_for(&self.name, &authority_folder(&self.sandbox, &self.name));
        self.istiod.run();
        root.clone_into(&mut self.root.lock().unwrap_or_else(PoisonError::into_inner));
        let running = self.pods.lock().unwrap_or_else(PoisonError::into_inner);
        for pod in running.pods.values() {
            pod.kill();
            pod.trust(root);
            pod.start_again();
        }
        for pod in running.pods.values() {
            pod.wait_until_ready();
        }
        let told = || self.server().get("/api/v1/namespaces/istio-system/configmaps/istio-ca-root-cert").1;
        assert!(until(READY, || told()["data"]["root-cert.pem"] == root), "{}: istiod tells another root", self.name);
    }

    /// What its istiod's admission webhook would say of an object.
    pub fn verdict_on(&self, object: &Value) -> Verdict {
        self.istiod.verdict_on(object)
    }

    fn start_pod(&self, wanted: &Wanted, number: u8) -> Pod {
        let address = self.addresses.pod(number);
        let key = format!("{}/{}", self.name, key(wanted));
        let space = Space::new(&self.sandbox, &key.replace('/', "-"));
        wires::join_pod(&space, &self.node, self.addresses, number);
        if !wanted.gateway {
            wires::capture(&self.programs.rules, &space);
        }
        let folder = pod::folder(&self.sandbox, &key, &space, self.addresses.control_plane());
        let network = self.network();
        let mut labels = wanted.labels.clone();
        for (label, value) in [
            ("service.istio.io/canonical-name", wanted.account.as_str()),
            ("security.istio.io/tlsMode", "istio"),
            ("topology.istio.io/network", &network),
        ] {
            labels.insert(label.to_owned(), value.to_owned());
        }
        let registered = Wanted { labels: labels.clone(), ..wanted.clone() };
        let token = kubelet::register_pod(self.server(), &registered, &node_name(&self.name), address);
        let proxy = Proxy {
            cluster: self.name.clone(),
            network,
            node: node_name(&self.name),
            namespace: wanted.namespace.clone(),
            pod: wanted.name.clone(),
            account: wanted.account.clone(),
            address,
            router: wanted.gateway,
            labels,
            environment: wanted.environment.clone(),
            programs: Arc::clone(&self.programs),
            folder,
        };
        proxy.prepare(&token, &self.root.lock().unwrap_or_else(PoisonError::into_inner));
        // A gateway serves by its proxy alone.
        let ports = if wanted.gateway { Vec::new() } else { wanted.ports.clone() };
        let names = if wanted.captures_names() { Ipv4Addr::LOCALHOST } else { self.addresses.control_plane() };
        Pod::start(&key, address, names, space, ports, move |space| proxy.command(space), &self.sandbox)
    }

    /// The network of the cluster, as its system namespace says; else its name.
    fn network(&self) -> String {
        let (_, namespace) = self.server().get("/api/v1/namespaces/istio-system");
        let label = namespace["metadata"]["labels"]["topology.istio.io/network"].as_str();
        label.unwrap_or(&self.name).to_owned()
    }
}

fn authority_folder(sandbox: &Sandbox, cluster: &str) -> PathBuf {
    sandbox.path().join(format!("authority-{cluster}"))
}

fn key(pod: &Wanted) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}

fn node_name(cluster: &str) -> String {
    format!("node-{cluster}")
}
