//! Law L9 for a run that watches: of two runs, the one whose facts are older never overwrites the other.
//!
//! A run that reads once reads what is generated before all facts, so that its facts are at least as new as the versions
//! that its writes name. Watches come in any order: one may tell of an object that another run wrote from facts that ours
//! do not have yet, and a write at that version would put older facts over newer ones. So every version that is not of
//! our own making is *unsettled* until our facts are known to be newer than our sight of it, and nothing of its name is
//! written meanwhile. Our own versions need no such wait: we wrote them from facts that were ours then, facts of ours
//! only grow newer, and the version itself proves that nobody wrote in between. Nor does what was there at the
//! first reading, which has the order of any other run. An object that somebody deleted is unsettled in the same way:
//! whoever creates it anew must know why it went.
//!
//! To settle, each kind of each seen cluster is asked for one object, which is a consistent read, after the sight: the
//! version of that list is newer than whatever the other run knew when it wrote. Once each watch has told up to that
//! version, by an event or a bookmark, our facts are as new. That costs one small read a kind and cluster for a batch of
//! versions, one batch at a time, and takes as long as the slowest bookmark: up to [`WATCH_LASTS`]. It costs nothing
//! while nobody else writes, and where two runs watch, the one that does not wait is the one that wrote last.
//!
//! [`WATCH_LASTS`]: crate::limits::WATCH_LASTS

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_model::kind::Kind;

use super::super::observe::GENERATED;
use super::state::{At, State};

/// Versions of generated objects that are not of our making, and may be newer than our facts.
#[derive(Default)]
pub(super) struct Unsettled {
    /// What was seen: the version, none when the object is gone; and when, in our own count.
    seen: BTreeMap<At, (u64, Option<Arc<str>>)>,
    /// What we wrote and no watch has told yet.
    ours: BTreeMap<At, Option<Arc<str>>>,
    clock: u64,
    batch: Option<Batch>,
}

/// Sights that are being settled.
struct Batch {
    /// Sights up to this count.
    upto: u64,
    /// Newest versions, by place and feed.
    marks: BTreeMap<(usize, usize), Mark>,
}

enum Mark {
    Asked,
    At(u64),
}

impl Unsettled {
    /// A watch or a list told of this version.
    pub(super) fn note(&mut self, at: At, version: Option<Arc<str>>) {
        if self.ours.get(&at) == Some(&version) {
            self.ours.remove(&at);
            return;
        }
        self.clock += 1;
        self.seen.insert(at, (self.clock, version));
    }

    /// We wrote this version.
    pub(super) fn note_ours(&mut self, at: At, version: Option<Arc<str>>) {
        if self.seen.get(&at).is_some_and(|(_, seen)| *seen == version) {
            self.seen.remove(&at);
        } else {
            self.ours.insert(at, version);
        }
    }

    /// Whether a watch has yet to tell of a write of ours.
    pub(super) fn awaits(&self, at: &At) -> bool {
        self.ours.contains_key(at)
    }

    /// A list tells of no deletion: what we deleted is not waited for any longer.
    pub(super) fn relisted(&mut self, place: usize, kind: Kind) {
        self.ours.retain(|(there, key), version| *there != place || key.kind != kind || version.is_some());
    }

    /// Whether the object must not be written yet.
    pub(super) fn has(&self, at: &At) -> bool {
        self.seen.contains_key(at)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// The newest version of a kind, asked for after the batch began. None: there was no answer.
    pub(super) fn mark(&mut self, batch: u64, place: usize, feed: usize, version: Option<u64>) {
        let Some(current) = self.batch.as_mut().filter(|current| current.upto == batch) else { return };
        match version {
            Some(version) => drop(current.marks.insert((place, feed), Mark::At(version))),
            None => drop(current.marks.remove(&(place, feed))),
        }
    }
}

impl State {
    /// Goes on settling. The kinds that are to be asked for their newest version, by place and feed, and the batch that
    /// they are for; whether something was settled.
    pub(super) fn settle(&mut self) -> (Vec<(usize, usize)>, u64, bool) {
        let unsettled = &mut self.unsettled;
        if unsettled.seen.is_empty() && unsettled.batch.is_none() {
            return (Vec::new(), 0, false);
        }
        let upto = unsettled.clock;
        let batch = unsettled.batch.get_or_insert_with(|| Batch { upto, marks: BTreeMap::new() });
        let upto = batch.upto;
        let mut ask = Vec::new();
        let mut is_settled = true;
        for (place, cluster) in self.clusters.iter().enumerate() {
            let facts = cluster.feeds.iter().enumerate().filter(|(_, feed)| !GENERATED.contains(&feed.kind));
            // What is unseen is listed before it is seen again, but perhaps since before the batch: it is asked then.
            for (number, feed) in facts.filter(|(_, feed)| feed.is_seen()) {
                match batch.marks.get(&(place, number)) {
                    Some(Mark::At(version)) => is_settled &= feed.told >= *version,
                    Some(Mark::Asked) => is_settled = false,
                    None => {
                        is_settled = false;
                        batch.marks.insert((place, number), Mark::Asked);
                        ask.push((place, number));
                    }
                }
            }
        }
        if is_settled {
            unsettled.seen.retain(|_, (count, _)| *count > upto);
            unsettled.batch = None;
        }
        (ask, upto, is_settled)
    }
}

#[cfg(test)]
mod tests {
    use mesh_model::name::Namespace;
    use mesh_model::owned::ObjectKey;

    use super::super::state::{ClusterState, FeedState};
    use super::*;

    fn at() -> At {
        let namespace = Namespace::parse("mesh-sync").unwrap();
        (0, ObjectKey { kind: Kind::ServiceEntry, namespace, name: "a-se".into() })
    }

    #[test]
    fn what_we_wrote_is_settled_whichever_comes_first() {
        let mut unsettled = Unsettled::default();
        unsettled.note_ours(at(), Some("5".into()));
        unsettled.note(at(), Some("5".into()));
        assert!(!unsettled.has(&at()));
        unsettled.note(at(), Some("6".into()));
        assert!(unsettled.has(&at()));
        unsettled.note_ours(at(), Some("6".into()));
        assert!(!unsettled.has(&at()));
        unsettled.note(at(), None);
        assert!(unsettled.has(&at()), "somebody deleted it");
    }

    #[test]
    fn a_version_of_somebody_else_waits_until_every_watch_has_told_what_was_newest_after_it() {
        let mut state = State { clusters: vec![ClusterState::default()], ..State::default() };
        state.clusters[0].feeds = vec![FeedState::seen(Kind::ServiceEntry, 9), FeedState::seen(Kind::Service, 3)];
        state.unsettled.note(at(), Some("9".into()));
        let (ask, batch, settled) = state.settle();
        assert_eq!((ask, settled), (vec![(0, 1)], false));
        state.unsettled.mark(batch, 0, 1, Some(8));
        assert!(!state.settle().2, "the watch of Services has told up to 3");
        state.clusters[0].feeds[1].told = 8;
        // What is seen while others settle waits for the next batch.
        state.unsettled.note((1, at().1), Some("7".into()));
        assert!(state.settle().2);
        assert!(!state.unsettled.has(&at()) && state.unsettled.has(&(1, at().1)));
        let (ask, batch, _) = state.settle();
        assert_eq!(ask, [(0, 1)], "which asks anew");
        state.unsettled.mark(batch, 0, 1, None);
        assert_eq!(state.settle().0, [(0, 1)], "and again where no answer came");
    }
}
