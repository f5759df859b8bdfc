//! In which turns the steps of one name are written (product contract §4; law L10).
//!
//! New sources of one host in whose clusters callers run cannot all be written at once and whole: each would lead to the
//! others before they route it. So all but one are written with their own endpoints first, then the one that is left, whole;
//! then the others are completed. That is one write more for each of them but one, the least that there is: whichever is
//! written before another cannot lead to it yet. Where no caller runs, or where the entries do not lead to each other,
//! nothing is written twice.

use std::collections::{BTreeMap, BTreeSet};

use mesh_model::name::ClusterName;
use mesh_model::owned::ObjectKey;
use mesh_plan::plan::{Action, Step};
use mesh_plan::writing::{Phase, phase};

use crate::gate::{is_heard, peers, will_route};

/// How many turns there are.
const TURNS: usize = 5;
/// The turn after which every source that could be written routes its hosts.
pub(crate) const ALL_ROUTE: usize = 1;

/// The steps of one name in turns; those of a turn are written side by side. [`Phase::Rest`] has none.
pub(crate) fn turns<'p>(steps: &[(usize, &'p Step)]) -> [Vec<(usize, &'p Step)>; TURNS] {
    let whole = written_whole(steps);
    let mut turns: [Vec<_>; TURNS] = Default::default();
    for &(number, step) in steps {
        let turn = match phase(step) {
            Phase::Sources if whole.contains(&number) => ALL_ROUTE,
            // New ones first: those that serve the name already hear of them in what they hold.
            Phase::Sources if will_route(step) || matches!(step.action, Action::Create { .. }) => 0,
            Phase::Sources => 2,
            Phase::ClientAdditions => 3,
            Phase::ClientRemovals => 4,
            Phase::Rest => continue,
        };
        turns[turn].push((number, step));
    }
    turns
}

/// The new sources that wait until those that they lead to route their host, and are written once.
fn written_whole(steps: &[(usize, &Step)]) -> BTreeSet<usize> {
    let mut hosts: BTreeMap<&ObjectKey, Vec<(usize, &Step)>> = BTreeMap::new();
    for &(number, step) in steps.iter().filter(|(_, step)| will_route(step)) {
        hosts.entry(&step.key).or_default().push((number, step));
    }
    let mut whole = BTreeSet::new();
    for sources in hosts.values().filter(|sources| sources.len() > 1) {
        let new: BTreeSet<&ClusterName> = sources.iter().map(|(_, step)| &step.cluster).collect();
        let mut chosen: Vec<(&ClusterName, BTreeSet<&ClusterName>)> = Vec::new();
        for (number, step) in sources.iter().rev().filter(|(_, step)| is_heard(step)) {
            let peers = peers(step, &new);
            let is_free =
                chosen.iter().all(|(other, theirs)| !peers.contains(other) && !theirs.contains(&step.cluster));
            if !peers.is_empty() && is_free {
                chosen.push((&step.cluster, peers));
                whole.insert(*number);
            }
        }
    }
    whole
}

#[cfg(test)]
mod tests;
