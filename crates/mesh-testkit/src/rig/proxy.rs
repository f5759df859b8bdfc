//! A sidecar or a gateway: pilot-agent with Envoy, as it runs in a pod.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::json;

use super::pod;
use super::programs::Programs;
use super::space::Space;

/// What a proxy is started with.
pub(super) struct Proxy {
    pub(super) cluster: String,
    pub(super) network: String,
    pub(super) node: String,
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) account: String,
    pub(super) address: std::net::Ipv4Addr,
    pub(super) router: bool,
    pub(super) labels: BTreeMap<String, String>,
    /// Of its container in the manifest: what it says of Istio goes to the agent.
    pub(super) environment: BTreeMap<String, String>,
    pub(super) programs: Arc<Programs>,
    pub(super) folder: PathBuf,
}

impl Proxy {
    /// Writes what the agent finds in a pod: its token, the root's certificate and the pod's labels.
    pub(super) fn prepare(&self, token: &str, root: &str) {
        let labels: Vec<String> = self.labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
        for (name, text) in [
            ("var/run/secrets/tokens/istio-token", token),
            (pod::ROOT, root),
            ("etc/istio/pod/labels", &labels.join("\n")),
            ("etc/istio/pod/annotations", ""),
            ("etc/istio/proxy/.keep", ""),
        ] {
            pod::write(&self.folder, name, text);
        }
    }

    /// The command that starts it. All that it starts ends with it: they have process ids of their own.
    pub(super) fn command(&self, space: &Space) -> Command {
        let mut command = space.command(&self.folder, Path::new("unshare"));
        command.args(["--pid", "--fork", "--kill-child", "--"]).arg(&self.programs.agent);
        command.args(["proxy", if self.router { "router" } else { "sidecar" }]);
        command.args(["--domain", &format!("{}.svc.cluster.local", self.namespace)]);
        command.args(["--proxyLogLevel", "warning", "--concurrency", "1"]);
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        if !self.router {
            command.env("ISTIO_META_DNS_CAPTURE", "true").env("DNS_PROXY_ADDR", "127.0.0.1:15053");
        }
        command.env("HOME", &self.folder).envs(&self.environment);
        for (name, value) in [
            ("POD_NAME", self.pod.as_str()),
            ("POD_NAMESPACE", &self.namespace),
            ("INSTANCE_IP", &self.address.to_string()),
            ("SERVICE_ACCOUNT", &self.account),
            ("TRUST_DOMAIN", "cluster.local"),
            ("PILOT_CERT_PROVIDER", "istiod"),
            ("CA_ADDR", "istiod.istio-system.svc:15012"),
            ("CLOUD_PLATFORM", "none"),
            ("ISTIO_META_CLUSTER_ID", &self.cluster),
            ("ISTIO_META_NETWORK", &self.network),
            ("ISTIO_META_MESH_ID", "tests"),
            ("ISTIO_META_NODE_NAME", &self.node),
            ("ISTIO_META_WORKLOAD_NAME", &self.pod),
            ("ISTIO_META_INTERCEPTION_MODE", "REDIRECT"),
            ("ISTIO_META_UNPRIVILEGED_POD", "true"),
            ("MINIMUM_DRAIN_DURATION", "0s"),
            ("PROXY_CONFIG", &self.config()),
        ] {
            command.env(name, value);
        }
        command
    }

    /// Connections drain for a second only, so that a test sees what a change does to new ones, and access logs are written at
    /// once.
    fn config(&self) -> String {
        json!({
            "binaryPath": self.programs.envoy,
            "configPath": "./etc/istio/proxy",
            "proxyBootstrapTemplatePath": self.programs.bootstrap,
            "discoveryAddress": "istiod.istio-system.svc:15012",
            "statusPort": 15020,
            "proxyAdminPort": 15000,
            "concurrency": 1,
            "drainDuration": "1s",
            "terminationDrainDuration": "0s",
            "fileFlushInterval": "0.05s",
            "proxyStatsMatcher": {"inclusionRegexps": [
                ".*outlier.*", ".*ssl.*", ".*upstream_cx.*", ".*upstream_rq.*", ".*membership.*",
            ]},
        })
        .to_string()
    }
}
