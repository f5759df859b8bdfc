//! The guarantee of claims, looked for in every state that a small fleet can get into (docs/claims.md).
//!
//! A `stateright` model drives the functions that the product calls: workloads of two owners are deployed, names are
//! released and transferred, syncs read some members, and all that was decided is written later, in any order, or never; a
//! cluster is restored from a backup, and no two clocks agree. That the functions have to be as they are is shown by
//! breaking one at a time: some property does not hold any more.

use std::collections::BTreeSet;

use stateright::{Checker, Expectation, HasDiscoveries, Model, Path, Property};

use fleet::{Fleet, Size};
use rules::{Broken, REAL};

mod fleet;
mod properties;
mod rules;
mod shared;
mod state;

/// Two clusters in which much happens.
const TWO: Size = Size { nodes: 2, decisions: 3, flight: 2, restores: 0, reads_apart: false };
/// Two of which one is restored, with syncs that read the one long before the other.
const RESTORED: Size = Size { nodes: 2, decisions: 2, flight: 2, restores: 1, reads_apart: true };
/// Three, so that some can be seen and others not.
const THREE: Size = Size { nodes: 3, decisions: 2, flight: 2, restores: 0, reads_apart: false };

#[test]
fn the_guarantee_holds_in_every_state() {
    let mut unreached: BTreeSet<_> =
        properties::all().into_iter().filter(|property| !must_hold(property)).map(|property| property.name).collect();
    for size in [TWO, RESTORED, THREE] {
        let reached = hold_everywhere(size);
        unreached.retain(|name| !reached.contains(name));
    }
    assert!(unreached.is_empty(), "nothing says that this can happen: {unreached:?}");
}

#[test]
#[ignore = "takes minutes: for changes of merge, release, transfer or sync"]
fn the_guarantee_holds_in_every_state_of_larger_fleets() {
    for size in [Size { restores: 1, ..TWO }, Size { restores: 1, ..THREE }] {
        hold_everywhere(size);
    }
}

#[test]
fn each_broken_rule_breaks_the_property_that_needs_it() {
    for Broken { name, rules, property, size } in rules::broken() {
        let enough = HasDiscoveries::AllOf([property].into());
        let checker = Fleet::new(rules, size).checker().finish_when(enough).spawn_bfs().join();
        let path = checker.discovery(property).unwrap_or_else(|| panic!("{name}: {property:?} holds all the same"));
        show(&format!(
            "{name}: after {} states, not {property:?}: {:?}",
            checker.unique_state_count(),
            path.into_actions()
        ));
    }
}

/// Looks at every state, and answers what was found to be possible.
fn hold_everywhere(size: Size) -> BTreeSet<&'static str> {
    let checker = Fleet::new(REAL, size).checker().threads(2).spawn_bfs().join();
    show(&format!("{size:?}: {} states, {} steps", checker.unique_state_count(), checker.state_count()));
    let mut found = checker.discoveries();
    for property in properties::all().iter().filter(|property| must_hold(property)) {
        let path = found.remove(property.name).map(Path::into_actions);
        assert_eq!(path, None, "{:?} does not hold with {size:?}", property.name);
    }
    found.into_keys().collect()
}

fn must_hold(property: &Property<Fleet>) -> bool {
    property.expectation == Expectation::Always
}

/// Shown with `--nocapture`: the figures of docs/claims.md.
#[expect(clippy::print_stderr, reason = "a test has no other output")]
fn show(line: &str) {
    eprintln!("{line}");
}
