//! The control plane of one cluster: pilot-discovery outside of any pod.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;

use super::http;
use super::limits::{QUIET, READY, SETTLES};
use super::pod;
use super::programs::Programs;
use super::verdict::{self, Verdict};
use crate::servers::sandbox::{Process, Sandbox};
use crate::servers::{until, until_ready};

/// What all sidecars and gateways share. Requests to hosts that nobody knows fail at once, instead of leaving the mesh.
const MESH: &str = "\
trustDomain: cluster.local
rootNamespace: istio-system
accessLogFile: ./access.log
accessLogEncoding: JSON
accessLogFormat: 'LOG'
outboundTrafficPolicy:
  mode: REGISTRY_ONLY
defaultConfig:
  discoveryAddress: istiod.istio-system.svc:15012
";

/// Envoy as it is published lacks Istio's own filters; there is nobody to elect, nothing to inject and no Gateway API; and
/// tests do not wait for further changes as long as a cluster does.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("POD_NAMESPACE", "istio-system"),
    ("SERVICE_ACCOUNT", "istiod"),
    ("REVISION", "default"),
    ("PILOT_CERT_PROVIDER", "istiod"),
    ("PILOT_ENABLE_METADATA_EXCHANGE", "false"),
    ("PILOT_ENABLE_ALPN_FILTER", "false"),
    ("INJECT_ENABLED", "false"),
    ("INJECTION_WEBHOOK_CONFIG_NAME", ""),
    ("VALIDATION_WEBHOOK_CONFIG_NAME", ""),
    ("ENABLE_LEADER_ELECTION", "false"),
    ("PILOT_ENABLE_GATEWAY_API", "false"),
    ("PILOT_ENABLE_WORKLOAD_ENTRY_AUTOREGISTRATION", "false"),
    ("PILOT_DEBOUNCE_AFTER", "10ms"),
    ("PILOT_DEBOUNCE_MAX", "1s"),
    // For clients that have IPv6 beside IPv4: without it they get no endpoint that has IPv6 only.
    ("ISTIO_DUAL_STACK", "true"),
];

/// The kinds of configuration that a proxy acknowledges, as istiod names them.
const SENT: [&str; 4] = ["cluster", "listener", "route", "endpoint"];

/// What proxies were sent, by their names: istiod tells it in no order.
type Sent = BTreeMap<String, Value>;

/// An istiod.
pub(super) struct Istiod {
    cluster: String,
    ports: Ports,
    program: PathBuf,
    arguments: Vec<String>,
    authority: PathBuf,
    folder: PathBuf,
    /// None while it is stopped.
    process: Mutex<Option<Process>>,
    sandbox: Arc<Sandbox>,
}

/// Where it listens on the loopback address of the program's own namespace.
#[derive(Debug, Clone, Copy)]
struct Ports {
    http: u16,
    monitoring: u16,
    plain: u16,
    webhook: u16,
}

impl Istiod {
    /// Starts it, and waits until it serves. Proxies reach it at `address`, port 15012.
    pub(super) fn start(
        cluster: &str,
        number: u8,
        address: Ipv4Addr,
        kubeconfig: &Path,
        authority: &Path,
        programs: &Programs,
        sandbox: &Arc<Sandbox>,
    ) -> Self {
        let folder = sandbox.path().join(format!("istiod-{cluster}"));
        fs::create_dir(&folder).expect("a folder of our own");
        fs::write(folder.join("mesh.yaml"), MESH.replace("LOG", pod::LOG_FORMAT)).expect("a folder of our own");
        let first = 20_000 + 10 * u16::from(number);
        let ports = Ports { http: first, monitoring: first + 1, plain: first + 2, webhook: first + 3 };
        let arguments = [
            "discovery".to_owned(),
            format!("--kubeconfig={}", kubeconfig.display()),
            "--meshConfig=mesh.yaml".to_owned(),
            "--networksConfig=none.yaml".to_owned(),
            format!("--httpAddr=127.0.0.1:{}", ports.http),
            format!("--monitoringAddr=127.0.0.1:{}", ports.monitoring),
            format!("--grpcAddr=127.0.0.1:{}", ports.plain),
            format!("--secureGRPCAddr={address}:15012"),
            format!("--httpsAddr=127.0.0.1:{}", ports.webhook),
            "--ctrlz_port=0".to_owned(),
            format!("--clusterID={cluster}"),
        ];
        let istiod = Self {
            cluster: cluster.to_owned(),
            ports,
            program: programs.istiod.clone(),
            arguments: arguments.into(),
            authority: authority.to_owned(),
            folder,
            process: Mutex::new(None),
            sandbox: Arc::clone(sandbox),
        };
        istiod.run();
        istiod
    }

    /// Starts the process. It must not run.
    pub(super) fn run(&self) {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder);
        command.envs(ENVIRONMENT.iter().copied()).env("ROOT_CA_DIR", &self.authority);
        command.env("POD_NAME", format!("istiod-{}", self.cluster)).env("CLUSTER_ID", &self.cluster);
        command.env("ISTIOD_CUSTOM_HOST", format!("istiod-{}", self.cluster));
        let name = format!("istiod-{}", self.cluster);
        let mut process = self.sandbox.spawn(&name, command).unwrap_or_else(|error| panic!("{name}: {error}"));
        let ready = until_ready(&name, &mut process, || {
            ask(self.ports.http, "/ready").is_ok_and(|answer| answer.status == 200)
        });
        ready.unwrap_or_else(|problem| panic!("{problem}"));
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
    }

    /// Stops it as a crash would.
    pub(super) fn stop(&self) {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        assert!(process.is_some(), "istiod of {} does not run", self.cluster);
    }

    /// The port that asks for no certificate.
    pub(super) fn plain_port(&self) -> u16 {
        self.ports.plain
    }

    /// What its admission webhook says of an object.
    pub(super) fn verdict_on(&self, object: &Value) -> Verdict {
        verdict::ask(self.ports.webhook, object)
    }

    /// Waits until every proxy has taken what was sent to it last, and nothing was sent for a while.
    pub(super) fn settle(&self) {
        let mut quiet: Option<(Instant, Sent)> = None;
        let settled = until(SETTLES, || {
            let now = self.sent();
            let all = now.values().all(has_acknowledged);
            match &quiet {
                Some((since, before)) if all && *before == now => return since.elapsed() > QUIET,
                _ => quiet = all.then(|| (Instant::now(), now)),
            }
            false
        });
        if !settled {
            let behind: Vec<Value> = self.sent().into_values().filter(|proxy| !has_acknowledged(proxy)).collect();
            panic!("{}: proxies do not take what they get: {behind:#?}", self.cluster);
        }
    }

    /// How many proxies are connected.
    pub(super) fn proxies(&self) -> usize {
        self.sent().len()
    }

    /// What proxies refused, as istiod counts it: lines of its metrics.
    pub(super) fn refused(&self) -> Vec<String> {
        let answer = ask(self.ports.monitoring, "/metrics").unwrap_or_else(|error| panic!("{error}"));
        let refused = answer.text.lines().filter(|line| line.starts_with("pilot_total_xds_rejects"));
        refused.map(str::to_owned).collect()
    }

    /// `/debug/syncz`: what each proxy was sent and has acknowledged.
    fn sent(&self) -> Sent {
        let answer = ask(self.ports.monitoring, "/debug/syncz").unwrap_or_else(|error| panic!("{error}"));
        // Nothing at all while no proxy is connected.
        let proxies: Vec<Value> = serde_json::from_str(&answer.text).unwrap_or_default();
        proxies.into_iter().map(|proxy| (proxy["proxy"].as_str().unwrap_or_default().to_owned(), proxy)).collect()
    }
}

fn ask(port: u16, path: &str) -> Result<http::Answer, String> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let stream = TcpStream::connect_timeout(&address, READY).map_err(|error| error.to_string())?;
    http::get(stream, "localhost", path)
}

fn has_acknowledged(proxy: &Value) -> bool {
    SENT.iter().all(|kind| proxy[format!("{kind}_sent")] == proxy[format!("{kind}_acked")])
}
