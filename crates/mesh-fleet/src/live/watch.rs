//! A live fleet that is kept in sight: slim state by lists and watches, woken by what changes.
//!
//! One task a kind and cluster keeps the state (`feed`); whoever drives it takes snapshots, plans and writes, under the
//! same rules as a run that reads once. Nothing is kept that the clusters do not hold, so that any number of such runs may
//! go on at once, and one that is lost loses nothing. How two of them keep out of each other's way is told in
//! `settle`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::Host;
use mesh_plan::plan::{Plan, Step};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::LiveFleet;
use super::crowd::{INTERRUPTED, each};
use super::discovery::Served;
use super::members::Place;
use super::observe::{ADDRESSES_ONLY, ADMIRAL_SYNC, GENERATED, unserved};
use crate::decode::{Interner, Part, Slim};
use crate::limits::{COALESCE, COALESCE_AT_MOST, KINDS_AT_ONCE, REQUEST_TIMEOUT, TICK, WATCH_SILENCE};
use crate::report::ApplyReport;
use crate::run::Run;

mod beat;
mod feed;
mod monitor;
mod settle;
mod state;

pub use monitor::Monitor;

use feed::Feed;
use state::{FeedState, Shared, place_of};

/// Kinds that no rule reads yet: a watch of them would be a connection for nothing.
const UNREAD: [Kind; 3] = [Kind::RoutingPolicy, Kind::TrafficConfig, Kind::DependencyProxy];

/// A fleet that is kept in sight, until this is dropped.
pub struct Watch {
    shared: Arc<Shared>,
    feeds: Vec<Feed>,
    tasks: Vec<JoinHandle<()>>,
    /// When the last snapshot was taken, and what was done with it since.
    round: Option<Instant>,
}

/// Why a watching run is woken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Woken {
    /// Something changed, this long ago; or it is time to look again.
    Changed(Duration),
    /// The fleet must be opened anew: another policy, another cluster, another kind.
    Reopen(String),
    /// Somebody asked to stop.
    Stopped,
}

/// A member that was connected to: what is listed in the first phase, and what in the second.
struct Connected {
    feeds: Vec<Feed>,
    unserved: Part,
    served: Served,
}

impl LiveFleet {
    /// Reads the fleet as [`Self::observe`] does, generated objects first, and keeps it in sight from there.
    pub fn watch(&self, monitor: Arc<Monitor>, run: Run<'_>) -> Watch {
        self.runtime.block_on(start(self, monitor, run))
    }
}

impl Watch {
    /// Waits until something has changed and was quiet for a moment, or until `at_latest` is over.
    pub fn next(&mut self, fleet: &LiveFleet, run: Run<'_>, at_latest: Option<Duration>) -> Woken {
        let at_latest = at_latest.map(|wait| Instant::now() + wait);
        // As much time for others as planning took: a burst is planned a few times, not once a change.
        let rested = self.round.map(|start| Instant::now() + start.elapsed().min(COALESCE_AT_MOST));
        fleet.runtime.block_on(async {
            loop {
                if (run.interrupted)() {
                    return Woken::Stopped;
                }
                self.shared.expire();
                let woken = self.settle();
                let (changed, reopen) = {
                    let state = self.shared.state();
                    (state.changed, state.reopen.clone())
                };
                if let Some(why) = reopen {
                    return Woken::Reopen(why);
                }
                let now = Instant::now();
                let mut until = now + TICK;
                if let Some((first, last)) = changed {
                    let due = (last + COALESCE).min(first + COALESCE_AT_MOST);
                    let due = rested.map_or(due, |rested| due.max(rested));
                    if now >= due {
                        return Woken::Changed(now - first);
                    }
                    until = until.min(due);
                }
                if woken || at_latest.is_some_and(|latest| now >= latest) {
                    return Woken::Changed(Duration::ZERO);
                }
                if changed.is_some() {
                    sleep_until(until).await;
                } else {
                    tokio::select! {
                        () = self.shared.bell.notified() => {}
                        () = sleep_until(until) => {}
                    }
                }
            }
        })
    }

    /// The fleet as it is known now.
    pub fn snapshot(&mut self, fleet: &LiveFleet) -> FleetSnapshot {
        self.round = Some(Instant::now());
        self.shared.snapshot(fleet)
    }

    /// Takes from `plan` what must not be written yet, since somebody else wrote it and our facts may be older (law L9).
    /// With a step goes everything of its name, since the order of a name's steps is part of the plan (law L10). How many
    /// steps wait.
    pub fn hold_back(&self, fleet: &LiveFleet, plan: &mut Plan) -> usize {
        let state = self.shared.state();
        self.shared.monitor.unsettled(state.unsettled.len());
        let waits = |step: &Step| {
            step.is_write()
                && place_of(fleet, &step.cluster).is_some_and(|place| state.unsettled.has(&(place, step.key.clone())))
        };
        let names: Vec<Host> =
            plan.steps.iter().filter(|step| waits(step)).filter_map(|step| step.base.clone()).collect();
        let before = plan.steps.len();
        plan.steps.retain(|step| {
            let is_of_such_name = step.base.as_ref().is_some_and(|base| names.contains(base));
            !step.is_write() || !(waits(step) || is_of_such_name)
        });
        before - plan.steps.len()
    }

    /// Writes the steps of `plan`, which are known here before their watches tell of them.
    pub fn apply(&self, fleet: &LiveFleet, plan: &Plan, run: Run<'_>) -> ApplyReport {
        let wrote = |step: &Step, answer: Option<&Value>| {
            // Claims are heard of soon enough: nothing is planned from them but in rounds for the whole fleet.
            let Some(place) = place_of(fleet, &step.cluster).filter(|_| GENERATED.contains(&step.key.kind)) else {
                return;
            };
            let slim = answer.map(|object| {
                let text = object.to_string();
                let (kind, policy) = (step.key.kind, &self.shared.policy);
                Slim::read(kind, &text, "the answer to a write", &step.cluster, policy, &mut Interner::default())
            });
            self.shared.wrote(place, &step.key, slim);
        };
        fleet.runtime.block_on(super::apply::apply(fleet, plan, run, &wrote))
    }

    /// Goes on settling what others wrote. Whether something was settled.
    fn settle(&self) -> bool {
        let (ask, batch, is_settled) = self.shared.state().settle();
        for (place, number) in ask {
            let found = self.feeds.iter().find(|feed| (feed.place, feed.number) == (place, number));
            let feed = found.expect("a kind that is seen has a feed").clone();
            tokio::spawn(async move {
                let newest = feed.newest().await;
                if newest.is_none() {
                    sleep(REQUEST_TIMEOUT / 15).await;
                }
                feed.shared.state().unsettled.mark(batch, place, number, newest);
                feed.shared.bell.notify_one();
            });
        }
        is_settled
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn start(fleet: &LiveFleet, monitor: Arc<Monitor>, run: Run<'_>) -> Watch {
    let places = &fleet.places;
    let shared = Arc::new(Shared::new(fleet.policy.clone(), monitor, places.len()));
    let name = |place: &Place| place.name.to_string();
    let since = std::sync::Mutex::new(BTreeMap::new());
    let list = |feeds: Vec<Feed>| {
        let since = &since;
        async move {
            for some in feeds.chunks(KINDS_AT_ONCE) {
                let listed = futures::future::join_all(some.iter().map(Feed::list)).await;
                let numbered = some.iter().map(|feed| (feed.place, feed.number)).zip(listed);
                since.lock().expect("no holder panics").extend(numbered);
            }
        }
    };
    let of_phase = |feeds: &[Feed], generated: bool| -> Vec<Feed> {
        feeds.iter().filter(|feed| GENERATED.contains(&feed.kind) == generated).cloned().collect()
    };
    let connected = each(places, fleet.limits.parallel, "reading generated objects", run, name, |index| {
        let shared = &shared;
        async move {
            let connected = connect(fleet, index, shared).await?;
            let states = connected.feeds.iter().map(|feed| FeedState::new(feed.kind)).collect();
            {
                let cluster = &mut shared.state().clusters[index];
                (cluster.feeds, cluster.unserved) = (states, connected.unserved.clone());
            }
            list(of_phase(&connected.feeds, true)).await;
            Ok::<_, String>(connected)
        }
    });
    let connected: Vec<Result<Connected, String>> =
        connected.await.into_iter().map(|done| done.unwrap_or_else(|| Err(INTERRUPTED.to_owned()))).collect();
    // The barrier: no fact was read before all of that.
    each(places, fleet.limits.parallel, "reading", run, name, |index| {
        let feeds = connected[index].as_ref().map(|connected| of_phase(&connected.feeds, false));
        async { list(feeds.unwrap_or_default()).await }
    })
    .await;
    let since = since.into_inner().expect("no holder panics");
    shared.interners.forget();
    let mut tasks = vec![tokio::spawn(beat::missing(fleet, &shared))];
    let mut feeds = Vec::new();
    for (index, (place, connected)) in places.iter().zip(connected).enumerate() {
        match connected {
            Ok(connected) => {
                for feed in connected.feeds {
                    let since = since.get(&(feed.place, feed.number)).copied().flatten();
                    tasks.push(tokio::spawn(feed.clone().follow(since)));
                    feeds.push(feed);
                }
                if let Ok(contact) = &place.contact {
                    tasks.push(tokio::spawn(beat::beat(fleet, &shared, contact, connected.served)));
                }
            }
            Err(why) => shared.state().clusters[index].unread = Some(why),
        }
    }
    let now = Instant::now();
    {
        let mut state = shared.state();
        state.is_read = true;
        state.changed = Some((now, now - COALESCE));
    }
    Watch { shared, feeds, tasks, round: None }
}

async fn connect(fleet: &LiveFleet, index: usize, shared: &Arc<Shared>) -> Result<Connected, String> {
    let place = &fleet.places[index];
    let contact = place.contact.as_ref().map_err(Clone::clone)?;
    let alone = fleet.contacts.len() + fleet.unreached.len() == 1;
    let rest = contact.target.connect(&fleet.plugins, alone, fleet.limits.cluster_timeout, WATCH_SILENCE).await?;
    let served = Served::ask(&rest).await.map_err(|error| format!("what it serves cannot be read: {error}"))?;
    let mut unserved_kinds = Part::default();
    let mut wanted = Vec::new();
    let read = Kind::ALL
        .into_iter()
        .filter(|kind| !UNREAD.contains(kind) && *kind != Kind::ConfigMap && !kind.is_for_traffic_only());
    for kind in read {
        match served.path(kind) {
            Some(base) => wanted.push((kind, format!("{base}/{}", kind.plural()), "")),
            None => {
                if let Some(why) = unserved(contact, kind) {
                    unserved_kinds.absorb(Part::unseen(&place.name, kind, why));
                }
            }
        }
    }
    let sync_namespace = fleet.policy.sync_namespace.as_str();
    for namespace in BTreeSet::from([sync_namespace, ADMIRAL_SYNC]) {
        let path = format!("/api/v1/namespaces/{namespace}/configmaps");
        wanted.push((Kind::ConfigMap, path, ADDRESSES_ONLY));
    }
    let feeds = wanted.into_iter().enumerate().map(|(number, (kind, path, selector))| Feed {
        shared: Arc::clone(shared),
        rest: rest.clone(),
        cluster: place.name.clone(),
        place: index,
        number,
        kind,
        path,
        selector,
        list_timeout: fleet.limits.cluster_timeout,
    });
    Ok(Connected { feeds: feeds.collect(), unserved: unserved_kinds, served })
}
