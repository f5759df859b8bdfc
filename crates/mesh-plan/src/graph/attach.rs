//! Which problem is shown where.

use std::collections::{BTreeMap, BTreeSet};

use mesh_model::finding::Finding;
use mesh_model::name::{ClusterName, Host};

use super::NameNode;
use crate::desired::Desired;
use crate::scope::Scope;
use crate::status::MemberStatus;

/// Problems by what they are shown at.
#[derive(Default)]
pub(super) struct Attached {
    pub(super) names: BTreeMap<Host, Vec<Finding>>,
    pub(super) clusters: BTreeMap<ClusterName, Vec<Finding>>,
    pub(super) fleet: Vec<Finding>,
}

impl Attached {
    /// Each of `findings` at the names that its place is of, else at its cluster, else at the fleet. One that is in a
    /// cluster that was not asked for, and of no name, is left out.
    pub(super) fn to(
        names: &[NameNode],
        members: &[MemberStatus],
        desired: &Desired,
        findings: &[Finding],
        scope: &Scope,
    ) -> Self {
        let index = Index::of(names, members, desired);
        let mut attached = Self::default();
        for finding in findings {
            let at = &*finding.place;
            if let Some(names) = index.names_at(finding) {
                for name in names {
                    attached.names.entry((*name).clone()).or_default().push(finding.clone());
                }
            } else if let Some(cluster) = finding.cluster.as_ref().filter(|cluster| index.members.contains(cluster)) {
                attached.clusters.entry(cluster.clone()).or_default().push(finding.clone());
            } else if let Some(clusters) = index.by_gateway.get(at).filter(|_| finding.cluster.is_none()) {
                for cluster in clusters {
                    attached.clusters.entry((*cluster).clone()).or_default().push(finding.clone());
                }
            } else if finding.cluster.as_ref().is_none_or(|cluster| scope.has_cluster(cluster)) {
                attached.fleet.push(finding.clone());
            }
        }
        attached
    }
}

/// What findings give as their place, and whose it is.
struct Index<'a> {
    /// Names by host, in lower case.
    by_host: BTreeMap<String, BTreeSet<&'a Host>>,
    /// Names by the objects that make or govern them, by cluster.
    by_object: BTreeMap<&'a ClusterName, BTreeMap<String, BTreeSet<&'a Host>>>,
    /// Members by the address of their gateway.
    by_gateway: BTreeMap<&'a str, BTreeSet<&'a ClusterName>>,
    members: BTreeSet<&'a ClusterName>,
}

impl<'a> Index<'a> {
    fn of(names: &'a [NameNode], members: &'a [MemberStatus], desired: &'a Desired) -> Self {
        let mut index = Self {
            by_host: BTreeMap::new(),
            by_object: BTreeMap::new(),
            by_gateway: BTreeMap::new(),
            members: members.iter().map(|member| &member.cluster).collect(),
        };
        for node in names {
            for host in &node.hosts {
                index.by_host.entry(host.host.to_lowercase()).or_default().insert(&node.name);
            }
            let Some(name) = desired.names.get(&node.name) else { continue };
            for place in &name.places {
                let Some(namespace) = &place.namespace else { continue };
                let service = place.service.iter().map(|service| format!("Service {namespace}/{service}"));
                let workload = place.kind.zip(place.workload.as_ref());
                let workload = workload.map(|(kind, workload)| format!("{kind} {namespace}/{workload}"));
                for object in service.chain(workload) {
                    index.of_object(&place.cluster, object).insert(&node.name);
                }
            }
            for policy in &name.policies {
                let object = format!("{} {}", policy.kind, policy.name);
                index.of_object(&policy.cluster, object).insert(&node.name);
            }
        }
        for member in members {
            let address = member.gateway.as_deref().and_then(|gateway| gateway.rsplit_once(':'));
            if let Some((address, _)) = address {
                index.by_gateway.entry(address).or_default().insert(&member.cluster);
            }
        }
        index
    }

    fn of_object(&mut self, cluster: &'a ClusterName, object: String) -> &mut BTreeSet<&'a Host> {
        self.by_object.entry(cluster).or_default().entry(object).or_default()
    }

    fn names_at(&self, finding: &Finding) -> Option<&BTreeSet<&'a Host>> {
        let by_object = || self.by_object.get(finding.cluster.as_ref()?)?.get(&*finding.place);
        self.by_host.get(&finding.place.to_lowercase()).or_else(by_object)
    }
}
