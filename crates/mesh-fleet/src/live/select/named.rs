//! What generated objects lead to: the clusters that hold or serve the name, and in each what decides who serves and calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::{join, join3};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Namespace};
use tokio::time::Instant;

use super::{Half, Halves, Selector, Told};
use crate::decode::Part;
use crate::live::contact::Contact;
use crate::live::discovery::Served;
use crate::live::indexed::{self, LABELLED};
use crate::live::members::Place;
use crate::live::observe::{config_maps, list_all};
use crate::live::pages::Reader;
use crate::live::services;

/// What says who serves and who calls, besides the workloads that serve.
const KINDS: [Kind; 8] = [
    Kind::Namespace,
    Kind::Job,
    Kind::CronJob,
    Kind::GlobalTrafficPolicy,
    Kind::OutlierDetection,
    Kind::ClientConnectionConfig,
    Kind::GlobalName,
    Kind::GlobalNameSet,
];

/// Where generated objects and Dependencies lead.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lead {
    /// The clusters that hold an object, those that one was made of, and those of Dependencies; with the namespaces of the
    /// Services that objects were made of.
    clusters: BTreeMap<ClusterName, BTreeSet<Namespace>>,
    /// The identities that call.
    callers: BTreeSet<Arc<str>>,
}

impl Lead {
    /// Where the objects and Dependencies of `identities` lead.
    pub(super) fn of(places: &[Place], halves: &Halves, identities: &BTreeSet<Arc<str>>) -> Self {
        let mut lead = Self::default();
        for (place, half) in places.iter().zip(halves) {
            let Ok(half) = half else { continue };
            let facts = &half.part.facts;
            let calling = facts.dependencies.iter().filter(|d| d.destinations.iter().any(|to| identities.contains(to)));
            let calling: Vec<&Arc<str>> = calling.map(|dependency| &dependency.source).collect();
            if !facts.owned.is_empty() || !calling.is_empty() {
                lead.clusters.entry(place.name.clone()).or_default();
            }
            lead.callers.extend(calling.into_iter().cloned());
            for (origin, _) in facts.owned.values().flat_map(|object| object.origins.iter()) {
                let namespaces = lead.clusters.entry(origin.cluster.clone()).or_default();
                if origin.kind == Kind::Service {
                    let namespace = origin.name.split_once('/').map(|(namespace, _)| namespace);
                    namespaces.extend(namespace.and_then(|namespace| Namespace::parse(namespace).ok()));
                }
            }
        }
        lead
    }
}

impl Selector<'_> {
    /// What `lead` leads to in this member; nothing where it does not lead to it.
    pub(super) async fn follow(&self, place: &Place, mut half: Half, told: &Told, lead: &Lead) -> Result<Half, String> {
        let Some(serving) = lead.clusters.get(&place.name) else { return Ok(half) };
        let start = Instant::now();
        let (contact, rest) = self.reach(place, &half)?;
        let reader = self.reader(place, &rest);
        let (lists, addresses, by_label) = join3(
            list_all(reader, &half.served, contact, &KINDS, ""),
            config_maps(reader, contact),
            self.labelled(reader, &half, contact, (told, lead, serving)),
        )
        .await;
        half.by_label = by_label.is_some();
        let mut running = match by_label {
            Some(running) => running,
            None => list_all(reader, &half.served, contact, &LABELLED, "").await,
        };
        running.absorb(lists);
        let workloads = &mut running.facts.workloads;
        workloads.retain(|workload| told.has(&workload.identity) || lead.callers.contains(&*workload.identity));
        let mut namespaces = serving.clone();
        let mine = workloads.iter().filter(|workload| told.has(&workload.identity));
        namespaces.extend(mine.map(|workload| workload.namespace.clone()));
        let parts = if namespaces.is_empty() {
            Vec::new()
        } else {
            served_from(place, reader, &half.served, &namespaces).await.into()
        };
        half.absorb([running, addresses].into_iter().chain(parts), start);
        Ok(half)
    }

    /// The workloads of those who serve and call, by label; none where the cluster is not indexed, or where what objects lead
    /// to does not bear the label that it should: its identity may have changed past the webhook.
    async fn labelled(
        &self,
        reader: Reader<'_>,
        half: &Half,
        contact: &Contact,
        (told, lead, serving): (&Told, &Lead, &BTreeSet<Namespace>),
    ) -> Option<Part> {
        indexed::index(reader, self.now()).await?;
        let identities = told.identities.iter().chain(&lead.callers).map(|identity| &**identity);
        let part = indexed::workloads(reader, &half.served, contact, identities).await?;
        let mut running = part.facts.workloads.iter().filter(|workload| told.has(&workload.identity));
        let found: BTreeSet<&Namespace> = running.by_ref().map(|workload| &workload.namespace).collect();
        let calls = || part.facts.workloads.iter().any(|workload| lead.callers.contains(&*workload.identity));
        let is_there = serving.iter().all(|namespace| found.contains(namespace));
        let is_left = half.part.facts.owned.is_empty() || !found.is_empty() || calls();
        (is_there && is_left).then_some(part)
    }
}

/// What tells how `place` serves from `namespaces`: Services, the gateway, the region.
async fn served_from(
    place: &Place,
    reader: Reader<'_>,
    served: &Served,
    namespaces: &BTreeSet<Namespace>,
) -> [Part; 2] {
    let nodes = async {
        if place.member.as_ref().is_some_and(|member| member.region.is_some()) {
            return Part::default();
        }
        reader.list(Kind::Node, served.path(Kind::Node).unwrap_or("/api/v1"), "").await
    };
    join(services::list(reader, served, place, namespaces), nodes).await.into()
}
