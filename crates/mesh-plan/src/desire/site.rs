//! One member as the planner sees it: region, network, gateway, and what of it is unknown.

use std::sync::Arc;

use mesh_model::facts::{ClusterFacts, GatewayService, MeshWish};
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Namespace};
use mesh_model::participation::{Participation, participation};
use mesh_model::policy::{GATEWAY_PORT, MemberGateway, MeshPolicy};

/// The SPIFFE trust domain where nothing says otherwise.
const TRUST_DOMAIN: &str = "cluster.local";
/// The kinds that decide which workloads serve.
const SERVING_KINDS: [Kind; 6] =
    [Kind::Namespace, Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Rollout, Kind::Service];
/// The kinds that decide which workloads call.
const CALLING_KINDS: [Kind; 7] =
    [Kind::Namespace, Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Rollout, Kind::Job, Kind::CronJob];

/// One member as the planner sees it.
pub(crate) struct Site<'a> {
    pub(crate) name: &'a ClusterName,
    /// Facts of an active member that was read.
    pub(crate) facts: Option<&'a ClusterFacts>,
    pub(crate) retired: bool,
    pub(crate) region: Option<Arc<str>>,
    /// Whether a missing region means that there is none.
    pub(crate) region_known: bool,
    pub(crate) network: Arc<str>,
    pub(crate) gateway: Gateway,
    pub(crate) trust_domain: Arc<str>,
}

/// How other clusters reach a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gateway {
    /// The policy says that it has none.
    None,
    /// It should have one, but no usable address was found.
    Missing,
    /// Address (with trailing dot where the policy wants it) and port; the Service it is read from, unless the policy
    /// gives it.
    At { address: Arc<str>, port: u16, service: Option<Arc<str>> },
}

/// The region of most nodes, of several the smallest (deviation D6).
pub(crate) fn region_of_nodes(facts: &ClusterFacts) -> Option<&Arc<str>> {
    // `max_by_key` takes the last of equals, so the order is reversed.
    facts.node_regions.iter().rev().max_by_key(|(_, nodes)| **nodes).map(|(region, _)| region)
}

impl<'a> Site<'a> {
    pub(crate) fn new(name: &'a ClusterName, fleet: &'a FleetSnapshot, policy: &MeshPolicy) -> Self {
        let view = fleet.members.get(name);
        let facts = fleet.facts(name);
        let reached = match view {
            Some(ClusterView::Seen(facts) | ClusterView::Retired(Some(facts))) => Some(&**facts),
            _ => None,
        };
        let member = policy.member(name);
        let node_region = facts.and_then(region_of_nodes).cloned();
        let policy_region = member.and_then(|m| m.region.as_deref()).map(Arc::<str>::from);
        let sees_nodes = facts.is_some_and(|facts| !facts.unseen.contains(&Kind::Node));
        let network = member
            .and_then(|m| m.network.as_deref())
            .map(Arc::from)
            .or_else(|| facts.and_then(|facts| network_by_labels(facts, policy)))
            .unwrap_or_else(|| Arc::from(name.as_str()));
        Self {
            name,
            facts,
            retired: matches!(view, Some(ClusterView::Retired(_))),
            region_known: policy_region.is_some() || sees_nodes,
            // Nodes that were read in part may tell a region that the others outvote.
            region: policy_region.or(node_region.filter(|_| sees_nodes)),
            network,
            // A retired member's gateway still tells whose an endpoint without origin is.
            gateway: gateway(member.and_then(|m| m.gateway.as_ref()), reached, policy),
            trust_domain: member.and_then(|m| m.trust_domain.as_deref()).unwrap_or(TRUST_DOMAIN).into(),
        }
    }

    /// Whether `kind` was read completely here.
    pub(crate) fn sees(&self, kind: Kind) -> bool {
        self.facts.is_some_and(|facts| !facts.unseen.contains(&kind))
    }

    /// Whether a workload of `namespace` with such a wish takes part in the mesh here.
    pub(crate) fn participation(&self, wish: MeshWish, namespace: &Namespace, policy: &MeshPolicy) -> Participation {
        let facts = self.facts.and_then(|facts| facts.namespaces.get(namespace));
        participation(wish, facts, self.sees(Kind::Namespace), policy)
    }

    /// Whether there may be more of `kind` here than was read.
    pub(crate) fn may_have(&self, kind: Kind) -> bool {
        !self.retired && !self.sees(kind)
    }

    /// Whether everything that decides who serves here was read completely.
    pub(crate) fn sees_sources(&self) -> bool {
        SERVING_KINDS.iter().all(|kind| self.sees(*kind))
    }

    /// Whether everything that decides who calls from here was read completely.
    pub(crate) fn sees_callers(&self) -> bool {
        CALLING_KINDS.iter().all(|kind| self.sees(*kind))
    }

    /// Whether generated objects here were read completely, so that writing is safe.
    pub(crate) fn is_writable(&self) -> bool {
        self.sees(Kind::ServiceEntry) && self.sees(Kind::DestinationRule)
    }
}

fn network_by_labels(facts: &ClusterFacts, policy: &MeshPolicy) -> Option<Arc<str>> {
    let of_namespace = facts.namespaces.get(&policy.gateway.namespace).and_then(|ns| ns.network.clone());
    of_namespace.or_else(|| facts.gateways.iter().find_map(|gateway| gateway.network.clone()))
}

fn gateway(member: Option<&MemberGateway>, facts: Option<&ClusterFacts>, policy: &MeshPolicy) -> Gateway {
    match member {
        Some(MemberGateway::None) => Gateway::None,
        Some(MemberGateway::At { host, port }) => {
            Gateway::At { address: dotted(host, policy.gateway.trailing_dot), port: *port, service: None }
        }
        None => facts
            .and_then(|facts| facts.gateways.iter().find_map(|service| service_address(service, policy)))
            .unwrap_or(Gateway::Missing),
    }
}

/// The address of a gateway Service (`reference/admiral.md` §4.7).
fn service_address(service: &GatewayService, policy: &MeshPolicy) -> Option<Gateway> {
    let (address, port) = if let Some(hostname) = &service.hostname {
        (dotted(hostname, policy.gateway.trailing_dot), GATEWAY_PORT)
    } else if let Some(ip) = &service.ip {
        (Arc::clone(ip), GATEWAY_PORT)
    } else {
        (Arc::clone(service.external_ip.as_ref()?), service.node_port?)
    };
    let name = format!("{}/{}", policy.gateway.namespace, service.name);
    Some(Gateway::At { address, port, service: Some(name.into()) })
}

/// A host name with a trailing dot, which spares proxies the search domains; an IP address as it is.
fn dotted(host: &str, wanted: bool) -> Arc<str> {
    if wanted && !host.ends_with('.') && host.parse::<std::net::IpAddr>().is_err() {
        format!("{host}.").into()
    } else {
        host.into()
    }
}
