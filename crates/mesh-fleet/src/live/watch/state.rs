//! What a watching run holds of its fleet: the slim objects of each kind of each cluster, and what is not settled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use mesh_model::finding::Finding;
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Namespace};
use mesh_model::owned::ObjectKey;
use mesh_model::policy::MeshPolicy;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::LiveFleet;
use super::super::members::Place;
use super::super::observe::{GENERATED, note_strangers, view};
use super::super::pages::Interners;
use super::monitor::Monitor;
use super::settle::Unsettled;
use crate::decode::{Part, Slim};
use crate::limits::UNSEEN_AFTER;

/// What the tasks of a watching run share.
pub(super) struct Shared {
    pub(super) policy: MeshPolicy,
    pub(super) monitor: Arc<Monitor>,
    /// Rung at every change.
    pub(super) bell: Notify,
    /// What lists share of what they say, among all clusters. Nothing of it is kept longer than the lists take.
    pub(super) interners: Interners,
    state: Mutex<State>,
}

/// Everything that is known.
#[derive(Default)]
pub(super) struct State {
    /// In the order of the fleet's places.
    pub(super) clusters: Vec<ClusterState>,
    pub(super) unsettled: Unsettled,
    /// Whether the first reading is done: what is generated was then read before all facts.
    pub(super) is_read: bool,
    /// Since when there are changes that no snapshot has; and the last of them.
    pub(super) changed: Option<(Instant, Instant)>,
    /// Why the fleet must be opened anew.
    pub(super) reopen: Option<String>,
}

/// One member.
#[derive(Default)]
pub(super) struct ClusterState {
    /// Why it could not be read at all.
    pub(super) unread: Option<String>,
    /// Kinds that are unseen since nobody serves them.
    pub(super) unserved: Part,
    pub(super) feeds: Vec<FeedState>,
    /// As it was worked out last; none when something has changed since.
    view: Option<(ClusterView, Vec<Finding>)>,
}

/// One kind of one member.
pub(super) struct FeedState {
    pub(super) kind: Kind,
    /// Objects that a rule uses, by `namespace/name`; none while it is unseen.
    objects: Option<BTreeMap<Box<str>, Slim>>,
    /// Everything up to this version was told.
    pub(super) told: u64,
    /// Since when there is neither a list nor a watch, and why.
    broken: Option<(Instant, String)>,
}

impl FeedState {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, objects: None, told: 0, broken: None }
    }

    #[cfg(test)]
    pub(super) fn seen(kind: Kind, told: u64) -> Self {
        Self { objects: Some(BTreeMap::new()), told, ..Self::new(kind) }
    }

    pub(super) fn is_seen(&self) -> bool {
        self.objects.is_some()
    }
}

/// A generated object and its cluster.
pub(super) type At = (usize, ObjectKey);

impl Shared {
    pub(super) fn new(policy: MeshPolicy, monitor: Arc<Monitor>, members: usize) -> Self {
        let clusters = (0..members).map(|_| ClusterState::default()).collect();
        let state = State { clusters, ..State::default() };
        Self { policy, monitor, bell: Notify::new(), interners: Interners::default(), state: Mutex::new(state) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    /// Notes that the fleet must be opened anew.
    pub(super) fn reopen(&self, why: String) {
        self.state().reopen.get_or_insert(why);
        self.bell.notify_one();
    }

    fn change(&self, state: &mut State, place: usize) {
        state.clusters[place].view = None;
        let now = Instant::now();
        state.changed = Some((state.changed.map_or(now, |(first, _)| first), now));
        self.bell.notify_one();
    }

    /// A list came: it is all that there is.
    pub(super) fn listed(&self, place: usize, feed: usize, objects: BTreeMap<Box<str>, Slim>, told: u64) {
        let mut state = self.state();
        let state = &mut *state;
        let known = &mut state.clusters[place].feeds[feed];
        (known.told, known.broken) = (told, None);
        let before = known.objects.replace(objects).unwrap_or_default();
        if state.is_read && GENERATED.contains(&known.kind) {
            let after = known.objects.as_ref().expect("they were just put there");
            let versions = |objects: &BTreeMap<Box<str>, Slim>| -> BTreeSet<(ObjectKey, Arc<str>)> {
                let owned = objects.values().filter_map(|slim| match slim {
                    Slim::Owned(key, object) => Some((key.clone(), Arc::clone(&object.version))),
                    _ => None,
                });
                owned.collect()
            };
            let (before, after) = (versions(&before), versions(after));
            state.unsettled.relisted(place, known.kind);
            for (key, version) in after.difference(&before) {
                state.unsettled.note((place, key.clone()), Some(Arc::clone(version)));
            }
            for (key, _) in before.iter().filter(|(key, _)| !after.iter().any(|(there, _)| there == key)) {
                state.unsettled.note((place, key.clone()), None);
            }
        }
        self.change(state, place);
    }

    /// A watch told of an object; none: it is gone, or no rule uses anything of it.
    pub(super) fn told(&self, place: usize, feed: usize, id: Box<str>, slim: Option<Slim>, version: u64) {
        self.monitor.events(1);
        let mut state = self.state();
        let state = &mut *state;
        let known = &mut state.clusters[place].feeds[feed];
        known.told = known.told.max(version);
        let Some(objects) = &known.objects else { return };
        let before = objects.get(&id);
        if GENERATED.contains(&known.kind) {
            // An answer to a write of ours may have come before.
            if before.and_then(Slim::version).and_then(number).is_some_and(|known| known >= version) {
                return;
            }
            let is_owned = |slim: &Slim| matches!(slim, Slim::Owned(..));
            let at = key_of(known.kind, &id).map(|key| (place, key));
            if let Some(at) = at
                && (slim.as_ref().is_some_and(is_owned) || before.is_some_and(is_owned) || state.unsettled.awaits(&at))
            {
                state.unsettled.note(at, slim.as_ref().and_then(Slim::version).map(Arc::from));
            }
        }
        if slim.is_none() && before.is_none() {
            return;
        }
        put(&mut state.clusters[place].feeds[feed], id, slim);
        self.change(state, place);
    }

    /// What became of an object by a write of ours, at once: its watch will tell the same later.
    pub(super) fn wrote(&self, place: usize, key: &ObjectKey, slim: Option<Slim>) {
        let mut state = self.state();
        let state = &mut *state;
        let seen: Option<Arc<str>> = slim.as_ref().and_then(Slim::version).map(Arc::from);
        state.unsettled.note_ours((place, key.clone()), seen.clone());
        let feeds = &mut state.clusters[place].feeds;
        let Some(feed) = feeds.iter_mut().find(|feed| feed.kind == key.kind) else { return };
        let id: Box<str> = format!("{}/{}", key.namespace, key.name).into();
        let known = feed.objects.as_ref().and_then(|objects| objects.get(&id)).and_then(Slim::version).and_then(number);
        // Its watch may even have told of what somebody else did after us.
        if known.is_some_and(|known| seen.as_deref().and_then(number).is_some_and(|ours| known >= ours)) {
            return;
        }
        put(feed, id, slim);
        state.clusters[place].view = None;
    }

    /// A bookmark: everything up to this version was told.
    pub(super) fn bookmark(&self, place: usize, feed: usize, version: u64) {
        let mut state = self.state();
        let known = &mut state.clusters[place].feeds[feed];
        known.told = known.told.max(version);
    }

    /// A watch began: what was told is on its way to be complete again. False when it was unseen meanwhile.
    pub(super) fn connected(&self, place: usize, feed: usize) -> bool {
        let mut state = self.state();
        let known = &mut state.clusters[place].feeds[feed];
        if known.is_seen() {
            known.broken = None;
        }
        known.is_seen()
    }

    /// There is neither a list nor a watch. Whether it still counts as seen.
    pub(super) fn broken(&self, place: usize, feed: usize, why: &str) -> bool {
        self.monitor.broken(1);
        let mut state = self.state();
        let known = &mut state.clusters[place].feeds[feed];
        let since = known.broken.as_ref().map_or_else(Instant::now, |(since, _)| *since);
        known.broken = Some((since, why.to_owned()));
        known.is_seen()
    }

    /// What has been without a watch for too long is unseen: unknown, not what it was.
    pub(super) fn expire(&self) {
        let mut state = self.state();
        let state = &mut *state;
        let now = Instant::now();
        for place in 0..state.clusters.len() {
            let feeds = &mut state.clusters[place].feeds;
            let expired = feeds.iter_mut().filter(|feed| {
                feed.is_seen() && feed.broken.as_ref().is_some_and(|(since, _)| now - *since >= UNSEEN_AFTER)
            });
            let expired = expired.map(|feed| feed.objects = None).count();
            if expired > 0 {
                self.change(state, place);
            }
        }
    }

    /// The fleet as it is known now. Only clusters that changed are worked out anew.
    pub(super) fn snapshot(&self, fleet: &LiveFleet) -> FleetSnapshot {
        let mut state = self.state();
        state.changed = None;
        let mut snapshot = FleetSnapshot { strangers: fleet.strangers.clone(), ..FleetSnapshot::default() };
        for (place, cluster) in fleet.places.iter().zip(&mut state.clusters) {
            let (view, findings) = cluster.view.take().unwrap_or_else(|| cluster.view_anew(fleet, place));
            snapshot.members.insert(place.name.clone(), view.clone());
            snapshot.findings.extend(findings.iter().cloned());
            cluster.view = Some((view, findings));
        }
        note_strangers(fleet, &mut snapshot);
        let unseen = snapshot.members.len() - snapshot.seen().count();
        self.monitor.members(snapshot.members.len(), unseen);
        snapshot
    }
}

impl ClusterState {
    fn view_anew(&self, fleet: &LiveFleet, place: &Place) -> (ClusterView, Vec<Finding>) {
        let contact = place.contact.as_ref().map_err(Clone::clone);
        let read = contact.and_then(|contact| {
            if let Some(why) = &self.unread {
                return Err(why.clone());
            }
            let broken = |feed: &FeedState| feed.broken.as_ref().map_or_else(String::new, |(_, why)| why.clone());
            if let Some(first) = self.feeds.first().filter(|_| !self.feeds.iter().any(FeedState::is_seen)) {
                return Err(broken(first));
            }
            let mut part = self.unserved.clone();
            for feed in &self.feeds {
                match &feed.objects {
                    Some(objects) => objects.values().for_each(|slim| slim.put_into(&mut part)),
                    None => part.absorb(Part::unseen(&place.name, feed.kind, &broken(feed))),
                }
            }
            part.facts.uid = Some(Arc::clone(&contact.uid));
            let is_served = |kind: Kind| self.feeds.iter().any(|feed| feed.kind == kind);
            part.facts.keeps_claims = is_served(Kind::GlobalName) && is_served(Kind::GlobalNameSet);
            Ok(part.finish(&place.name))
        });
        view(fleet, place, read)
    }
}

fn put(feed: &mut FeedState, id: Box<str>, slim: Option<Slim>) {
    let Some(objects) = &mut feed.objects else { return };
    match slim {
        Some(slim) => drop(objects.insert(id, slim)),
        None => drop(objects.remove(&id)),
    }
}

fn key_of(kind: Kind, id: &str) -> Option<ObjectKey> {
    let (namespace, name) = id.split_once('/')?;
    Some(ObjectKey { kind, namespace: Namespace::parse(namespace).ok()?, name: name.into() })
}

/// Versions are numbers that grow, within one kind of one cluster (KEP-5504).
pub(super) fn number(version: &str) -> Option<u64> {
    version.parse().ok()
}

/// The place of a cluster.
pub(super) fn place_of(fleet: &LiveFleet, cluster: &ClusterName) -> Option<usize> {
    fleet.places.iter().position(|place| place.name == *cluster)
}
