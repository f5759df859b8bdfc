//! The path from a client to a global name, hop by hop: what decides each, and where it breaks.
//!
//! Pure. It tells what objects tell; what only a connection can tell is the prober's business.

use std::sync::Arc;

use mesh_model::finding::Finding;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host, Identity, Namespace};
use mesh_model::policy::MeshPolicy;
use serde::Serialize;

use crate::check::Scene;
use crate::desired::Desired;

mod client;
mod from;
mod handshake;
mod share;
mod way;

pub use from::{FoundClient, NoClient, find_client};
pub use handshake::Handshake;

/// The path from a client to a host.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// Who calls.
    pub client: Client,
    /// What is called.
    pub host: Host,
    /// Whether a request comes through.
    pub verdict: Verdict,
    /// The same in one sentence: lower case, no final period.
    pub says: String,
    /// What the client's own proxy makes of a request.
    pub hops: Vec<Hop>,
    /// Where it may go then, the first choice first.
    pub ways: Vec<Way>,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Client {
    /// Its cluster.
    pub cluster: ClusterName,
    /// Its namespace.
    pub namespace: Namespace,
    /// The kind of workload.
    pub kind: Kind,
    /// The workload.
    pub workload: Arc<str>,
    /// Its identity, if it carries one.
    pub identity: Option<Identity>,
    /// Where it runs.
    pub region: Option<Arc<str>>,
}

/// Whether a request comes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Yes.
    Ok,
    /// As far as can be known; something cannot.
    Unknown,
    /// Some do, some do not: or only until something fails.
    Degraded,
    /// No.
    Broken,
}

/// What is known of a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing is wrong.
    Ok,
    /// What decides it was not seen.
    Unknown,
    /// Requests end here.
    Broken,
}

/// One hop.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hop {
    /// Which.
    pub step: Step,
    /// What is known of it.
    pub state: State,
    /// The object that decides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What becomes of a request: lower case, no final period.
    pub says: String,
    /// What is wrong, or worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// The hops, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The client has a sidecar.
    Sidecar,
    /// Its proxy is told of the host.
    Entry,
    /// The host resolves to an address.
    Name,
    /// Where requests are routed.
    Route,
    /// How the host is reached: load balancing, TLS.
    Rule,
    /// Endpoints for the client's region.
    Endpoints,
    /// Client and server have a root in common, and the server's identity is accepted.
    Trust,
    /// The gateway of the other cluster.
    Gateway,
    /// The gateway passes on the SNI.
    Sni,
    /// The Service that the gateway hands to.
    Service,
    /// The server takes mutual TLS.
    Authentication,
    /// The server lets the client in.
    Authorization,
    /// Pods are ready.
    Pods,
    /// What a connection to the gateway showed.
    Handshake,
}

impl Step {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sidecar => "sidecar",
            Self::Entry => "entry",
            Self::Name => "name",
            Self::Route => "route",
            Self::Rule => "rule",
            Self::Endpoints => "endpoints",
            Self::Trust => "trust",
            Self::Gateway => "gateway",
            Self::Sni => "sni",
            Self::Service => "service",
            Self::Authentication => "authentication",
            Self::Authorization => "authorization",
            Self::Pods => "pods",
            Self::Handshake => "handshake",
        }
    }
}

/// One endpoint, and what is behind it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    /// Address and port.
    pub address: String,
    /// The SNI that the client's proxy asks for; none within a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sni: Option<String>,
    /// Identities that the client accepts of the server; none is any of the mesh.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepts: Vec<Arc<str>>,
    /// The cluster that it leads to, if that can be told.
    pub cluster: Option<ClusterName>,
    /// Its region.
    pub region: Option<Arc<str>>,
    /// 0 is the first choice.
    pub priority: u32,
    /// Its share of the requests of its priority, in percent; none where it is the same for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// What is behind it.
    pub hops: Vec<Hop>,
}

impl Hop {
    fn ok(step: Step, by: Option<String>, says: impl Into<String>) -> Self {
        Self { step, state: State::Ok, by, says: says.into(), findings: Vec::new() }
    }

    fn unknown(step: Step, says: impl Into<String>) -> Self {
        Self { step, state: State::Unknown, by: None, says: says.into(), findings: Vec::new() }
    }

    fn broken(step: Step, says: impl Into<String>, findings: Vec<Finding>) -> Self {
        let by = findings.first().map(|finding| finding.place.to_string());
        Self { step, state: State::Broken, by, says: says.into(), findings }
    }

    /// The same, with more that is worth knowing.
    fn with(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        self.findings.extend(findings);
        self
    }
}

impl Way {
    /// What is known of the whole of it.
    pub fn state(&self) -> State {
        self.hops.iter().map(|hop| hop.state).max().unwrap_or(State::Unknown)
    }
}

/// The path of requests of a client to a host: as objects are now, or, where `planned`, as they will be after the next sync.
pub fn trace(
    client: &FoundClient<'_>,
    host: &Host,
    planned: bool,
    desired: &Desired,
    fleet: &FleetSnapshot,
    policy: &MeshPolicy,
) -> Trace {
    let scene = if planned { Scene::pushed(desired, fleet, policy) } else { Scene::live(desired, fleet, policy) };
    let FoundClient { cluster, caller, identity } = client;
    let site = &scene.sites[*cluster];
    let call = client::Call { cluster, client: caller, identity: *identity, host, desired, scene: &scene, policy };
    let (hops, ways) = call.follow();
    let (verdict, says) = judge(&hops, &ways);
    let client = Client {
        cluster: (*cluster).clone(),
        namespace: caller.namespace.clone(),
        kind: caller.kind.kind(),
        workload: Arc::clone(&caller.name),
        identity: identity.cloned(),
        region: site.region.clone(),
    };
    Trace { client, host: host.clone(), verdict, says, hops, ways }
}

fn judge(hops: &[Hop], ways: &[Way]) -> (Verdict, String) {
    if let Some(hop) = hops.iter().find(|hop| hop.state == State::Broken) {
        return (Verdict::Broken, format!("no request leaves the client's proxy for it: {}", says_of(hop)));
    }
    let broken = |way: &&Way| way.state() == State::Broken;
    let why = |way: &Way| way.hops.iter().find(|hop| hop.state == State::Broken).map(says_of).unwrap_or_default();
    let place = |way: &Way| way.cluster.as_ref().map_or_else(|| way.address.clone(), ToString::to_string);
    let first: Vec<&Way> = ways.iter().filter(|way| way.priority == 0 && way.weight != Some(0)).collect();
    let lost: Vec<&&Way> = first.iter().filter(|way| broken(way)).collect();
    if let Some(way) = lost.first() {
        let says = format!("requests to {} end there: {}", place(way), why(way));
        let verdict = if lost.len() == first.len() { Verdict::Broken } else { Verdict::Degraded };
        return (verdict, says);
    }
    if let Some(way) = ways.iter().find(broken) {
        let says = format!("requests come through; but nobody should count on {}: {}", place(way), why(way));
        return (Verdict::Degraded, says);
    }
    let unknown = hops.iter().chain(ways.iter().flat_map(|way| &way.hops)).find(|hop| hop.state == State::Unknown);
    match unknown {
        Some(hop) => {
            (Verdict::Unknown, format!("nothing is known to be wrong; {} is unknown: {}", hop.step.as_str(), hop.says))
        }
        None => (Verdict::Ok, "requests come through".to_owned()),
    }
}

fn says_of(hop: &Hop) -> String {
    let found = hop.findings.first().map(|finding| format!("{} ({} {})", hop.says, finding.code, finding.code.name()));
    found.unwrap_or_else(|| hop.says.clone())
}
