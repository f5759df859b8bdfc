//! Who serves and who calls, as workloads.

use std::collections::{BTreeMap, BTreeSet};

use mesh_istio::authorization_policy::Caller;
use mesh_model::facts::Workload;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::name::{ClusterName, Host};

use crate::desired::{Desired, Place};

/// A workload that serves, with its Service and the Service's port.
#[derive(Clone, Copy)]
pub(crate) struct Server<'a> {
    pub(crate) workload: &'a Workload,
    pub(crate) service: Option<(&'a str, u16)>,
}

/// Who serves and who calls.
#[derive(Default)]
pub(crate) struct People<'a> {
    /// By base host, then cluster.
    servers: BTreeMap<&'a Host, BTreeMap<&'a ClusterName, Vec<Server<'a>>>>,
    /// By the identity that calls, then cluster: one workload of each namespace, account and set of labels.
    callers: BTreeMap<&'a str, BTreeMap<&'a ClusterName, Vec<&'a Workload>>>,
    /// The identities that call an identity.
    calls: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> People<'a> {
    pub(crate) fn of(desired: &'a Desired, fleet: &'a FleetSnapshot) -> Self {
        let mut people = Self::default();
        let called: BTreeSet<&str> = desired.names.values().map(|name| name.identity.as_str()).collect();
        for (_, facts) in fleet.seen() {
            for dependency in &facts.dependencies {
                for destination in dependency.destinations.iter().filter(|one| called.contains(&***one)) {
                    people.calls.entry(destination).or_default().insert(&dependency.source);
                }
            }
        }
        let sources: BTreeSet<&str> = people.calls.values().flatten().copied().collect();
        for (cluster, facts) in fleet.seen() {
            for workload in facts.workloads.iter().filter(|one| sources.contains(one.identity.as_str())) {
                let known = people.callers.entry(workload.identity.as_str()).or_default().entry(cluster).or_default();
                if !known.iter().any(|other| is_alike(other, workload)) {
                    known.push(workload);
                }
            }
        }
        for (base, name) in &desired.names {
            for place in name.places.iter().filter(|place| !place.held) {
                let Some((cluster, server)) = server(place, fleet) else { continue };
                people.servers.entry(base).or_default().entry(cluster).or_default().push(server);
            }
        }
        people
    }

    pub(crate) fn servers_in(&self, cluster: &ClusterName, base: &Host) -> &[Server<'a>] {
        self.servers.get(base).and_then(|by_cluster| by_cluster.get(cluster)).map_or(&[], Vec::as_slice)
    }

    /// Every workload that serves a name.
    pub(crate) fn servers(&self, base: &Host) -> impl Iterator<Item = (&'a ClusterName, Server<'a>)> {
        let by_cluster = self.servers.get(base).into_iter().flatten();
        by_cluster.flat_map(|(cluster, servers)| servers.iter().map(move |server| (*cluster, *server)))
    }

    /// The workloads of a cluster that call an identity.
    pub(crate) fn callers_in(&self, cluster: &ClusterName, identity: &str) -> impl Iterator<Item = &'a Workload> {
        let sources = self.calls.get(identity).into_iter().flatten();
        sources.filter_map(move |source| self.callers.get(source)?.get(cluster)).flatten().copied()
    }

    /// Everybody who calls an identity, as servers see them.
    pub(crate) fn callers<'p>(
        &'p self,
        identity: &str,
        trust_domain: impl Fn(&ClusterName) -> &'p str,
    ) -> BTreeSet<(&'p str, &'p str, &'p str)> {
        let sources = self.calls.get(identity).into_iter().flatten();
        let places = sources.filter_map(|source| self.callers.get(source)).flatten();
        places
            .flat_map(|(cluster, workloads)| workloads.iter().map(|workload| (*cluster, *workload)))
            .map(|(cluster, workload)| (trust_domain(cluster), workload.namespace.as_str(), &*workload.service_account))
            .collect()
    }
}

/// As a server sees a caller.
pub(crate) fn caller<'a>((trust_domain, namespace, service_account): (&'a str, &'a str, &'a str)) -> Caller<'a> {
    Caller { trust_domain, namespace, service_account }
}

fn is_alike(one: &Workload, other: &Workload) -> bool {
    one.namespace == other.namespace && one.service_account == other.service_account && one.labels == other.labels
}

fn server<'a>(place: &'a Place, fleet: &'a FleetSnapshot) -> Option<(&'a ClusterName, Server<'a>)> {
    let (cluster, _) = fleet.members.get_key_value(&place.cluster)?;
    let (namespace, kind, name) = (place.namespace.as_ref()?, place.kind?, place.workload.as_ref()?);
    let workloads = &fleet.facts(cluster)?.workloads;
    let order = |one: &Workload| (&one.namespace, one.kind.kind(), &one.name).cmp(&(namespace, kind, name));
    // They are sorted by namespace, then kind: kinds of workloads are in one order as such and as kinds of object.
    let at = workloads.partition_point(|one| one.namespace < *namespace);
    let workload =
        workloads[at..].iter().take_while(|one| one.namespace == *namespace).find(|one| order(one).is_eq())?;
    let service = place.service.as_deref().zip(place.port);
    Some((cluster, Server { workload, service }))
}
