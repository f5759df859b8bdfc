//! The guarantee, as properties of states, and what has to be reachable for them to say anything.

use stateright::Property;

use super::fleet::Fleet;
use super::state::{Handover, Node, OWNERS, Records, State};
use crate::claim::{Claim, Phase};

pub(super) const ONE_IN_EACH_VIEW: &str = "one owner in each cluster's view";
pub(super) const ONE_ONCE_VIEWS_MEET: &str = "one owner in the fleet once views meet";
pub(super) const STAYS_GIVEN_UP: &str = "what was given up does not come back";
pub(super) const STAYS_CONFIRMED: &str = "a confirmed claim is not lost to an unconfirmed one of its epoch";
pub(super) const ONE_CONFIRMED: &str = "two owners are not confirmed in one epoch without a restore";
pub(super) const TRAFFIC_STAYS: &str = "a conflict takes no traffic away";

pub(super) fn all() -> Vec<Property<Fleet>> {
    vec![
        Property::always(ONE_IN_EACH_VIEW, each_view_has_one_owner),
        Property::always(ONE_ONCE_VIEWS_MEET, views_that_meet_are_one),
        Property::always(STAYS_GIVEN_UP, what_was_given_up_stays_so),
        Property::always(STAYS_CONFIRMED, what_was_confirmed_stays_so),
        Property::always(ONE_CONFIRMED, one_owner_is_confirmed),
        Property::always(TRAFFIC_STAYS, |_, state: &State| !state.was_cut_off),
        Property::sometimes("two owners claim a name at once", is_conflict),
        Property::sometimes("who lost serves on beside the winner", loser_serves),
        Property::sometimes("a confirmed claim wins over an earlier one", confirmation_decides),
        Property::sometimes("every cluster knows of a transfer", transfer_is_known),
        Property::sometimes("a released name is claimed again", is_claimed_again),
        Property::sometimes("a restored cluster takes for held what another knows is not", forgot_a_handover),
        Property::sometimes("a write is out of date before it gets there", has_late_write),
        Property::sometimes("everything is settled after a handover", is_settled_after_handover),
    ]
}

/// Whether the order in which a cluster's records are read does not matter.
fn each_view_has_one_owner(fleet: &Fleet, state: &State) -> bool {
    state.nodes.iter().all(|node| fleet.view(node.records.all().into_iter().rev()) == node.records.view.as_ref())
}

fn views_that_meet_are_one(fleet: &Fleet, state: &State) -> bool {
    fleet.meet(&state.nodes).is_some_and(|met| met.iter().all(|records| records.view == met[0].view))
}

/// Whether no cluster that has known of a release or transfer takes the old claim for the one that counts, and none at all
/// does once views have met.
fn what_was_given_up_stays_so(fleet: &Fleet, state: &State) -> bool {
    let is_back = |records: &Records, number: &usize| {
        records.view.as_ref().is_some_and(|view| view.is_same_grant(&state.handovers[*number].left))
    };
    let mut known = state.nodes.iter().flat_map(|node| &node.knew).peekable();
    if known.peek().is_none() {
        return true;
    }
    let met = fleet.meet(&state.nodes).unwrap_or_default();
    state.nodes.iter().all(|node| !node.knew.iter().any(|number| is_back(&node.records, number)))
        && !known.any(|number| met.iter().any(|records| is_back(records, number)))
}

/// Whether no cluster in which a confirmed claim counted has an unconfirmed one of that epoch in its place, and none at all
/// does once views have met. A tombstone is no claim: a release wins over what is confirmed.
fn what_was_confirmed_stays_so(fleet: &Fleet, state: &State) -> bool {
    let is_unconfirmed = |claim: &Claim| claim.phase == Phase::Bound && claim.confirmed_at.is_none();
    let is_lost = |records: &Records, epoch: u64| {
        records.view.as_ref().is_some_and(|view| is_unconfirmed(view) && view.epoch <= epoch)
    };
    let highest = state.nodes.iter().map(|node| node.confirmed).max().unwrap_or_default();
    if highest == 0 {
        return true;
    }
    let met = fleet.meet(&state.nodes).unwrap_or_default();
    state.nodes.iter().all(|node| !is_lost(&node.records, node.confirmed))
        && !met.iter().any(|records| is_lost(records, highest))
}

/// A member that was restored may count for two rivals one after the other, so that this holds only without.
fn one_owner_is_confirmed(_: &Fleet, state: &State) -> bool {
    let records = || state.nodes.iter().flat_map(|node| node.records.all());
    let confirmed: Vec<_> = records().filter(|record| record.confirmed_at.is_some()).collect();
    let are_rivals = |a: &Claim, b: &Claim| a.epoch == b.epoch && a.owner != b.owner;
    state.restores > 0 || !confirmed.iter().any(|a| confirmed.iter().any(|b| are_rivals(a, b)))
}

fn is_conflict(_: &Fleet, state: &State) -> bool {
    let own: Vec<_> = state.nodes.iter().filter_map(|node| node.records.own()).map(|own| &own.claim).collect();
    let are_rivals = |a: &Claim, b: &Claim| {
        a.epoch == b.epoch && a.owner != b.owner && a.phase == Phase::Bound && a.phase == b.phase
    };
    own.iter().any(|a| own.iter().any(|b| are_rivals(a, b)))
}

fn loser_serves(_: &Fleet, state: &State) -> bool {
    let is_admitted = |node: &Node, owner| node.records.view.as_ref().is_none_or(|view| view.admits(owner));
    let lost = |node: &Node| node.live.into_iter().zip(OWNERS).any(|(live, owner)| live && !is_admitted(node, owner));
    state.nodes.iter().any(lost)
}

fn confirmation_decides(_: &Fleet, state: &State) -> bool {
    let is_earlier = |record: &Claim, view: &Claim| {
        let is_rival = record.epoch == view.epoch && record.owner != view.owner && record.phase == view.phase;
        is_rival && record.claimed_at < view.claimed_at
    };
    let decides = |node: &Node| {
        let view = node.records.view.as_ref();
        view.is_some_and(|view| node.records.all().iter().any(|record| is_earlier(record, view)))
    };
    state.nodes.iter().any(decides)
}

fn transfer_is_known(_: &Fleet, state: &State) -> bool {
    state.handovers.iter().enumerate().any(|(number, handover)| {
        is_record(handover, Phase::Bound) && state.nodes.iter().all(|node| node.knew.contains(&number))
    })
}

fn is_claimed_again(_: &Fleet, state: &State) -> bool {
    let is_after = |view: &Claim| {
        let released = state.handovers.iter().filter(|handover| is_record(handover, Phase::Released));
        view.phase == Phase::Bound && released.into_iter().any(|handover| handover.left.epoch + 1 < view.epoch)
    };
    state.nodes.iter().filter_map(|node| node.records.view.as_ref()).any(is_after)
}

fn forgot_a_handover(_: &Fleet, state: &State) -> bool {
    let is_forgotten = |number: usize, handover: &Handover| {
        let is_held = |node: &Node| node.records.view.as_ref().is_some_and(|view| view.is_same_grant(&handover.left));
        let knows = |node: &Node| node.knew.contains(&number);
        state.nodes.iter().any(knows) && state.nodes.iter().any(|node| !knows(node) && is_held(node))
    };
    state.restores > 0 && state.handovers.iter().enumerate().any(|(number, handover)| is_forgotten(number, handover))
}

fn has_late_write(_: &Fleet, state: &State) -> bool {
    state.flight.iter().any(|write| !write.what.is_up_to_date(&state.nodes[write.node].records.claims))
}

fn is_settled_after_handover(fleet: &Fleet, state: &State) -> bool {
    let all: Vec<_> = state.nodes.iter().map(|node| Some(node.records.clone())).collect();
    !state.handovers.is_empty() && state.flight.is_empty() && fleet.sync(&all).is_empty()
}

fn is_record(handover: &Handover, phase: Phase) -> bool {
    handover.by.as_ref().is_some_and(|by| by.phase == phase)
}
