//! L3: the order of the input does not matter, and the output is sorted.

use std::sync::Arc;

use mesh_model::finding::Finding;
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::policy::MeshPolicy;

use super::{Given, Law, Planner, Violation, name};
use crate::plan::{Action, Step};

/// L3: the plan of a fleet whose lists were shuffled by `seed` is the same, and sorted.
pub fn input_order_does_not_matter(planner: Planner, given: Given<'_>, seed: u64) -> Result<(), Violation> {
    let plan = planner.all(given.fleet, given.policy, given.now);
    if let Some((one, next)) = plan.steps.iter().zip(plan.steps.iter().skip(1)).find(|(a, b)| rank(a) > rank(b)) {
        return Err(Violation::new(Law::L3, format!("not sorted: {}, then {}", name(one), name(next))));
    }
    if !plan.findings.is_sorted() {
        return Err(Violation::new(Law::L3, "findings are not sorted"));
    }
    let (fleet, policy) = shuffled(given.fleet, given.policy, seed);
    let other = planner.all(&fleet, &policy, given.now);
    if let Some(difference) = difference(&plan.steps, &other.steps) {
        return Err(Violation::new(Law::L3, format!("shuffled by {seed}: {difference}")));
    }
    if plan.findings != other.findings {
        let only = |a: &[Finding], b: &[Finding]| a.iter().find(|finding| !b.contains(finding)).cloned();
        let (before, after) = (only(&plan.findings, &other.findings), only(&other.findings, &plan.findings));
        return Err(Violation::new(Law::L3, format!("shuffled by {seed}: findings: {before:?} became {after:?}")));
    }
    Ok(())
}

/// The fleet and policy with every list whose order means nothing shuffled.
pub fn shuffled(fleet: &FleetSnapshot, policy: &MeshPolicy, seed: u64) -> (FleetSnapshot, MeshPolicy) {
    let (mut fleet, mut policy) = (fleet.clone(), policy.clone());
    let mut dice = Dice(seed | 1);
    dice.shuffle(&mut policy.fleet.members);
    dice.shuffle(&mut policy.exclude);
    dice.shuffle(&mut fleet.strangers);
    dice.shuffle(&mut fleet.findings);
    for view in fleet.members.values_mut() {
        if let ClusterView::Seen(facts) | ClusterView::Retired(Some(facts)) = view {
            let facts = Arc::make_mut(facts);
            dice.shuffle(&mut facts.workloads);
            facts.services.values_mut().for_each(|services| dice.shuffle(services));
            dice.shuffle(&mut facts.dependencies);
            facts.dependencies.iter_mut().for_each(|dependency| dice.shuffle(&mut dependency.destinations));
            dice.shuffle(&mut facts.traffic_policies);
            dice.shuffle(&mut facts.outlier_detections);
            dice.shuffle(&mut facts.connection_configs);
            dice.shuffle(&mut facts.foreign);
        }
    }
    (fleet, policy)
}

/// The first difference of two lists of steps.
pub(super) fn difference(before: &[Step], after: &[Step]) -> Option<String> {
    for index in 0..before.len().max(after.len()) {
        match (before.get(index), after.get(index)) {
            (Some(a), Some(b)) if is_same(a, b) => {}
            (Some(a), Some(b)) if name(a) == name(b) => {
                return Some(format!("{}: {a:?} became {b:?}", name(a)));
            }
            (a, b) => {
                let told = |step: Option<&Step>| step.map_or_else(|| "nothing".to_owned(), name);
                return Some(format!("step {index}: {} became {}", told(a), told(b)));
            }
        }
    }
    None
}

/// Whether two steps are the same in everything.
pub(super) fn is_same(a: &Step, b: &Step) -> bool {
    let same_action = match (&a.action, &b.action) {
        (Action::Create { body: a }, Action::Create { body: b }) => a == b,
        (Action::Update { base: a, body: c }, Action::Update { base: b, body: d }) => a == b && c == d,
        (Action::Delete { base: a }, Action::Delete { base: b }) => a == b,
        (Action::Hold { instead_of: a }, Action::Hold { instead_of: b }) => a == b,
        _ => false,
    };
    same_action
        && (&a.cluster, &a.key, &a.host, &a.base, &a.identity, a.role, a.class)
            == (&b.cluster, &b.key, &b.host, &b.base, &b.identity, b.role, b.class)
        && a.because == b.because
}

fn rank(step: &Step) -> impl Ord {
    (step.host.clone(), step.cluster.clone(), step.key.kind)
}

/// Randomness as an argument: xorshift64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for index in (1..list.len()).rev() {
            list.swap(index, self.below(index + 1));
        }
    }
}
