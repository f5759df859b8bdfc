//! What can happen to a fleet.

use std::collections::BTreeMap;
use std::sync::Mutex;

use stateright::{Model, Property};

use super::properties;
use super::rules::Rules;
use super::shared::Shared;
use super::state::{Handover, Node, OWNERS, Records, State, UIDS, What, Write, members, writes};
use crate::claim::arb::{place, time, wish};
use crate::claim::{By, Claim, MemberClaims, Phase, Place};

/// A fleet under some rules.
pub(super) struct Fleet {
    rules: Rules,
    size: Size,
    /// What syncs decide, by the fingerprints of what they read: many states differ in something else.
    decided: Memo<Vec<Shared<Write>>>,
    /// What clusters come to once they meet.
    met: Memo<Option<Vec<Shared<Records>>>>,
}

/// Answers of a pure function by the fingerprints of its arguments.
type Memo<T> = Mutex<BTreeMap<Vec<Option<u64>>, T>>;

/// What bounds a fleet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) nodes: usize,
    /// Most claims, releases and transfers that are decided.
    pub(super) decisions: u8,
    /// Most writes under way.
    pub(super) flight: usize,
    /// Most restores from a backup.
    pub(super) restores: u8,
    /// Whether a sync may have read one member some time before the others.
    pub(super) reads_apart: bool,
}

/// One thing that happens. Nodes are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// A workload is admitted and has live endpoints; nobody holds the name here, so that it is claimed.
    Deploy { node: usize, owner: usize },
    /// Whoever holds the name, as this cluster knows it, gives it up.
    Release { node: usize },
    /// Or hands it to the other owner.
    Transfer { node: usize },
    /// A sync reads one member.
    Read { node: usize },
    /// A sync reads members, but for one that it may have read before, and decides what to write to them.
    Sync { seen: Vec<usize> },
    /// A write under way gets there; if it is out of date, it changes nothing.
    Land { write: usize },
    /// Or is lost.
    Lose { write: usize },
    /// A backup is made of a cluster, while nothing is under way.
    BackUp { node: usize },
    /// The cluster is what it was in the backup.
    Restore,
}

/// Seconds by which clocks are off, more than passes between all decisions: a later claim may look earlier.
const SKEW: [i64; 3] = [0, -100, 100];
/// When syncs confirm.
const CONFIRMED: i64 = 5_000;

impl Model for Fleet {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let empty = Node { records: Shared::new(Records::default()), live: [false; 2], knew: vec![], confirmed: 0 };
        vec![State {
            nodes: vec![empty; self.size.nodes],
            flight: vec![],
            read: None,
            backup: None,
            decisions: 0,
            restores: 0,
            handovers: vec![],
            was_cut_off: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        // Owners are alike, so that the first one may be the first to do anything.
        let owners = if state.decisions == 0 { 1 } else { OWNERS.len() };
        for node in 0..self.size.nodes {
            actions.extend((0..owners).map(|owner| Action::Deploy { node, owner }));
            actions.extend([Action::Release { node }, Action::Transfer { node }]);
            // Both only look. That they do so while nothing is under way leaves fewer states, of which few are of interest.
            if !state.flight.is_empty() {
                continue;
            }
            if self.size.restores > state.restores && state.backup.is_none() {
                actions.push(Action::BackUp { node });
            }
            if self.size.reads_apart && state.read.is_none() {
                actions.push(Action::Read { node });
            }
        }
        let some = |mask: usize| (0..self.size.nodes).filter(|node| mask >> node & 1 == 1).collect();
        actions.extend((1..1 << self.size.nodes).map(|mask| Action::Sync { seen: some(mask) }));
        for write in 0..state.flight.len() {
            actions.extend([Action::Land { write }, Action::Lose { write }]);
        }
        if state.backup.is_some() && state.restores < self.size.restores {
            actions.push(Action::Restore);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Deploy { node, owner } => {
                let view = last.nodes[node].records.view.as_ref();
                let is_admitted = view.is_none_or(|claim| claim.admits(OWNERS[owner]));
                let claim = (self.rules.claim)(view, &wish(OWNERS[owner]), &self.place(last, node)?);
                decide(&mut state, node, Some(claim.filter(|_| is_admitted)?), None);
                state.nodes[node].live[owner] = true;
            }
            Action::Release { node } => {
                let held = last.nodes[node].records.view.as_ref()?;
                let claim = (self.rules.release)(held, By::Owner(&held.owner), &self.place(last, node)?).ok()?;
                decide(&mut state, node, claim, Some(held.clone()));
            }
            Action::Transfer { node } => {
                let held = last.nodes[node].records.view.as_ref()?;
                let to = OWNERS.into_iter().find(|owner| **owner != *held.owner).expect("there are two").into();
                let by = By::Owner(&held.owner);
                let claim = (self.rules.transfer)(held, &to, by, &self.place(last, node)?).ok()?;
                decide(&mut state, node, Some(claim), Some(held.clone()));
            }
            Action::Read { node } => state.read = Some((node, last.nodes[node].records.clone())),
            Action::Sync { seen } => {
                let mut read: Vec<_> = last.nodes.iter().map(|node| Some(node.records.clone())).collect();
                if let Some((node, earlier)) = state.read.take() {
                    read[node] = Some(earlier);
                }
                for (node, records) in read.iter_mut().enumerate() {
                    if !seen.contains(&node) {
                        *records = None;
                    }
                }
                state.flight.extend(self.sync(&read));
            }
            Action::Land { write } => self.land(&mut state, write),
            Action::Lose { write } => drop(state.flight.remove(write)),
            Action::BackUp { node } => state.backup = Some((node, last.nodes[node].clone())),
            Action::Restore => {
                let (node, was) = state.backup.take()?;
                state.nodes[node] = was;
                state.restores += 1;
            }
        }
        state.flight.sort();
        state.flight.dedup();
        (state.flight.len() <= self.size.flight).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl Fleet {
    pub(super) fn new(rules: Rules, size: Size) -> Self {
        Self { rules, size, decided: Memo::default(), met: Memo::default() }
    }

    /// The claim that counts of some records.
    pub(super) fn view<'a>(&self, records: impl IntoIterator<Item = &'a Claim>) -> Option<&'a Claim> {
        records.into_iter().reduce(self.rules.merge)
    }

    /// What a sync decides that has read these members.
    pub(super) fn sync(&self, read: &[Option<Shared<Records>>]) -> Vec<Shared<Write>> {
        remembered(&self.decided, read, || writes((self.rules.sync)(&members(read), time(CONFIRMED))))
    }

    /// What the clusters have once all are reached, everything is synced and nothing is under way; none if that has no
    /// end. One sync carries, the next confirms what was carried, and the third finds nothing to do.
    pub(super) fn meet(&self, nodes: &[Node]) -> Option<Vec<Shared<Records>>> {
        let mut records: Vec<_> = nodes.iter().map(|node| Some(node.records.clone())).collect();
        remembered(&self.met, &records.clone(), || {
            for _ in 0..3 {
                let writes = self.sync(&records);
                if writes.is_empty() {
                    return records.into_iter().collect();
                }
                for write in writes {
                    records[write.node] = records[write.node].as_ref().map(|records| self.put(records, &write.what));
                }
            }
            None
        })
    }

    /// Where and when a record is made; none once enough were.
    fn place(&self, state: &State, node: usize) -> Option<Place> {
        let now = 1_000 + 10 * i64::from(state.decisions) + SKEW[node];
        (state.decisions < self.size.decisions).then(|| place(UIDS[node], now))
    }

    fn put(&self, records: &Records, what: &What) -> Shared<Records> {
        let mut claims: MemberClaims = records.claims.clone();
        what.put(&mut claims);
        Records::new(claims, self.rules.merge)
    }

    fn land(&self, state: &mut State, write: usize) {
        let write = state.flight.remove(write);
        let node = &mut state.nodes[write.node];
        if !(self.rules.may_land)(&write.what, &node.records.claims) {
            return;
        }
        if let (Some(left), What::Own { claim, .. }) = (&write.leaves, &write.what) {
            node.knew.push(state.handovers.len());
            state.handovers.push(Shared::new(Handover { left: left.clone(), by: claim.clone() }));
        }
        node.records = self.put(&node.records, &write.what);
        for (number, handover) in state.handovers.iter().enumerate() {
            if !node.knew.contains(&number) && handover.by.as_ref().is_some_and(|by| node.records.has(by)) {
                node.knew.push(number);
            }
        }
        node.knew.sort_unstable();
        let Some(view) = &node.records.view else { return };
        if view.phase == Phase::Bound && view.confirmed_at.is_some() {
            node.confirmed = node.confirmed.max(view.epoch);
        }
        for (live, owner) in node.live.iter_mut().zip(OWNERS) {
            if *live && !(self.rules.stays)(view, owner) {
                *live = false;
                state.was_cut_off = true;
            }
        }
    }
}

/// A record is to be made in a cluster.
fn decide(state: &mut State, node: usize, claim: Option<Claim>, leaves: Option<Claim>) {
    let replaces = state.nodes[node].records.own().map(|own| own.stored.version.clone());
    state.flight.push(Shared::new(Write { node, what: What::Own { replaces, claim }, leaves }));
    state.decisions += 1;
}

fn remembered<T: Clone>(memo: &Memo<T>, read: &[Option<Shared<Records>>], answer: impl FnOnce() -> T) -> T {
    let key: Vec<_> = read.iter().map(|records| records.as_ref().map(Shared::fingerprint)).collect();
    let known = memo.lock().expect("nobody panics with it").get(&key).cloned();
    known.unwrap_or_else(|| {
        let answer = answer();
        memo.lock().expect("nobody panics with it").insert(key, answer.clone());
        answer
    })
}
