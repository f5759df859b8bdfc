//! L9: two runs at once, over a store that checks versions.

use std::collections::BTreeMap;

use mesh_model::fleet::FleetSnapshot;
use mesh_model::name::ClusterName;
use mesh_model::owned::ObjectKey;

use super::{Given, Law, Planner, Violation, name};
use crate::apply_model::{Objects, Outcome, Store};
use crate::plan::{Plan, Step};

/// In which order a run reads (product contract §3: two phases with a barrier).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// Generated objects with their versions, then everything else: the one that is right.
    ObjectsFirst,
    /// The other way round: for showing that the law sees it.
    FactsFirst,
}

/// Where two runs are cut: the one that starts does `first` actions, then the fleet changes, then the other does `second`,
/// then the fleet changes again, then both finish, the one that started first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interleaving {
    /// Actions of the run that starts: two reads, then one a write.
    pub first: usize,
    /// Actions of the other.
    pub second: usize,
}

/// Every way to cut two runs of so many actions, at most about `budget` of them, evenly spread.
pub fn interleavings(first: usize, second: usize, budget: usize) -> impl Iterator<Item = Interleaving> {
    let all = (first + 1) * (second + 1);
    let stride = all.div_ceil(budget.max(1)).max(1);
    (0..all)
        .step_by(stride)
        .map(move |index| Interleaving { first: index / (second + 1), second: index % (second + 1) })
}

/// L9: of two interleaved runs, the one that read facts earlier never overwrites what the other wrote. `changes` are what
/// the fleet becomes, but for generated objects, at the two cuts. At most about `budget` interleavings are tried.
pub fn older_run_never_overwrites(
    planner: Planner,
    observation: Observation,
    given: Given<'_>,
    changes: [&FleetSnapshot; 2],
    budget: usize,
) -> Result<(), Violation> {
    let to_the_end = Interleaving { first: usize::MAX, second: usize::MAX };
    let (first, second) = interleave(planner, observation, given, changes, to_the_end)?;
    // The second run has more to do when it overtakes the first.
    for cut in interleavings(first, second.max(first), budget) {
        interleave(planner, observation, given, changes, cut)?;
    }
    Ok(())
}

/// Runs one interleaving; how many actions each run took.
fn interleave(
    planner: Planner,
    observation: Observation,
    given: Given<'_>,
    changes: [&FleetSnapshot; 2],
    cut: Interleaving,
) -> Result<(usize, usize), Violation> {
    let mut world = World { store: Store::new(given.fleet), clock: 0, last_writers: BTreeMap::new(), given, planner };
    let [mut one, mut two] = [Run::new(0, observation), Run::new(1, observation)];
    let within = |violation: Violation| Violation { what: format!("{cut:?}: {}", violation.what), ..violation };
    world.proceed(&mut one, cut.first).map_err(within)?;
    world.store.change(changes[0]);
    world.proceed(&mut two, cut.second).map_err(within)?;
    world.store.change(changes[1]);
    world.proceed(&mut one, usize::MAX).map_err(within)?;
    world.proceed(&mut two, usize::MAX).map_err(within)?;
    Ok((one.actions, two.actions))
}

struct World<'a> {
    store: Store,
    clock: u64,
    /// Which run wrote an object last, and when that run had read its facts.
    last_writers: BTreeMap<(ClusterName, ObjectKey), (usize, u64)>,
    given: Given<'a>,
    planner: Planner,
}

struct Run {
    id: usize,
    observation: Observation,
    actions: usize,
    objects: Option<Objects>,
    facts: Option<FleetSnapshot>,
    /// When the facts were read.
    read_at: u64,
    plan: Option<Plan>,
    next_step: usize,
}

impl Run {
    fn new(id: usize, observation: Observation) -> Self {
        Self { id, observation, actions: 0, objects: None, facts: None, read_at: 0, plan: None, next_step: 0 }
    }
}

impl World<'_> {
    fn proceed(&mut self, run: &mut Run, actions: usize) -> Result<(), Violation> {
        for _ in 0..actions {
            if !self.act(run)? {
                break;
            }
            run.actions += 1;
        }
        Ok(())
    }

    /// One action; false when the run is over.
    fn act(&mut self, run: &mut Run) -> Result<bool, Violation> {
        self.clock += 1;
        if let Some(plan) = &run.plan {
            let Some(step) = plan.steps.iter().filter(|step| step.is_write()).nth(run.next_step) else {
                return Ok(false);
            };
            run.next_step += 1;
            self.write(run.id, run.read_at, step)?;
            return Ok(true);
        }
        let reads_objects = match run.observation {
            Observation::ObjectsFirst => run.objects.is_none(),
            Observation::FactsFirst => run.facts.is_some(),
        };
        if reads_objects {
            run.objects = Some(self.store.read_objects());
        } else {
            run.facts = Some(self.store.read_facts());
            run.read_at = self.clock;
        }
        if let (Some(objects), Some(facts)) = (&run.objects, &run.facts) {
            let seen = objects.join(facts);
            run.plan = Some(self.planner.all(&seen, self.given.policy, self.given.now));
        }
        Ok(true)
    }

    fn write(&mut self, run: usize, read_at: u64, step: &Step) -> Result<(), Violation> {
        if self.store.write(step) == Outcome::Moved {
            return Ok(());
        }
        let place = (step.cluster.clone(), step.key.clone());
        match self.last_writers.insert(place, (run, read_at)) {
            Some((other, later)) if other != run && later > read_at => {
                Err(Violation::new(Law::L9, format!("the older run overwrote the newer: {}", name(step))))
            }
            _ => Ok(()),
        }
    }
}
