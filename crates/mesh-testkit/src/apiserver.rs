//! A Kubernetes API server of ills: the protocol of a real one over real sockets, in the process of a test, with
//! everything that can go wrong between a client and a cluster at the test's command.
//!
//! It answers as kube-apiserver 1.37 does, and the contract suite (`tests/tests/contract.rs`) holds it to that. What it
//! does not do: defaults, schemas, admission, RBAC (but for [`Ill::Forbidden`]), finalizers, controllers; a deleted
//! Namespace is gone at once, with what lay in it. Lists in managed fields count as one field.
//!
//! ```
//! use mesh_testkit::apiserver::{ApiServer, Fault, Ill, Objects, Setup, Verb};
//! use mesh_model::kind::Kind;
//!
//! let server = ApiServer::start(Setup::holding(Objects::default()));
//! server.fault(Fault::new(Verb::List, Ill::Status(503)).of(Kind::Service).first(2));
//! let rest = server.rest();
//! assert_eq!(rest.get("/api/v1/services").status, 503);
//! assert_eq!(rest.get("/api/v1/namespaces").status, 200);
//! ```

mod answer;
mod body;
mod call;
mod clock;
mod cluster;
mod discovery;
mod door;
mod fault;
mod fleet;
mod folder;
mod list;
mod log;
mod managed;
mod object;
mod objects;
mod pki;
mod random;
mod resource;
mod selector;
mod status;
mod store;
mod watching;
mod write;

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use mesh_model::kind::Kind;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use call::Verb;
pub use door::Door;
pub use fault::{Fault, Ill, Times};
pub use fleet::FakeFleet;
pub use log::Request;
pub use objects::Objects;

use crate::rest::Rest;
use crate::runtime::runtime;
use cluster::Cluster;
use log::Gauge;
use resource::Resource;
use store::Store;

/// How a server starts.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// What it holds. Share one set between many servers by cloning it.
    pub objects: Objects,
    /// How it is reached.
    pub door: Door,
    /// The bearer token that it takes; a random one if none is given. Give one to look for it in outputs.
    pub token: Option<String>,
    /// The UID of its `kube-system` namespace, by which clusters are told apart; a random one if none is given.
    pub uid: Option<String>,
    /// Kinds that it does not have, as a cluster without Istio or without Admiral.
    pub unserved: BTreeSet<Kind>,
}

impl Setup {
    /// A healthy cluster with these objects.
    pub fn holding(objects: Objects) -> Self {
        Self { objects, ..Self::default() }
    }

    /// The same, reached through another door.
    #[must_use]
    pub fn behind(self, door: Door) -> Self {
        Self { door, ..self }
    }
}

/// A running fake API server. It ends, with all its connections, when it is dropped.
pub struct ApiServer {
    address: SocketAddr,
    door: watch::Sender<Door>,
    uid: String,
    cluster: Arc<Cluster>,
    gauge: Arc<Gauge>,
    task: Option<JoinHandle<()>>,
}

impl ApiServer {
    /// Starts a server on a port of its own.
    pub fn start(setup: Setup) -> Self {
        Self::start_counted(setup, None)
    }

    /// A healthy server with what lies in the folder of one cluster of a directory fleet, `status` included.
    pub fn loaded_from(folder: &Path) -> io::Result<Self> {
        Objects::loaded_from(folder).map(|objects| Self::start(Setup::holding(objects)))
    }

    fn start_counted(setup: Setup, fleet: Option<Arc<Gauge>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        listener.set_nonblocking(true).expect("sockets can be non-blocking");
        let mut store = Store::of(&setup.objects.collections, setup.objects.revision);
        let uid = setup.uid.unwrap_or_else(random::uid);
        give_uid(&mut store, &uid);
        let gauge = Arc::new(Gauge::default());
        let gauges = [Some(Arc::clone(&gauge)), fleet].into_iter().flatten().collect();
        let token = setup.token.unwrap_or_else(random::token);
        let cluster = Arc::new(Cluster::of(store, token, setup.unserved, gauges));
        // A shut door is a port where nobody listens: the listener ends here.
        let door = watch::Sender::new(setup.door);
        let serve = || runtime().spawn(door::serve(listener, door.subscribe(), Arc::clone(&cluster)));
        let task = (setup.door != Door::Shut).then(serve);
        Self { address, door, uid, cluster, gauge, task }
    }

    /// Where clients find it. A server of [`Door::PlainHttp`] still says HTTPS: that is what is wrong with it.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The token that it takes.
    pub fn token(&self) -> &str {
        &self.cluster.token
    }

    /// The CA that clients should trust, also where the server's certificate is of another one.
    pub fn ca_pem(&self) -> String {
        pki::ca_pem()
    }

    /// The UID of its `kube-system` namespace.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// How it is reached.
    pub fn door(&self) -> Door {
        *self.door.borrow()
    }

    /// From now on new connections find another door. Nobody listens behind one that was shut from the start, and this
    /// shuts none.
    pub fn behind(&self, door: Door) {
        self.door.send_replace(door);
    }

    /// A plain client with the token.
    pub fn rest(&self) -> Rest {
        Rest::new(&self.url(), self.token(), &self.ca_pem())
    }

    /// From now on this goes wrong, after what was said to go wrong before.
    pub fn fault(&self, fault: Fault) {
        self.cluster.faults.add(fault);
    }

    /// From now on nothing goes wrong.
    pub fn heal(&self) {
        self.cluster.faults.clear();
    }

    /// What it was asked so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.cluster.log.all()
    }

    /// Requests that would write, dry runs included. Events, which tell people of writes, and questions that are asked by
    /// POST are none.
    pub fn writes(&self) -> Vec<Request> {
        let writes = [Verb::Create, Verb::Update, Verb::Patch, Verb::Delete];
        let is_none = |request: &Request| request.target.contains("/events") || request.target.contains("reviews");
        self.requests().into_iter().filter(|request| writes.contains(&request.verb) && !is_none(request)).collect()
    }

    /// Starts the log anew.
    pub fn forget_requests(&self) {
        self.cluster.log.forget();
    }

    /// Requests without the end of an answer: now.
    pub fn in_flight(&self) -> usize {
        self.gauge.now()
    }

    /// Connections that are open now.
    pub fn connections(&self) -> usize {
        self.cluster.connections.now()
    }

    /// The most requests that were in flight at once.
    pub fn most_in_flight(&self) -> usize {
        self.gauge.most()
    }

    /// Puts an object there as somebody else would, past all rules: watches see it, the log does not. What a server
    /// fills in may be missing.
    pub fn put(&self, mut object: Value) {
        let text = |key: &str| object[key].as_str().unwrap_or_default();
        let resource = Resource::of(text("apiVersion"), text("kind")).expect("a kind that fake clusters can serve");
        objects::complete(resource, &mut object);
        self.cluster.with_store(|store| drop(store.put(resource, object)));
    }

    /// Takes an object away as somebody else would. Whether it was there.
    pub fn remove(&self, kind: Kind, namespace: &str, name: &str) -> bool {
        self.cluster.with_store(|store| store.remove(Resource::of_kind(kind), namespace, name).is_some())
    }

    /// The object of this name, as it lies there.
    pub fn object(&self, kind: Kind, namespace: &str, name: &str) -> Option<Value> {
        let resource = Resource::of_kind(kind);
        let found = self.cluster.with_store(|store| store.find(resource, namespace, name));
        found.map(|object| object.value(resource, resource.versions[0]))
    }

    /// Every object of a kind, by namespace and name.
    pub fn objects(&self, kind: Kind) -> Vec<Value> {
        let resource = Resource::of_kind(kind);
        let now = self.cluster.with_store(|store| Arc::clone(&store.history(resource).now));
        now.objects.values().map(|object| object.value(resource, resource.versions[0])).collect()
    }

    /// Forgets the past, as etcd does after some minutes: continue tokens and watches of before are answered 410.
    pub fn compact(&self) {
        self.cluster.with_store(Store::compact);
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Clusters may share their objects, but not what they are known by.
fn give_uid(store: &mut Store, uid: &str) {
    let namespaces = Resource::of_kind(Kind::Namespace);
    let system = store.find(namespaces, "", "kube-system").expect("every set of objects has it");
    let mut system = system.value(namespaces, "v1");
    system["metadata"]["uid"] = uid.into();
    store.put(namespaces, system);
}
