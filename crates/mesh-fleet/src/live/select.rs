//! Reading a live fleet for the sake of one name: its generated objects are asked for by label, and then only what they
//! lead to is read (product contract §4, `whereis`).
//!
//! What is not asked for is missing from the facts, not unseen: such a snapshot answers a question about the identities
//! that it is of. Nothing may be planned from it.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host};
use mesh_model::owned::{Mark, ObjectKey, OwnedObject};
use mesh_model::policy::MeshPolicy;
use thiserror::Error;
use tokio::time::Instant;

use super::LiveFleet;
use super::contact::Contact;
use super::crowd::go_on;
use super::discovery::Served;
use super::members::Place;
use super::observe::{note_strangers, view};
use super::pages::{Interners, Reader};
use super::rest::Rest;
use crate::decode::Part;
use crate::fleet::Depth;
use crate::limits::MAX_HOSTS_ASKED;
use crate::run::Run;

mod generated;
mod key;
mod named;

use key::Key;

/// What was read of a fleet about some identities.
#[derive(Debug)]
pub struct Selected {
    /// Everything that generated objects of these identities lead to, and nothing else. It is nothing to plan from.
    pub snapshot: FleetSnapshot,
    /// The identities. What the snapshot tells of others is not all.
    pub identities: BTreeSet<Arc<str>>,
    /// The members whose workloads were asked for by label.
    pub by_label: BTreeSet<ClusterName>,
}

/// Why generated objects do not tell where something is: everything has to be listed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Untold {
    /// The key is an address, a path, a glob.
    #[error("generated objects are known by identity and host only")]
    Key,
    /// No cluster holds any.
    #[error("no generated object is of it")]
    Nothing,
    /// Objects that Admiral made, or that somebody has edited.
    #[error("{0} does not tell what it was made of")]
    NoOrigins(String),
    /// Another identity has the same host.
    #[error("its objects are of several identities")]
    Shared,
    /// More than are asked for one by one.
    #[error("it has more than {MAX_HOSTS_ASKED} names")]
    ManyHosts,
}

/// A member while it is being read.
struct Half {
    part: Part,
    served: Served,
    /// What is left of its share of time.
    left: Duration,
    /// Whether workloads were asked for by label.
    by_label: bool,
}

type Halves = Vec<Result<Half, String>>;

/// What generated objects tell of a key.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    identities: BTreeSet<Arc<str>>,
    /// Their base hosts, in lower case.
    bases: BTreeSet<Host>,
}

/// Reads what generated objects tell of `key` at the time `now`.
pub(super) async fn select(fleet: &LiveFleet, key: &str, now: Timestamp, run: Run<'_>) -> Result<Selected, Untold> {
    let key = Key::parse(key, &fleet.policy.suffix).ok_or(Untold::Key)?;
    let start = Instant::now();
    let interners = Interners::default();
    let selector = Selector { fleet, now, run, interners, start, end: start + fleet.limits.run_timeout };
    let halves = selector.begin();
    let asking = "asking for generated objects";
    let halves = selector.pass(asking, halves, |place, half| selector.ask_first(place, half, &key)).await;
    let told = Told::by(&halves, &fleet.policy)?;
    let halves = selector.pass(asking, halves, |place, half| selector.ask_again(place, half, &key, &told)).await;
    // By name, objects of another identity may have turned up.
    Told::by(&halves, &fleet.policy)?;
    let lead = named::Lead::of(&fleet.places, &halves, &told.identities);
    let halves = selector.pass("reading", halves, |place, half| selector.follow(place, half, &told, &lead)).await;
    let read = fleet.places.iter().zip(&halves).filter(|(_, half)| half.as_ref().is_ok_and(|half| half.by_label));
    let by_label = read.map(|(place, _)| place.name.clone()).collect();
    Ok(Selected { snapshot: selector.snapshot(halves), identities: told.identities, by_label })
}

struct Selector<'a> {
    fleet: &'a LiveFleet,
    /// The time at `start`.
    now: Timestamp,
    run: Run<'a>,
    interners: Interners,
    start: Instant,
    end: Instant,
}

impl Selector<'_> {
    /// The time: a fleet may take minutes.
    fn now(&self) -> Timestamp {
        self.now.checked_add(self.start.elapsed()).unwrap_or(self.now)
    }

    /// Nothing is read yet.
    fn begin(&self) -> Halves {
        let half = |place: &Place| {
            let contact = place.contact.as_ref().map_err(Clone::clone)?;
            Ok(Half { part: Part::default(), served: Served::default(), left: contact.left, by_label: false })
        };
        self.fleet.places.iter().map(half).collect()
    }

    /// Reads more of every member that can be read.
    async fn pass<'s, F>(
        &'s self,
        doing: &'static str,
        halves: Halves,
        work: impl Fn(&'s Place, Half) -> F + Sync,
    ) -> Halves
    where
        F: Future<Output = Result<Half, String>>,
    {
        let places = &self.fleet.places;
        let name = |place: &Place| place.name.to_string();
        let more = |index: usize, half| work(&places[index], half);
        go_on(places, halves, self.fleet.limits.parallel, doing, self.run, name, more).await
    }

    /// The cluster of a member, and its API server for as long as is left of its time.
    fn reach<'s>(&self, place: &'s Place, half: &Half) -> Result<(&'s Contact, Rest), String> {
        let contact = place.contact.as_ref().map_err(Clone::clone)?;
        Ok((contact, contact.rest.until(self.end.min(Instant::now() + half.left))))
    }

    fn reader<'s>(&'s self, place: &'s Place, rest: &'s Rest) -> Reader<'s> {
        Reader {
            cluster: &place.name,
            policy: &self.fleet.policy,
            depth: Depth::Plan,
            interners: &self.interners,
            rest,
        }
    }

    fn snapshot(&self, halves: Halves) -> FleetSnapshot {
        let fleet = self.fleet;
        let mut snapshot = FleetSnapshot { strangers: fleet.strangers.clone(), ..FleetSnapshot::default() };
        for (place, half) in fleet.places.iter().zip(halves) {
            let read = half.and_then(|mut half| {
                let contact = place.contact.as_ref().map_err(Clone::clone)?;
                half.part.facts.uid = Some(Arc::clone(&contact.uid));
                Ok(half.part.finish(&place.name))
            });
            let (view, findings) = view(fleet, place, read);
            snapshot.members.insert(place.name.clone(), view);
            snapshot.findings.extend(findings);
        }
        note_strangers(fleet, &mut snapshot);
        snapshot
    }
}

impl Told {
    /// What the ServiceEntries that were found tell.
    fn by(halves: &Halves, policy: &MeshPolicy) -> Result<Self, Untold> {
        let mut told = Self::default();
        for (key, object) in owned(halves).filter(|(key, _)| key.kind == Kind::ServiceEntry) {
            let identity = object.annotations.get(policy.keys.identity.as_str());
            let (Some(identity), Mark::Ours, false) = (identity, object.mark, object.origins.is_empty()) else {
                return Err(Untold::NoOrigins(key.to_string()));
            };
            let env = object.labels.get(policy.keys.env.as_str());
            let base = env.map(|env| format!("{env}.{identity}.{}", policy.suffix).to_lowercase());
            told.bases.extend(base.and_then(|base| Host::parse(&base).ok()));
            told.identities.insert(Arc::clone(identity));
        }
        match (told.identities.len(), told.bases.len()) {
            (0, _) => Err(Untold::Nothing),
            (1, hosts) if hosts <= MAX_HOSTS_ASKED => Ok(told),
            (1, _) => Err(Untold::ManyHosts),
            _ => Err(Untold::Shared),
        }
    }

    fn has(&self, identity: &str) -> bool {
        self.identities.contains(identity)
    }
}

/// Everything of ours that was found, in any member.
fn owned(halves: &Halves) -> impl Iterator<Item = (&ObjectKey, &OwnedObject)> {
    halves.iter().flatten().flat_map(|half| &half.part.facts.owned)
}
