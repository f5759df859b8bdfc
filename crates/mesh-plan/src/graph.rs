//! A fleet as a graph: names, the clusters that call them, the clusters that run them, and problems where they are.
//!
//! Everything in it was worked out elsewhere; here it is only joined.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_model::finding::Finding;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host, Identity};
use mesh_model::origin::Origin;
use mesh_model::policy::MeshPolicy;
use serde::Serialize;

use crate::because::Because;
use crate::desire::callers::Callers;
use crate::desire::site::Site;
use crate::desired::{Desired, Name, Place};
use crate::plan::Plan;
use crate::scope::Scope;
use crate::status::{MemberState, MemberStatus, status};
use crate::whereis::{HostReport, NameReport, PublishedPort, Splits, report};

mod attach;

use attach::Attached;

/// A fleet, or the part of it that was asked for.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Graph {
    /// Members, by name.
    pub clusters: Vec<ClusterNode>,
    /// Global names, by base host.
    pub names: Vec<NameNode>,
    /// Problems of the fleet: of no cluster and no name here.
    pub findings: Vec<Finding>,
}

/// A member.
#[derive(Debug, Clone, Serialize)]
pub struct ClusterNode {
    /// How it is.
    #[serde(flatten)]
    pub status: MemberStatus,
    /// Problems in it that are of none of the names.
    pub findings: Vec<Finding>,
}

/// A global name, with what leads to it and from it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NameNode {
    /// Its base host.
    pub name: Host,
    /// The identity.
    pub identity: Identity,
    /// The env.
    pub env: Arc<str>,
    /// Who holds the name.
    pub owners: BTreeSet<Arc<str>>,
    /// Protocol and number of the published port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<PublishedPort>,
    /// Every host of the name, the base host first.
    pub hosts: Vec<HostReport>,
    /// The clusters that call it.
    pub clients: Vec<ClientEdge>,
    /// The clusters that run it.
    pub sources: Vec<SourceEdge>,
    /// Clusters that call or run it and were not asked for.
    pub elsewhere: usize,
    /// Problems of it.
    pub findings: Vec<Finding>,
}

/// A cluster that has a name without running it, or besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientEdge {
    /// The cluster.
    pub cluster: ClusterName,
    /// What it is to the name.
    pub tie: Tie,
    /// Who calls from there, by identity.
    pub callers: Vec<Caller>,
    /// Why it has the name, where that was worked out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<Arc<Because>>,
}

/// What a cluster that does not run a name is to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tie {
    /// It calls the name.
    Calls,
    /// It ran the name once and keeps the host for callers (deviation D18).
    Ran,
    /// It has the name, and whether it still calls it cannot be seen now.
    Held,
}

/// An identity that calls a name from one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// The identity.
    pub identity: Arc<str>,
    /// A workload of it.
    pub workload: Origin,
    /// The Dependency that says so.
    pub dependency: Origin,
}

/// A cluster that runs a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceEdge {
    /// The cluster.
    pub cluster: ClusterName,
    /// The share of calls, in percent, that its region gets, where a policy distributes; else each client prefers its own
    /// region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Whether this is what live objects say of a cluster that cannot be seen now.
    pub held: bool,
    /// Where in the cluster it runs.
    pub places: Vec<Place>,
}

/// The graph of what is in `scope`. `plan` is of the same scope.
pub fn graph(fleet: &FleetSnapshot, policy: &MeshPolicy, desired: &Desired, plan: &Plan, scope: &Scope) -> Graph {
    let sites = fleet.members.keys().map(|cluster| (cluster, Site::new(cluster, fleet, policy))).collect();
    let callers = Callers::read(fleet, &sites, policy);
    let held = held(plan);
    let meant: Vec<(&Host, &Name)> = desired.names.iter().filter(|(base, name)| is_meant(base, name, scope)).collect();
    let splits = Splits::of(&meant.iter().map(|(base, _)| *base).collect(), desired);
    let mut names: Vec<NameNode> = meant
        .into_iter()
        .map(|(base, name)| {
            let report = report(base, BTreeSet::new(), fleet, desired, &splits);
            let clients = clients(base, name, &callers, &held);
            node(report, name, clients, scope)
        })
        .filter(|node| scope.clusters.is_empty() || !node.sources.is_empty() || !node.clients.is_empty())
        .collect();
    let members = status(fleet, policy, desired, plan).into_iter().filter(|member| scope.has_cluster(&member.cluster));
    let members: Vec<MemberStatus> = members.collect();
    let mut attached = Attached::to(&names, &members, desired, &plan.findings, scope);
    for name in &mut names {
        name.findings = attached.names.remove(&name.name).unwrap_or_default();
    }
    let mut clusters: Vec<ClusterNode> = members
        .into_iter()
        .map(|status| ClusterNode { findings: attached.clusters.remove(&status.cluster).unwrap_or_default(), status })
        .collect();
    if !(scope.names.is_empty() && scope.namespace.is_none()) {
        let drawn: BTreeSet<ClusterName> = names.iter().flat_map(NameNode::clusters).cloned().collect();
        clusters.retain(|node| {
            let is_told = matches!(node.status.state, MemberState::Partial | MemberState::Unseen);
            is_told || !node.findings.is_empty() || drawn.contains(&node.status.cluster)
        });
    }
    Graph { clusters, names, findings: attached.fleet }
}

impl Graph {
    /// Every problem in it, the fleet's first.
    pub fn all_findings(&self) -> impl Iterator<Item = &Finding> {
        let of_clusters = self.clusters.iter().flat_map(|cluster| &cluster.findings);
        self.findings.iter().chain(of_clusters).chain(self.names.iter().flat_map(|name| &name.findings))
    }
}

impl NameNode {
    /// The clusters that call or run it; one that does both comes twice.
    pub fn clusters(&self) -> impl Iterator<Item = &ClusterName> {
        let clients = self.clients.iter().map(|client| &client.cluster);
        clients.chain(self.sources.iter().map(|source| &source.cluster))
    }

    /// Whether a policy distributes its calls.
    pub fn is_split(&self) -> bool {
        self.hosts.first().is_some_and(|host| !host.split.is_empty())
    }
}

fn is_meant(base: &Host, name: &Name, scope: &Scope) -> bool {
    let is_there = |namespace| name.places.iter().any(|place| place.namespace.as_ref() == Some(namespace));
    scope.namespace.as_ref().is_none_or(is_there)
        && name.hosts.keys().any(|host| scope.has_name(&name.identity, base, host))
}

fn node(report: NameReport, name: &Name, mut clients: Vec<ClientEdge>, scope: &Scope) -> NameNode {
    let mut sources = sources(report.places, &name.split);
    let all = clients.len() + sources.len();
    clients.retain(|edge| scope.has_cluster(&edge.cluster));
    sources.retain(|edge| scope.has_cluster(&edge.cluster));
    NameNode {
        name: report.name,
        identity: report.identity,
        env: report.env,
        owners: report.owners,
        port: report.port,
        hosts: report.hosts,
        elsewhere: all - clients.len() - sources.len(),
        clients,
        sources,
        findings: Vec::new(),
    }
}

/// One edge a cluster; `places` are sorted.
fn sources(places: Vec<Place>, split: &BTreeMap<Arc<str>, u32>) -> Vec<SourceEdge> {
    let mut edges: Vec<SourceEdge> = Vec::new();
    for place in places {
        if let Some(edge) = edges.last_mut().filter(|edge| edge.cluster == place.cluster) {
            edge.held |= place.held;
            edge.places.push(place);
            continue;
        }
        let weight = |region| split.get(region).copied().unwrap_or_default();
        edges.push(SourceEdge {
            cluster: place.cluster.clone(),
            weight: place.region.as_ref().filter(|_| !split.is_empty()).map(weight),
            held: place.held,
            places: vec![place],
        });
    }
    edges
}

/// Where a ServiceEntry is held: by the base host of its name.
fn held(plan: &Plan) -> BTreeMap<&Host, BTreeMap<&ClusterName, Arc<Because>>> {
    let mut held: BTreeMap<&Host, BTreeMap<&ClusterName, Arc<Because>>> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| !step.is_write() && step.key.kind == Kind::ServiceEntry) {
        if let (Some(base), Some(because)) = (&step.base, step.because.first()) {
            held.entry(base).or_default().entry(&step.cluster).or_insert_with(|| Arc::new(because.clone()));
        }
    }
    held
}

fn clients(
    base: &Host,
    name: &Name,
    callers: &Callers<'_>,
    held: &BTreeMap<&Host, BTreeMap<&ClusterName, Arc<Because>>>,
) -> Vec<ClientEdge> {
    let mut edges: BTreeMap<&ClusterName, ClientEdge> = BTreeMap::new();
    let edge = |cluster: &ClusterName, tie, because| ClientEdge {
        cluster: cluster.clone(),
        tie,
        callers: Vec::new(),
        because,
    };
    for (cluster, because) in &name.clients {
        edges.insert(cluster, edge(cluster, Tie::Calls, Some(Arc::clone(because))));
    }
    for call in callers.calls_of(&name.identity) {
        if let Some(edge) = edges.get_mut(call.cluster) {
            edge.callers.push(Caller {
                identity: call.identity.into(),
                workload: call.workload.clone(),
                dependency: call.dependency.clone(),
            });
        }
    }
    for cluster in &name.ex_sources {
        edges.entry(cluster).or_insert_with(|| edge(cluster, Tie::Ran, None));
    }
    let runs: BTreeSet<&ClusterName> = name.places.iter().map(|place| &place.cluster).collect();
    for (cluster, because) in held.get(base).into_iter().flatten().filter(|(cluster, _)| !runs.contains(*cluster)) {
        edges.entry(cluster).or_insert_with(|| edge(cluster, Tie::Held, Some(Arc::clone(because))));
    }
    edges.into_values().collect()
}

#[cfg(test)]
mod tests;
