//! Reading a live fleet, in two phases with a barrier across all clusters (product contract §3): first what is
//! generated, with its versions, then the facts that it is made from. A run that is slow can then never write older facts
//! over newer ones: what was written after its first phase has another version (law L9).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join3;
use futures::stream::{self, StreamExt};
use mesh_model::finding::{Code, Finding};
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::kind::Kind;
use mesh_model::policy::MemberState;
use tokio::time::Instant;

use super::LiveFleet;
use super::contact::Contact;
use super::crowd::each;
use super::discovery::Served;
use super::members::Place;
use super::pages::{Interners, Reader};
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
/// Why a cluster was not read.
pub(super) const INTERRUPTED: &str = "the run was interrupted before it was read";

/// A cluster after the first phase.
struct Half {
    part: Part,
    served: Served,
    /// What is left of its share of time. Waiting at the barrier is not its fault.
    left: Duration,
}

/// Reads every member. Problems are findings and unseen clusters or kinds, never an error.
pub(super) async fn observe(fleet: &LiveFleet, depth: Depth, run: Run<'_>) -> FleetSnapshot {
    let places = &fleet.places;
    let interners = Interners::default();
    let end = Instant::now() + fleet.limits.run_timeout;
    let name = |place: &Place| place.name.to_string();
    let halves = each(places, fleet.limits.parallel, "reading generated objects", run, name, |index| {
        first_phase(fleet, &places[index], depth, &interners, end)
    });
    let halves: Vec<Result<Half, String>> =
        halves.await.into_iter().map(|half| half.unwrap_or_else(|| Err(INTERRUPTED.to_owned()))).collect();
    // The barrier: nothing of what follows was read before all of that.
    let slots: Vec<_> = halves.into_iter().map(|half| std::sync::Mutex::new(Some(half))).collect();
    let read = each(places, fleet.limits.parallel, "reading", run, name, |index| {
        let half = slots[index].lock().expect("no holder panics").take();
        let interners = &interners;
        async move {
            let half = half.unwrap_or_else(|| Err(INTERRUPTED.to_owned()))?;
            second_phase(fleet, &places[index], depth, interners, half, end).await
        }
    });
    let mut snapshot = FleetSnapshot { strangers: fleet.strangers.clone(), ..FleetSnapshot::default() };
    for (place, read) in places.iter().zip(read.await) {
        let read = read.unwrap_or_else(|| Err(INTERRUPTED.to_owned()));
        let (view, findings) = view(fleet, place, read);
        snapshot.members.insert(place.name.clone(), view);
        snapshot.findings.extend(findings);
    }
    note_strangers(fleet, &mut snapshot);
    snapshot
}

/// The last of a snapshot: clusters that are no members, and findings in order.
pub(super) fn note_strangers(fleet: &LiveFleet, snapshot: &mut FleetSnapshot) {
    for name in &fleet.strangers {
        let message = "was reached but is not a member".to_owned();
        snapshot.findings.push(Finding::new(Code::Stranger, Some(name), &**name, message));
    }
    snapshot.findings.sort();
}

async fn first_phase(
    fleet: &LiveFleet,
    place: &Place,
    depth: Depth,
    interners: &Interners,
    end: Instant,
) -> Result<Half, String> {
    let contact = place.contact.as_ref().map_err(Clone::clone)?;
    let start = Instant::now();
    let share = contact.left;
    let rest = contact.rest.until(end.min(start + share));
    let served = Served::ask(&rest).await.map_err(|error| format!("what it serves cannot be read: {error}"))?;
    let reader = Reader { cluster: &place.name, policy: &fleet.policy, depth, interners, rest: &rest };
    let part =
        if depth == Depth::Claims { Part::default() } else { list_all(reader, &served, contact, &GENERATED).await };
    Ok(Half { part, served, left: share.saturating_sub(start.elapsed()) })
}

async fn second_phase(
    fleet: &LiveFleet,
    place: &Place,
    depth: Depth,
    interners: &Interners,
    half: Half,
    end: Instant,
) -> Result<Decoded, String> {
    let contact = place.contact.as_ref().map_err(Clone::clone)?;
    let rest = contact.rest.until(end.min(Instant::now() + half.left));
    let reader = Reader { cluster: &place.name, policy: &fleet.policy, depth, interners, rest: &rest };
    let (kinds, left): (Vec<Kind>, Vec<Kind>) = Kind::ALL
        .into_iter()
        .filter(|kind| !GENERATED.contains(kind) && *kind != Kind::ConfigMap)
        .partition(|kind| depth.has(*kind));
    let mut part = half.part;
    // Side by side, so that a list that hangs takes nobody else's time.
    let mesh = async { if depth == Depth::Traffic { mesh_config_maps(reader).await } else { Part::default() } };
    let addresses =
        async { if depth.has(Kind::ConfigMap) { config_maps(reader, contact).await } else { Part::default() } };
    let (lists, config_maps, mesh) = join3(list_all(reader, &half.served, contact, &kinds), addresses, mesh).await;
    for more in [lists, config_maps, mesh] {
        part.absorb(more);
    }
    // What nobody asked for is not known either, and nobody misses it.
    part.facts.mesh.unseen.extend(left.iter().filter(|kind| kind.is_for_traffic_only()));
    if depth == Depth::Claims {
        part.facts.unseen.extend(left.into_iter().chain(GENERATED).filter(|kind| !kind.is_for_traffic_only()));
    }
    part.facts.uid = Some(Arc::clone(&contact.uid));
    part.facts.keeps_claims = half.served.has_claims();
    Ok(part.finish(&place.name))
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

/// Lists the kinds that are served, some at once. A kind that was served when the policy was stored and is not any more
/// is unseen; Istio's own kinds are needed wherever anything is to be generated.
pub(super) async fn list_all(reader: Reader<'_>, served: &Served, contact: &Contact, kinds: &[Kind]) -> Part {
    let lists = kinds.iter().map(|kind| async move {
        match served.path(*kind) {
            Some(base) => reader.list(*kind, base, "").await,
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
