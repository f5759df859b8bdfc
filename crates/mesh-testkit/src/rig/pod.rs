//! A pod: its namespace, its proxy, what it serves, and what it asks.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use hyper::Uri;
use hyper_util::rt::TokioIo;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tower::service_fn;

use super::app::App;
use super::http::{self, Answer, Connection};
use super::limits::{READY, REQUEST, UNREACHABLE};
use super::load::{Amount, Load, Loading};
use super::space::Space;
use crate::runtime::runtime;
use crate::servers::sandbox::{Process, Sandbox};
use crate::servers::until;

mod explained;

pub(super) use self::explained::LOG_FORMAT;
pub use self::explained::{Explained, Outcome};

/// A pod that runs.
pub struct Pod {
    /// `cluster/namespace/name`.
    key: String,
    address: Ipv4Addr,
    /// Its name server: its own proxy, or the cluster's.
    names: Ipv4Addr,
    space: Arc<Space>,
    /// The ports of its container, with their names.
    ports: Vec<(String, u16)>,
    proxy: Box<dyn Fn() -> Command + Send + Sync>,
    /// What runs in it; empty while it is dead.
    running: Mutex<Option<Running>>,
    sandbox: Arc<Sandbox>,
}

struct Running {
    apps: Vec<App>,
    proxy: Option<Process>,
}

impl Pod {
    /// Starts what runs in it; whoever needs its proxy waits for that.
    pub(super) fn start(
        key: &str,
        address: Ipv4Addr,
        names: Ipv4Addr,
        space: Space,
        ports: Vec<(String, u16)>,
        proxy: impl Fn(&Space) -> Command + Send + Sync + 'static,
        sandbox: &Arc<Sandbox>,
    ) -> Self {
        let space = Arc::new(space);
        let within = Arc::clone(&space);
        let pod = Self {
            key: key.to_owned(),
            address,
            names,
            space,
            ports,
            proxy: Box::new(move || proxy(&within)),
            running: Mutex::new(None),
            sandbox: Arc::clone(sandbox),
        };
        pod.start_again();
        pod
    }

    /// `cluster/namespace/name`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Where it runs.
    pub(super) fn space(&self) -> &Space {
        &self.space
    }

    /// Kills all that runs in it: connections break, and new ones are refused.
    pub fn kill(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        assert!(running.is_some(), "{} does not run", self.key);
        drop(running);
        // What its proxy started ends a moment later, and only then its ports are free.
        assert!(until(READY, || self.space.is_silent()), "{} does not end", self.key);
    }

    /// Kills what it serves, and leaves its proxy.
    pub fn kill_app(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_mut().unwrap_or_else(|| panic!("{} does not run", self.key)).apps.clear();
    }

    /// Starts whatever of it does not run.
    pub fn start_again(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running.get_or_insert_with(|| Running { apps: Vec::new(), proxy: None });
        if running.apps.is_empty() {
            running.apps = self.ports.iter().map(|(name, port)| self.serve(name, *port)).collect();
        }
        if running.proxy.is_none() {
            let name = format!("proxy-{}", self.key.replace('/', "-"));
            let proxy = self.sandbox.spawn(&name, (self.proxy)());
            running.proxy = Some(proxy.unwrap_or_else(|error| panic!("{}: {error}", self.key)));
        }
    }

    /// Kills all that runs in it and starts it again. Returns when its proxy is ready: nothing of earlier connections, errors
    /// or ejections is left.
    ///
    /// # Panics
    /// If the proxy does not become ready.
    pub fn restart(&self) {
        self.kill();
        self.start_again();
        self.wait_until_ready();
    }

    /// Waits for its proxy.
    pub(super) fn wait_until_ready(&self) {
        assert!(until(READY, || self.is_ready()), "{}: its proxy is not ready", self.key);
    }

    /// Gives its proxy another root to trust, from its next start on.
    pub(super) fn trust(&self, root: &str) {
        write(&folder_of(&self.sandbox, &self.key), ROOT, root);
    }

    /// Whether its proxy has its certificate and its configuration.
    fn is_ready(&self) -> bool {
        let port = SocketAddr::from((self.address, 15021));
        let connection = self.space.within(|| TcpStream::connect_timeout(&port, REQUEST));
        let ready = |stream| http::get(stream, "localhost", "/healthz/ready").map(|answer| answer.status);
        connection.is_ok_and(|stream| ready(stream) == Ok(200))
    }

    /// Asks `http://host[:port]/path` as an application in the pod does: a name is looked up by the proxy's name server.
    ///
    /// # Errors
    /// If there is no answer: the name is not known, the connection is refused, breaks, or nothing comes in time.
    pub fn get(&self, url: &str) -> Result<Answer, String> {
        let Url { host, port, path } = Url::of(url);
        self.connect(host, port)?.get(path)
    }

    /// Connects to a port of a host, says nothing, and returns what comes until the other side hangs up.
    ///
    /// # Errors
    /// If the name is not known, or the connection is refused or breaks.
    pub fn hear(&self, host: &str, port: u16) -> Result<String, String> {
        let mut stream = connection(&self.space, self.names, host, port)?;
        let mut heard = String::new();
        stream.set_read_timeout(Some(REQUEST)).map_err(|error| error.to_string())?;
        stream.read_to_string(&mut heard).map_err(|error| error.to_string())?;
        Ok(heard)
    }

    /// Asks a host by gRPC whether a service of this name is well.
    ///
    /// # Errors
    /// If it is not, or there is no answer.
    pub fn check_health(&self, host: &str, service: &str) -> Result<(), String> {
        let stream = connection(&self.space, self.names, host, 80)?;
        let (host, service) = (format!("http://{host}"), service.to_owned());
        let answer = runtime().block_on(async {
            stream.set_nonblocking(true).map_err(|error| error.to_string())?;
            let stream = tokio::net::TcpStream::from_std(stream).map_err(|error| error.to_string())?;
            let mut stream = Some(TokioIo::new(stream));
            let endpoint = Endpoint::from_shared(host).map_err(|error| error.to_string())?.timeout(REQUEST);
            let connector = service_fn(move |_: Uri| {
                let stream = stream.take().ok_or_else(|| io::Error::other("one connection only"));
                async { stream }
            });
            let channel = endpoint.connect_with_connector(connector).await.map_err(|error| error.to_string())?;
            let asked = HealthClient::new(channel).check(HealthCheckRequest { service }).await;
            asked.map_err(|status| status.to_string())
        })?;
        match answer.into_inner().status() {
            ServingStatus::Serving => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }

    /// Sends `count` requests, a few at once.
    pub fn load(&self, url: &str, count: usize) -> Load {
        self.loading(url, Amount { count: Some(count), workers: 4, pause: Duration::ZERO }).wait()
    }

    /// Sends requests until it is told to stop: some four hundred a second.
    pub fn steady_load(&self, url: &str) -> Loading {
        self.loading(url, Amount { count: None, workers: 4, pause: Duration::from_millis(10) })
    }

    fn loading(&self, url: &str, amount: Amount) -> Loading {
        let Url { host, port, path } = Url::of(url);
        let (space, names, host) = (Arc::clone(&self.space), self.names, host.to_owned());
        Loading::start(move || connect(&space, names, &host, port), path, amount)
    }

    /// Whether a plain connection to this address is made at all, past its proxy.
    pub fn reaches(&self, address: SocketAddr) -> bool {
        self.space.within(|| TcpStream::connect_timeout(&address, UNREACHABLE)).is_ok()
    }

    /// The sum of its Envoy's counters whose names match this expression.
    pub fn counted(&self, names: &str) -> u64 {
        let text = self.envoy(&format!("/stats?filter={names}"));
        text.lines().filter_map(|line| line.rsplit_once(": ")?.1.parse::<u64>().ok()).sum()
    }

    /// The answer of its Envoy's administration port.
    ///
    /// # Panics
    /// If there is none.
    pub fn envoy(&self, path: &str) -> String {
        let port = SocketAddr::from(([127, 0, 0, 1], 15000));
        let stream = self.space.within(|| TcpStream::connect_timeout(&port, REQUEST));
        let answer = stream.map_err(|error| error.to_string()).and_then(|stream| http::get(stream, "localhost", path));
        answer.unwrap_or_else(|error| panic!("{}: Envoy: {error}", self.key)).text
    }

    fn connect(&self, host: &str, port: u16) -> Result<Connection, String> {
        connect(&self.space, self.names, host, port)
    }

    fn serve(&self, protocol: &str, port: u16) -> App {
        let listener = self.space.within(|| TcpListener::bind(("0.0.0.0", port)));
        App::start(&self.key, protocol, listener.unwrap_or_else(|error| panic!("{}: port {port}: {error}", self.key)))
    }
}

/// The parts of `http://host[:port]/path`.
struct Url<'u> {
    host: &'u str,
    port: u16,
    path: &'u str,
}

impl<'u> Url<'u> {
    fn of(url: &'u str) -> Self {
        let rest = url.strip_prefix("http://").expect("an address of plain HTTP");
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
        Self { host, port: port.parse().expect("a port"), path }
    }
}

/// Connects as a program in the namespace does.
fn connection(space: &Space, names: Ipv4Addr, host: &str, port: u16) -> Result<TcpStream, String> {
    let address = space.within(|| look_up(names, host)).map_err(|error| format!("{host}: {error}"))?;
    connection_to(space, SocketAddr::from((address, port)))
}

fn connection_to(space: &Space, address: SocketAddr) -> Result<TcpStream, String> {
    let stream = space.within(|| TcpStream::connect_timeout(&address, REQUEST)).map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    Ok(stream)
}

fn connect(space: &Space, names: Ipv4Addr, host: &str, port: u16) -> Result<Connection, String> {
    Connection::over(connection(space, names, host, port)?, host)
}

/// Asks a name server for an address.
fn look_up(names: Ipv4Addr, host: &str) -> io::Result<Ipv4Addr> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    let mut name = Name::from_utf8(host).map_err(io::Error::other)?;
    name.set_fqdn(true);
    let mut question = Message::new(1, MessageType::Query, OpCode::Query);
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name, RecordType::A));
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(REQUEST))?;
    socket.connect((names, 53))?;
    socket.send(&question.to_vec().map_err(io::Error::other)?)?;
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer)?;
    let answer = Message::from_vec(&buffer[..length]).map_err(io::Error::other)?;
    let address = answer.answers.iter().find_map(|record| match &record.data {
        RData::A(address) => Some(address.0),
        _ => None,
    });
    address.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such name"))
}

/// The pods of a cluster, by `namespace/name`.
pub(super) type Pods = BTreeMap<String, Arc<Pod>>;

/// A folder for a pod, with its name server's address in its own `/etc/resolv.conf`.
pub(super) fn folder(sandbox: &Sandbox, key: &str, space: &Space, names: Ipv4Addr) -> PathBuf {
    let folder = folder_of(sandbox, key);
    fs::create_dir_all(&folder).expect("a folder of our own");
    let resolve = folder.join("resolv.conf");
    fs::write(&resolve, format!("nameserver {names}\n")).expect("a folder of our own");
    space.script(&format!("mount --bind '{}' /etc/resolv.conf", resolve.display()));
    folder
}

fn folder_of(sandbox: &Sandbox, key: &str) -> PathBuf {
    sandbox.path().join(format!("pod-{}", key.replace('/', "-")))
}

/// Where a proxy finds the root that it trusts.
pub(super) const ROOT: &str = "var/run/secrets/istio/root-cert.pem";

/// Writes a file of a pod and the folders above it.
pub(super) fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder of our own");
    fs::write(path, text).expect("a folder of our own");
}
