//! Who calls whom, and where: workloads × Dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_model::fleet::FleetSnapshot;
use mesh_model::host::tails;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Identity, Namespace};
use mesh_model::origin::Origin;
use mesh_model::participation::Participation;
use mesh_model::policy::MeshPolicy;

use super::site::Site;
use super::sources::workload_origin;
use crate::because::Because;

/// Where each identity runs, and which identities depend on which.
#[derive(Default)]
pub(crate) struct Callers<'a> {
    /// By identity, then cluster.
    runs: BTreeMap<&'a str, BTreeMap<&'a ClusterName, Runs<'a>>>,
    /// By the identity that is called, then the one that calls: the smallest Dependency that says so.
    dependents: BTreeMap<&'a str, BTreeMap<&'a str, Origin>>,
    /// The identities that are called, as Dependencies spell them, by their lower case.
    spellings: BTreeMap<String, Vec<&'a str>>,
    /// Members whose Dependencies could not be read completely.
    pub(super) unseen_dependencies: Vec<&'a ClusterName>,
}

/// How an identity runs in one cluster.
struct Runs<'a> {
    namespaces: BTreeSet<&'a Namespace>,
    /// The smallest workload, to name in reasons.
    workload: Origin,
}

/// One identity that calls another, in one cluster.
pub(crate) struct Call<'c> {
    /// The cluster.
    pub(crate) cluster: &'c ClusterName,
    /// The identity that calls.
    pub(crate) identity: &'c str,
    /// The smallest workload that carries it.
    pub(crate) workload: &'c Origin,
    /// The smallest Dependency that says so.
    pub(crate) dependency: &'c Origin,
}

/// One cluster's callers of one identity.
pub(super) struct Client<'a> {
    pub(super) because: Arc<Because>,
    /// Namespaces of each calling identity: distinct within an identity, not between them.
    pub(super) namespaces: Vec<&'a Namespace>,
}

impl<'a> Callers<'a> {
    pub(crate) fn read(
        fleet: &'a FleetSnapshot,
        sites: &BTreeMap<&'a ClusterName, Site<'a>>,
        policy: &MeshPolicy,
    ) -> Self {
        let mut callers = Self::default();
        for (cluster, facts) in fleet.seen() {
            let site = &sites[cluster];
            for workload in &facts.workloads {
                if site.participation(workload.wish, &workload.namespace, policy) != Participation::Serves {
                    continue;
                }
                let by_cluster = callers.runs.entry(workload.identity.as_str()).or_default();
                let origin = workload_origin(site, workload);
                let runs = by_cluster
                    .entry(cluster)
                    .or_insert_with(|| Runs { namespaces: BTreeSet::new(), workload: origin.clone() });
                runs.namespaces.insert(&workload.namespace);
                if origin < runs.workload {
                    runs.workload = origin;
                }
            }
            for dependency in &facts.dependencies {
                let origin = Origin {
                    cluster: cluster.clone(),
                    kind: Kind::Dependency,
                    name: format!("{}/{}", dependency.namespace, dependency.name).into(),
                };
                for destination in &dependency.destinations {
                    let by_source = callers.dependents.entry(destination).or_default();
                    let smallest = by_source.entry(&dependency.source).or_insert_with(|| origin.clone());
                    if origin < *smallest {
                        *smallest = origin.clone();
                    }
                }
            }
        }
        for identity in callers.dependents.keys().copied() {
            callers.spellings.entry(identity.to_lowercase()).or_default().push(identity);
        }
        callers.unseen_dependencies =
            sites.values().filter(|site| site.may_have(Kind::Dependency)).map(|site| site.name).collect();
        callers
    }

    /// The clusters that call `identity`.
    pub(super) fn clients_of(&self, identity: &str) -> BTreeMap<&'a ClusterName, Client<'a>> {
        let mut clients: BTreeMap<&'a ClusterName, Client<'a>> = BTreeMap::new();
        for (source, dependency) in self.dependents.get(identity).into_iter().flatten() {
            let rule: Arc<str> = format!("client: {source} runs here and depends on {identity}").into();
            for (cluster, runs) in self.runs.get(source).into_iter().flatten() {
                let sources = || vec![dependency.clone(), runs.workload.clone()];
                let client = clients.entry(cluster).or_insert_with(|| Client {
                    because: Arc::new(Because::whole(Arc::clone(&rule), sources())),
                    namespaces: Vec::new(),
                });
                client.namespaces.extend(&runs.namespaces);
            }
        }
        clients
    }

    /// Every identity that calls `identity`, wherever it runs: by identity, then cluster.
    pub(crate) fn calls_of(&self, identity: &str) -> impl Iterator<Item = Call<'_>> {
        self.dependents.get(identity).into_iter().flatten().flat_map(|(source, dependency)| {
            let places = self.runs.get(source).into_iter().flatten();
            places.map(move |(cluster, runs)| Call { cluster, identity: source, workload: &runs.workload, dependency })
        })
    }

    /// Whether `cluster` calls an identity, none of `known`, that gives `host` (in lower case) in some env.
    pub(super) fn calls_another(&self, cluster: &ClusterName, host: &str, suffix: &str, known: &[Identity]) -> bool {
        let name = host.strip_suffix(&suffix.to_lowercase()).unwrap_or_default().trim_end_matches('.');
        let called = tails(name).filter_map(|tail| self.spellings.get(tail)).flatten();
        called.filter(|called| known.iter().all(|known| known.as_str() != **called)).any(|identity| {
            let mut sources = self.dependents.get(identity).into_iter().flat_map(BTreeMap::keys);
            sources.any(|source| self.runs.get(source).is_some_and(|by_cluster| by_cluster.contains_key(cluster)))
        })
    }

    /// The namespaces of `identity`'s own workloads in `cluster`.
    pub(super) fn namespaces_of(&self, identity: &str, cluster: &ClusterName) -> impl Iterator<Item = &'a Namespace> {
        let runs = self.runs.get(identity).and_then(|by_cluster| by_cluster.get(cluster));
        runs.into_iter().flat_map(|runs| runs.namespaces.iter().copied())
    }

    /// Every identity that some Dependency names, with one that does.
    pub(super) fn destinations(&self) -> impl Iterator<Item = (&'a str, &Origin)> {
        self.dependents.iter().filter_map(|(identity, sources)| Some((*identity, sources.values().min()?)))
    }
}
