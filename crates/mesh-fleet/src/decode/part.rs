//! What was read of a cluster so far: pages come one by one, and a list that failed half-way is thrown away whole.

use std::cmp::Ordering;

use mesh_model::claim;
use mesh_model::facts::{ClusterFacts, PolicyMeta};
use mesh_model::finding::{Code, Finding};
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;

use super::Decoded;
use crate::limits::{MAX_FINDINGS, MAX_OBJECTS};

/// Facts in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    pub(crate) facts: ClusterFacts,
    /// Positions of the gateways' labels in `policy.gateway.apps`, parallel to `facts.gateways`.
    pub(super) gateway_ranks: Vec<usize>,
    pub(crate) findings: Vec<Finding>,
    pub(super) findings_left_out: usize,
    pub(crate) objects: usize,
    pub(crate) unreadable: Option<String>,
}

impl Part {
    /// Says that a kind was not seen, and why.
    pub(crate) fn unseen(cluster: &ClusterName, kind: Kind, why: &str) -> Self {
        let mut part = Self::default();
        part.facts.unseen.insert(kind);
        part.findings.push(Finding::new(Code::KindUnseen, Some(cluster), kind.plural(), why.to_owned()));
        part
    }

    /// Whether everything read, with nothing to say of it.
    pub(super) fn is_plain(&self) -> bool {
        self.findings.is_empty() && self.unreadable.is_none() && self.facts.unseen.is_empty()
    }

    /// Adds what another decoder read. An object is in one part only.
    pub(crate) fn absorb(&mut self, other: Self) {
        let (facts, more) = (&mut self.facts, other.facts);
        facts.uid = facts.uid.take().or(more.uid);
        facts.unseen.extend(more.unseen);
        facts.namespaces.extend(more.namespaces);
        facts.workloads.extend(more.workloads);
        for (namespace, services) in more.services {
            facts.services.entry(namespace).or_default().extend(services);
        }
        facts.gateways.extend(more.gateways);
        for (region, nodes) in more.node_regions {
            *facts.node_regions.entry(region).or_default() += nodes;
        }
        facts.dependencies.extend(more.dependencies);
        facts.traffic_policies.extend(more.traffic_policies);
        facts.outlier_detections.extend(more.outlier_detections);
        facts.connection_configs.extend(more.connection_configs);
        for (entry, address) in more.vip_store {
            facts.vip_store.entry(entry).or_insert(address);
        }
        facts.owned.extend(more.owned);
        facts.foreign.extend(more.foreign);
        facts.mesh.unseen.extend(more.mesh.unseen);
        facts.mesh.specs.extend(more.mesh.specs);
        facts.mesh.bundles.extend(more.mesh.bundles);
        facts.mesh.settings = facts.mesh.settings.take().or(more.mesh.settings);
        facts.mesh.proxies.extend(more.mesh.proxies);
        facts.mesh.control_planes.extend(more.mesh.control_planes);
        facts.mesh.others.extend(more.mesh.others);
        facts.admiral = [facts.admiral.take(), more.admiral].into_iter().flatten().min();
        facts.webhook = [facts.webhook.take(), more.webhook].into_iter().flatten().min();
        facts.keeps_claims |= more.keeps_claims;
        facts.records.own.extend(more.records.own);
        for (of, sets) in more.records.sets {
            facts.records.sets.entry(of).or_default().extend(sets);
        }
        for (host, claim) in more.claims {
            let winner =
                facts.claims.get(&host).map_or_else(|| claim.clone(), |known| claim::merge(known, &claim).clone());
            facts.claims.insert(host, winner);
        }
        self.gateway_ranks.extend(other.gateway_ranks);
        let kept = other.findings.len().min(MAX_FINDINGS.saturating_sub(self.findings.len()));
        self.findings_left_out += other.findings_left_out + (other.findings.len() - kept);
        self.findings.extend(other.findings.into_iter().take(kept));
        self.objects += other.objects;
        self.unreadable = self.unreadable.take().or(other.unreadable);
        if self.objects > MAX_OBJECTS {
            self.unreadable.get_or_insert(format!("has more than {MAX_OBJECTS} objects"));
        }
    }

    /// The facts, sorted.
    pub(crate) fn finish(self, cluster: &ClusterName) -> Decoded {
        let mut findings = self.findings;
        if self.findings_left_out > 0 {
            let message = format!("{} further findings of this cluster are left out", self.findings_left_out);
            let mut rest = Finding::new(Code::OutOfBounds, Some(cluster), &**cluster, message);
            "mend those that are listed, then look again".clone_into(&mut rest.next);
            findings.push(rest);
        }
        let mut facts = self.facts;
        facts.workloads.sort_by(|a, b| (&a.namespace, a.kind, &a.name).cmp(&(&b.namespace, b.kind, &b.name)));
        for services in facts.services.values_mut() {
            services.sort_by(|a, b| a.name.cmp(&b.name));
        }
        let mut gateways: Vec<_> = self.gateway_ranks.into_iter().zip(facts.gateways).collect();
        gateways.sort_by(|(a_rank, a), (b_rank, b)| (a_rank, &a.name).cmp(&(b_rank, &b.name)));
        facts.gateways = gateways.into_iter().map(|(_, gateway)| gateway).collect();
        facts.dependencies.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        facts.traffic_policies.sort_by(|a, b| by_name(&a.meta, &b.meta));
        facts.outlier_detections.sort_by(|a, b| by_name(&a.meta, &b.meta));
        facts.connection_configs.sort_by(|a, b| by_name(&a.meta, &b.meta));
        facts.foreign.sort_by(|a, b| a.key.cmp(&b.key));
        // What is generated is not held for what it does not depend on.
        let (of_traffic, unseen) = facts.unseen.into_iter().partition(|kind: &Kind| kind.is_for_traffic_only());
        facts.unseen = unseen;
        facts.mesh.unseen.append(&mut { of_traffic });
        facts.mesh.proxies.sort_by(|a, b| a.name.cmp(&b.name));
        facts.mesh.control_planes.sort();
        facts.mesh.others.sort_by(|a, b| (&a.namespace, a.kind, &a.name).cmp(&(&b.namespace, b.kind, &b.name)));
        facts.workloads.shrink_to_fit();
        facts.foreign.shrink_to_fit();
        findings.sort();
        Decoded { facts, findings, objects: self.objects, unreadable: self.unreadable }
    }
}

fn by_name(a: &PolicyMeta, b: &PolicyMeta) -> Ordering {
    (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name))
}
