//! Reading a live fleet, in phases with a barrier across all clusters (product contract §3): first what is
//! generated, with its versions, then the facts that it is made from. A run that is slow can then never write older facts
//! over newer ones: what was written after its first phase has another version (law L9).
//!
//! A run that is about some names reads workloads and Services last, where workloads can be asked for by label: everything
//! else tells whose workloads cannot matter to these names.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join3;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use mesh_model::facts::ClusterFacts;
use mesh_model::finding::{Code, Finding};
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::policy::MemberState;
use mesh_plan::concern::beyond;
use tokio::time::Instant;

use super::LiveFleet;
use super::contact::Contact;
use super::crowd::go_on;
use super::discovery::Served;
use super::indexed::{self, LABELLED};
use super::members::Place;
use super::pages::{Interners, Reader};
use super::rest::Rest;
use super::services;
use crate::decode::mesh::{ISTIO_SYSTEM, ROOT_CERT, SETTINGS};
use crate::decode::{Decoded, Part};
use crate::fleet::Depth;
use crate::limits::KINDS_AT_ONCE;
use crate::run::Run;
use crate::sight;

/// What is generated, and by whom else the same hosts are held.
pub(super) const GENERATED: [Kind; 2] = [Kind::ServiceEntry, Kind::DestinationRule];
/// Only the ConfigMap in which Admiral keeps addresses (`reference/admiral.md` §3.5). Read, never written.
pub(super) const ADDRESSES_ONLY: &str = "&fieldSelector=metadata.name%3Dse-address-configmap";
/// Admiral's own sync namespace.
pub(super) const ADMIRAL_SYNC: &str = "admiral-sync";

/// What is read last by a run that is about some names, in clusters that are indexed: workloads, and their Services.
const LATER: [Kind; 5] = {
    let [a, b, c, d] = LABELLED;
    [a, b, c, d, Kind::Service]
};

/// A cluster that is not read to its end yet.
struct Half {
    part: Part,
    served: Served,
    /// What is left of its share of time. Waiting at a barrier is not its fault.
    left: Duration,
    /// The identities of an indexed cluster, where [`LATER`] is not read yet.
    later: Option<BTreeSet<String>>,
    /// Whether some of that was left out.
    by_label: bool,
}

/// What a run is about, where it is not about everything.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// Identities and hosts, no globs.
    pub(super) names: &'a [String],
    /// The time when the run began.
    pub(super) now: Timestamp,
}

/// What was read of a fleet.
#[derive(Debug, Default)]
pub struct Observed {
    /// Everything; but see [`Self::by_label`].
    pub snapshot: FleetSnapshot,
    /// The members of which workloads, and Services, are left out that cannot matter to the names that it is about.
    pub by_label: BTreeSet<ClusterName>,
}

/// Reads every member. Problems are findings and unseen clusters or kinds, never an error.
pub(super) async fn observe(fleet: &LiveFleet, depth: Depth, about: Option<About<'_>>, run: Run<'_>) -> Observed {
    let (places, at_once) = (&fleet.places, fleet.limits.parallel);
    let end = Instant::now() + fleet.limits.run_timeout;
    let phases = Phases { fleet, depth, about, interners: Interners::default(), end };
    let name = |place: &Place| place.name.to_string();
    let begun = places.iter().map(|_| Ok(())).collect();
    let first = |index: usize, ()| phases.first_phase(&places[index]);
    let halves = go_on(places, begun, at_once, "reading generated objects", run, name, first).await;
    // The barrier: nothing of what follows was read before all of that.
    let second = |index: usize, half| phases.second_phase(&places[index], half);
    let mut halves = go_on(places, halves, at_once, "reading", run, name, second).await;
    if let Some(About { names, .. }) = about {
        let known: BTreeSet<String> =
            halves.iter().flatten().filter_map(|half| half.later.as_ref()).flatten().cloned().collect();
        let read: Vec<&ClusterFacts> = halves.iter().flatten().map(|half| &half.part.facts).collect();
        let beyond = beyond(&read, &fleet.policy, names, &known);
        let third = |index: usize, half| phases.third_phase(&places[index], half, (&known, &beyond));
        halves = go_on(places, halves, at_once, "reading workloads", run, name, third).await;
    }
    let mut observed = Observed::default();
    observed.snapshot.strangers.clone_from(&fleet.strangers);
    for (place, half) in places.iter().zip(halves) {
        if half.as_ref().is_ok_and(|half| half.by_label) {
            observed.by_label.insert(place.name.clone());
        }
        let (view, findings) = view(fleet, place, half.and_then(|half| phases.finish(place, half)));
        observed.snapshot.members.insert(place.name.clone(), view);
        observed.snapshot.findings.extend(findings);
    }
    note_strangers(fleet, &mut observed.snapshot);
    observed
}

/// The last of a snapshot: clusters that are no members, and findings in order.
pub(super) fn note_strangers(fleet: &LiveFleet, snapshot: &mut FleetSnapshot) {
    for name in &fleet.strangers {
        let message = "was reached but is not a member".to_owned();
        snapshot.findings.push(Finding::new(Code::Stranger, Some(name), &**name, message));
    }
    snapshot.findings.sort();
}

/// Who reads, and what.
struct Phases<'a> {
    fleet: &'a LiveFleet,
    depth: Depth,
    about: Option<About<'a>>,
    interners: Interners,
    end: Instant,
}

impl Phases<'_> {
    fn reader<'s>(&'s self, place: &'s Place, rest: &'s Rest) -> Reader<'s> {
        Reader { cluster: &place.name, policy: &self.fleet.policy, depth: self.depth, interners: &self.interners, rest }
    }

    /// What is generated.
    async fn first_phase(&self, place: &Place) -> Result<Half, String> {
        let contact = place.contact.as_ref().map_err(Clone::clone)?;
        let start = Instant::now();
        let rest = contact.rest.until(self.end.min(start + contact.left));
        let served = Served::ask(&rest).await.map_err(|error| format!("what it serves cannot be read: {error}"))?;
        let part = if self.depth == Depth::Claims {
            Part::default()
        } else {
            list_all(self.reader(place, &rest), &served, contact, &GENERATED, "").await
        };
        Ok(Half { part, served, left: contact.left.saturating_sub(start.elapsed()), later: None, by_label: false })
    }

    /// All the rest; but no workloads where these can be asked for by label, and no Services there.
    async fn second_phase(&self, place: &Place, mut half: Half) -> Result<Half, String> {
        let contact = place.contact.as_ref().map_err(Clone::clone)?;
        let start = Instant::now();
        let rest = contact.rest.until(self.end.min(start + half.left));
        let reader = self.reader(place, &rest);
        if let Some(About { now, .. }) = self.about {
            // It saves time, or is not worth it.
            let soon = contact.rest.until(self.end.min(start + half.left / 4));
            half.later = indexed::index(self.reader(place, &soon), now).await.and_then(|index| index.identities);
        }
        let is_later = |kind| half.later.is_some() && LATER.contains(&kind);
        let kinds = Kind::ALL.into_iter().filter(|kind| !GENERATED.contains(kind) && *kind != Kind::ConfigMap);
        let kinds: Vec<Kind> = kinds.filter(|kind| self.depth.has(*kind) && !is_later(*kind)).collect();
        // Side by side, so that a list that hangs takes nobody else's time.
        let mesh =
            async { if self.depth == Depth::Traffic { mesh_config_maps(reader).await } else { Part::default() } };
        let addresses = async {
            if self.depth.has(Kind::ConfigMap) { config_maps(reader, contact).await } else { Part::default() }
        };
        let lists = list_all(reader, &half.served, contact, &kinds, "");
        let (lists, config_maps, mesh) = join3(lists, addresses, mesh).await;
        for more in [lists, config_maps, mesh] {
            half.part.absorb(more);
        }
        half.left = half.left.saturating_sub(start.elapsed());
        Ok(half)
    }

    /// The workloads of everybody but those who are beyond what the run is about, where they are not read yet, and the
    /// Services that may be theirs.
    async fn third_phase(
        &self,
        place: &Place,
        mut half: Half,
        (known, beyond): (&BTreeSet<String>, &BTreeSet<&str>),
    ) -> Result<Half, String> {
        let Some(here) = half.later.take() else { return Ok(half) };
        let contact = place.contact.as_ref().map_err(Clone::clone)?;
        let rest = contact.rest.until(self.end.min(Instant::now() + half.left));
        let reader = self.reader(place, &rest);
        // What is not run here need not be named.
        let beyond: BTreeSet<&str> = beyond.iter().copied().filter(|identity| here.contains(*identity)).collect();
        let workloads = indexed::workloads_but(reader, &half.served, contact, (known, &beyond)).await;
        let Some(workloads) = workloads else {
            half.part.absorb(list_all(reader, &half.served, contact, &LATER, "").await);
            return Ok(half);
        };
        half.by_label = true;
        half.part.absorb(workloads);
        let namespaces = half.part.facts.workloads.iter().map(|workload| workload.namespace.clone()).collect();
        half.part.absorb(services::list(reader, &half.served, place, &namespaces).await);
        Ok(half)
    }

    fn finish(&self, place: &Place, half: Half) -> Result<Decoded, String> {
        let contact = place.contact.as_ref().map_err(Clone::clone)?;
        let mut part = half.part;
        let left = Kind::ALL
            .into_iter()
            .filter(|kind| !GENERATED.contains(kind) && *kind != Kind::ConfigMap && !self.depth.has(*kind));
        // What nobody asked for is not known either, and nobody misses it.
        let (traffic_only, left): (Vec<Kind>, Vec<Kind>) = left.partition(|kind| kind.is_for_traffic_only());
        part.facts.mesh.unseen.extend(traffic_only);
        if self.depth == Depth::Claims {
            part.facts.unseen.extend(left.into_iter().chain(GENERATED));
        }
        // What was to be read later, and was not, is not empty.
        part.facts.unseen.extend(half.later.iter().flat_map(|_| LATER));
        part.facts.uid = Some(Arc::clone(&contact.uid));
        part.facts.keeps_claims = half.served.has_claims();
        Ok(part.finish(&place.name))
    }
}

/// Admiral's addresses. A policy that is stored there and cannot be read is unknown too.
pub(super) async fn config_maps(reader: Reader<'_>, contact: &Contact) -> Part {
    let mut part = Part::default();
    if let Some(why) = &contact.policy_unseen {
        part.absorb(reader.unseen(Kind::ConfigMap, why));
    }
    for namespace in BTreeSet::from([&*reader.policy.sync_namespace, ADMIRAL_SYNC]) {
        let base = format!("/api/v1/namespaces/{namespace}");
        part.absorb(reader.list(Kind::ConfigMap, &base, ADDRESSES_ONLY).await);
    }
    part
}

/// The roots that istiod gave the namespaces, and the settings of the mesh. Nothing that is generated depends on them: where
/// they may not be read that is said, and no kind becomes unseen.
async fn mesh_config_maps(reader: Reader<'_>) -> Part {
    let mut part = Part::default();
    let roots = format!("&fieldSelector=metadata.name%3D{ROOT_CERT}");
    part.absorb(reader.list(Kind::ConfigMap, "/api/v1", &roots).await);
    let settings = format!("&fieldSelector=metadata.name%3D{SETTINGS}");
    for namespace in BTreeSet::from([&*reader.policy.gateway.namespace, ISTIO_SYSTEM]) {
        let base = format!("/api/v1/namespaces/{namespace}");
        part.absorb(reader.list(Kind::ConfigMap, &base, &settings).await);
    }
    part.facts.unseen.remove(&Kind::ConfigMap);
    for finding in part.findings.iter_mut().filter(|finding| finding.code == Code::KindUnseen) {
        finding.place = "configmaps of the mesh".into();
        "make ConfigMaps istio-ca-root-cert and istio readable; until then nothing is said of roots and trust domains"
            .clone_into(&mut finding.next);
    }
    part
}

/// Lists what `query` selects of the kinds that are served, some at once. A kind that was served when the policy was stored
/// and is not any more is unseen; Istio's own kinds are needed wherever anything is to be generated.
pub(super) async fn list_all(
    reader: Reader<'_>,
    served: &Served,
    contact: &Contact,
    kinds: &[Kind],
    query: &str,
) -> Part {
    let lists = kinds.iter().map(|kind| async move {
        match served.path(*kind) {
            Some(base) => reader.list(*kind, base, query).await,
            None => unserved(contact, *kind).map_or_else(Part::default, |why| reader.unseen(*kind, why)),
        }
    });
    let mut whole = Part::default();
    let mut parts = stream::iter(lists).buffer_unordered(KINDS_AT_ONCE);
    while let Some(part) = parts.next().await {
        whole.absorb(part);
    }
    whole
}

/// Why a kind that is not served is unseen; none when its absence is a fact.
pub(super) fn unserved(contact: &Contact, kind: Kind) -> Option<&'static str> {
    if GENERATED.contains(&kind) {
        Some("is not served: Istio's CRDs are not installed")
    } else if LiveFleet::served_once(contact, kind) {
        Some(
            "is not served any more: its CRD is gone. Install it again; if it was removed on purpose, store the policy \
             anew with `kubectl mesh policy push`",
        )
    } else {
        None
    }
}

pub(super) fn view(fleet: &LiveFleet, place: &Place, read: Result<Decoded, String>) -> (ClusterView, Vec<Finding>) {
    let retired = place.member.as_ref().is_some_and(|member| member.state == MemberState::Retired);
    let mut findings = Vec::new();
    let read = read.and_then(|decoded| {
        findings = decoded.findings;
        let facts = decoded.facts;
        let namespace = &fleet.policy.sync_namespace;
        let has_namespace = facts.namespaces.contains_key(namespace) || facts.unseen.contains(&Kind::Namespace);
        match decoded.unreadable {
            Some(why) => Err(why),
            None if place.member.is_some() && !retired && !has_namespace && !fleet.prepared.contains(&place.name) => {
                Err(format!("its sync namespace {namespace} is not there; create it if it may be filled anew"))
            }
            None => Ok(Arc::new(facts)),
        }
    });
    let name = &place.name;
    let view = sight::view(name, retired, read, &mut findings);
    (view, findings)
}
