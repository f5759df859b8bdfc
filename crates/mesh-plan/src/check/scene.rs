//! A fleet as proxies see it: every cluster's mesh, who serves and who calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_istio::authorization_policy::Caller;
use mesh_istio::{DestinationRule, ServiceEntry};
use mesh_model::facts::Workload;
use mesh_model::finding::Code;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host};
use mesh_model::owned::Mark;
use mesh_model::policy::{Adopt, GATEWAY_PORT, MeshPolicy};

use super::entry::leads_home;
use super::mesh::{Generated, Held, Mesh, Specs};
use super::people::{People, Server, caller};
use super::problem::Problem;
use crate::desire::site::{Gateway, Site};
use crate::desired::Desired;

/// A fleet as proxies see it.
pub(crate) struct Scene<'a> {
    pub(crate) sites: BTreeMap<&'a ClusterName, Site<'a>>,
    pub(crate) meshes: BTreeMap<&'a ClusterName, Mesh<'a>>,
    people: People<'a>,
}

impl<'a> Scene<'a> {
    /// As it would be if everything were written as it is desired.
    pub(crate) fn pushed(desired: &'a Desired, fleet: &'a FleetSnapshot, policy: &'a MeshPolicy) -> Self {
        Self::of(desired, fleet, policy, |cluster| {
            let objects = desired.objects.get(cluster).into_iter().flat_map(BTreeMap::values);
            let held = fleet.facts(cluster).map(|facts| &facts.owned);
            let created = |key| held.and_then(|owned| owned.get(key)).and_then(|live| live.created);
            objects.map(|object| (&object.body.key, &object.body.spec, created(&object.body.key))).collect()
        })
    }

    /// As it is now.
    pub(crate) fn live(desired: &'a Desired, fleet: &'a FleetSnapshot, policy: &'a MeshPolicy) -> Self {
        Self::of(desired, fleet, policy, |cluster| {
            let owned = fleet.facts(cluster).into_iter().flat_map(|facts| &facts.owned);
            let ours = owned.filter(|(_, object)| object.mark == Mark::Ours || policy.adopt == Adopt::Admiral);
            ours.map(|(key, object)| (key, &object.spec, object.created)).collect()
        })
    }

    fn of(
        desired: &'a Desired,
        fleet: &'a FleetSnapshot,
        policy: &'a MeshPolicy,
        generated: impl Fn(&ClusterName) -> Generated<'a>,
    ) -> Self {
        let mut specs = Specs::default();
        let root = &policy.gateway.namespace;
        let meshes = fleet
            .seen()
            .map(|(cluster, facts)| (cluster, Mesh::of(cluster, facts, root, generated(cluster), &mut specs)))
            .collect();
        let sites = fleet.members.keys().map(|name| (name, Site::new(name, fleet, policy))).collect();
        Self { sites, meshes, people: People::of(desired, fleet) }
    }

    /// The trust domain of a cluster: as its mesh says, else as the policy does.
    pub(crate) fn trust_domain(&self, cluster: &ClusterName) -> &str {
        let settings = self.meshes.get(cluster).and_then(|mesh| mesh.facts.mesh.settings.as_ref());
        settings.map_or_else(|| &*self.sites[cluster].trust_domain, |settings| &settings.trust_domain)
    }

    pub(crate) fn servers_in(&self, cluster: &ClusterName, base: &Host) -> &[Server<'a>] {
        self.people.servers_in(cluster, base)
    }

    pub(crate) fn callers_in(&self, cluster: &ClusterName, identity: &str) -> impl Iterator<Item = &'a Workload> {
        self.people.callers_in(cluster, identity)
    }

    /// Everybody who calls an identity, as servers see them.
    pub(crate) fn callers(&self, identity: &str) -> impl Iterator<Item = Caller<'_>> {
        self.people.callers(identity, |cluster| self.trust_domain(cluster)).into_iter().map(caller)
    }

    /// Whether an entry is meant for the mesh: it leads to workloads, or to the gateway of a member.
    pub(crate) fn is_for_mesh(&self, entry: &ServiceEntry) -> bool {
        &*entry.location == "MESH_INTERNAL"
            || leads_home(entry)
            || entry.endpoints.iter().any(|endpoint| {
                let address = endpoint.address.trim_end_matches('.');
                endpoint.ports.values().any(|port| *port == GATEWAY_PORT) || self.cluster_at(address).is_some()
            })
    }

    /// The member whose gateway has an address (without a trailing dot).
    pub(crate) fn cluster_at(&self, wanted: &str) -> Option<&'a ClusterName> {
        self.sites.iter().find_map(|(cluster, site)| match &site.gateway {
            Gateway::At { address, .. } if address.trim_end_matches('.') == wanted => Some(*cluster),
            _ => None,
        })
    }

    /// The identity that a server proves to have.
    pub(crate) fn spiffe_id(&self, cluster: &ClusterName, server: &Workload) -> String {
        format!("spiffe://{}/ns/{}/sa/{}", self.trust_domain(cluster), server.namespace, server.service_account)
    }

    /// Servers that clients of an entry would not accept.
    pub(crate) fn wrong_sans(&self, mesh: &Mesh<'a>, entry: &Held<'a, ServiceEntry>, base: &Host) -> Vec<Problem> {
        self.refused(mesh, &entry.key.to_string(), &entry.spec.subject_alt_names, base)
    }

    /// The same of a rule with a list of its own, which counts in place of the entry's.
    pub(crate) fn wrong_sans_of_rule(
        &self,
        mesh: &Mesh<'a>,
        rule: &Held<'a, DestinationRule>,
        base: &Host,
    ) -> Vec<Problem> {
        let tls = rule.spec.traffic_policy.tls.as_ref();
        tls.map(|tls| self.refused(mesh, &rule.key.to_string(), &tls.subject_alt_names, base)).unwrap_or_default()
    }

    /// Servers of a name that are not in a list of accepted identities; an empty list accepts all.
    fn refused(&self, mesh: &Mesh<'a>, place: &str, accepted: &[Arc<str>], base: &Host) -> Vec<Problem> {
        if accepted.is_empty() {
            return Vec::new();
        }
        let mut refused = Vec::new();
        for (cluster, server) in self.people.servers(base) {
            let id = self.spiffe_id(cluster, server.workload);
            if !accepted.iter().any(|one| **one == id) {
                let what =
                    format!("it does not accept {id}, which serves in {cluster}: 503 UF CERTIFICATE_VERIFY_FAILED");
                refused.push(Problem::new(Code::WrongSans, Some(mesh.cluster), place, what));
            }
        }
        refused
    }

    /// What could not be looked at, in words.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let mut unknown = Vec::new();
        // Clusters of which the same is unknown are named together.
        let mut blind: BTreeMap<&BTreeSet<Kind>, Vec<&ClusterName>> = BTreeMap::new();
        for (cluster, mesh) in self.meshes.iter().filter(|(_, mesh)| !mesh.facts.mesh.unseen.is_empty()) {
            blind.entry(&mesh.facts.mesh.unseen).or_default().push(cluster);
        }
        for (kinds, clusters) in blind {
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.plural()).collect();
            let place = if clusters.len() == self.meshes.len() { "the clusters".to_owned() } else { named(&clusters) };
            unknown.push(format!("what {} do to traffic in {place} is unknown: none were seen", kinds.join(", ")));
        }
        let without = |what: fn(&Mesh<'_>) -> bool| -> Vec<&ClusterName> {
            self.meshes.iter().filter(|(_, mesh)| what(mesh)).map(|(cluster, _)| *cluster).collect()
        };
        let rootless = without(|mesh| mesh.facts.mesh.bundles.is_empty());
        if !rootless.is_empty() {
            let whether = if rootless.len() == self.meshes.len() {
                "the clusters trust each other".to_owned()
            } else {
                format!("others trust {}", named(&rootless))
            };
            unknown.push(format!("whether {whether} is unknown: no ConfigMap istio-ca-root-cert was seen"));
        }
        unknown
    }
}

fn named(clusters: &[&ClusterName]) -> String {
    match clusters {
        [one] => one.to_string(),
        [one, other] => format!("{one} and {other}"),
        [one, other, rest @ ..] => format!("{one}, {other} and {} more", rest.len()),
        [] => String::new(),
    }
}
