//! What istiod would give a proxy of some identity, which need not exist.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::space::run;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Who {
    kind: &'static str,
    namespace: String,
    labels: String,
    view: String,
}

impl Who {
    /// A sidecar of a pod in this namespace.
    pub fn sidecar(namespace: &str) -> Self {
        Self { kind: "sidecar", namespace: namespace.to_owned(), labels: "app=probe".to_owned(), view: String::new() }
    }

    /// An east-west gateway that asks for the endpoints of one network only, or for all.
    pub fn gateway(view: Option<&str>) -> Self {
        Self {
            kind: "router",
            namespace: "istio-system".to_owned(),
            labels: "istio=eastwestgateway".to_owned(),
            view: view.unwrap_or_default().to_owned(),
        }
    }
}

/// What it would get about one host.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Where requests may go: Envoy's clusters.
    pub upstreams: Vec<Upstream>,
    /// The names of virtual hosts, by which requests are told.
    pub domains: Vec<String>,
    /// The SNI values that a gateway's listeners pass on.
    pub chains: Vec<String>,
}

/// One of Envoy's clusters.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Such as `outbound|80||stage.greeting.global`.
    pub name: String,
    /// Such as `STRICT_DNS`.
    pub resolution: String,
    /// The SNI of mutual TLS, if it is asked for always or of endpoints that can.
    pub sni: Option<String>,
    /// Which names the server's certificate must have; empty for any.
    pub sans: Vec<String>,
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `address:port`.
    pub address: String,
    /// Its region, empty without one.
    pub region: String,
    /// 0 comes first.
    pub priority: u64,
    /// The weight of its locality, if it has one.
    pub weight: Option<u64>,
}

impl Seen {
    /// The only upstream whose name starts like this.
    ///
    /// # Panics
    /// If there is none, or more.
    #[track_caller]
    pub fn only(&self, start: &str) -> &Upstream {
        let found: Vec<_> = self.upstreams.iter().filter(|upstream| upstream.name.starts_with(start)).collect();
        assert_eq!(found.len(), 1, "{start}: {self:?}");
        found[0]
    }
}

impl Upstream {
    /// The addresses of its endpoints, sorted.
    pub fn addresses(&self) -> Vec<&str> {
        let mut addresses: Vec<&str> = self.endpoints.iter().map(|endpoint| endpoint.address.as_str()).collect();
        addresses.sort_unstable();
        addresses
    }
}

/// Asks.
pub(super) fn ask(
    program: &Path,
    port: u16,
    cluster: &str,
    region: &str,
    address: Ipv4Addr,
    who: &Who,
    host: &str,
) -> Seen {
    let address = address.to_string();
    let server = format!("127.0.0.1:{port}");
    let region = format!("{region}/{region}a");
    let mut command = Command::new(program);
    command.args(["-address", &server, "-kind", who.kind, "-namespace", &who.namespace, "-cluster", cluster]);
    command.args(["-ip", &address, "-region", &region, "-labels", &who.labels, "-view", &who.view, "-host", host]);
    let answer: Value = serde_json::from_str(&run(&mut command)).expect("the probe answers in JSON");
    seen(&answer, host)
}

fn seen(answer: &Value, host: &str) -> Seen {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut seen = Seen::default();
    for cluster in list(&answer["clusters"]) {
        let name = text(&cluster["name"]);
        let apart = list(&answer["endpoints"]).into_iter().find(|endpoints| endpoints["clusterName"] == *name);
        let endpoints = if cluster["loadAssignment"].is_null() {
            apart.unwrap_or_default()
        } else {
            cluster["loadAssignment"].clone()
        };
        let sockets = list(&cluster["transportSocketMatches"]);
        let sockets = [&cluster["transportSocket"]].into_iter().chain(sockets.iter().map(|it| &it["transportSocket"]));
        let tls = sockets.map(|socket| &socket["typedConfig"]).find(|config| !config["sni"].is_null());
        let checked = tls.map(|config| {
            &config["commonTlsContext"]["combinedValidationContext"]["defaultValidationContext"]["matchSubjectAltNames"]
        });
        seen.upstreams.push(Upstream {
            name,
            resolution: text(&cluster["type"]),
            sni: tls.map(|config| text(&config["sni"])),
            sans: checked.map(list).unwrap_or_default().iter().map(|san| text(&san["exact"])).collect(),
            endpoints: list(&endpoints["endpoints"]).iter().flat_map(locality).collect(),
        });
    }
    let mentions = |name: &String| name.contains(host);
    for routes in list(&answer["routes"]) {
        let domains = list(&routes["virtualHosts"]).iter().flat_map(|it| list(&it["domains"])).collect::<Vec<_>>();
        seen.domains.extend(domains.iter().map(text).filter(mentions));
    }
    for listener in list(&answer["listeners"]) {
        let matches = list(&listener["filterChains"]);
        let names = matches.iter().flat_map(|chain| list(&chain["filterChainMatch"]["serverNames"]));
        seen.chains.extend(names.map(|name| text(&name)).filter(mentions));
    }
    seen
}

fn locality(locality: &Value) -> Vec<Endpoint> {
    let endpoints = locality["lbEndpoints"].as_array().cloned().unwrap_or_default();
    let socket = |endpoint: &Value| {
        let address = &endpoint["endpoint"]["address"]["socketAddress"];
        format!("{}:{}", text(&address["address"]), address["portValue"])
    };
    let of = |endpoint: &Value| Endpoint {
        address: socket(endpoint),
        region: text(&locality["locality"]["region"]),
        priority: locality["priority"].as_u64().unwrap_or_default(),
        weight: locality["loadBalancingWeight"].as_u64(),
    };
    endpoints.iter().map(of).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
