//! Writing a plan into clusters. Names side by side; of each name first where it is served, then what its clients gain,
//! then what they lose; last, for all names, what goes everywhere else (product contract §4).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::owned::ObjectKey;
use mesh_plan::manifest;
use mesh_plan::plan::{Action, Plan, Step};
use mesh_plan::writing::{Phase, in_order, name_of, phase};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::LiveFleet;
use super::crowd::each;
use super::rest::Rest;
use super::turns::{ALL_ROUTE, turns};
use super::write::{Written, complete, create, delete, update};
use crate::gate::{Gate, Leave, incomplete, is_heard, with};
use crate::limits::{WRITE_TIMEOUT, WRITES_AT_ONCE};
use crate::report::{ApplyReport, Outcome, StepResult};
use crate::run::Run;

/// Hears of each write as soon as it is done, with the object that came back; none when it was deleted.
pub(super) type Wrote<'a> = &'a (dyn Fn(&Step, Option<&Value>) + Sync);

pub(super) async fn apply(fleet: &LiveFleet, plan: &Plan, run: Run<'_>, wrote: Wrote<'_>) -> ApplyReport {
    let steps = in_order(plan);
    let writer = Writer::new(fleet, run, wrote, Gate::before(plan), steps.len());
    let numbered: Vec<(usize, &Step)> = steps.iter().copied().enumerate().collect();
    let names: Vec<&[(usize, &Step)]> = numbered.chunk_by(|(_, a), (_, b)| name_of(a) == name_of(b)).collect();
    let shown = |name: &&[(usize, &Step)]| name_of(name[0].1).to_owned();
    let parallel = fleet.limits.parallel;
    each(&names, parallel, "writing names", run, shown, |index| writer.name(names[index])).await;
    let rest: Vec<(usize, &Step)> = numbered.iter().copied().filter(|(_, step)| phase(step) == Phase::Rest).collect();
    let shown = |step: &(usize, &Step)| step.1.cluster.to_string();
    each(&rest, parallel, "removing", run, shown, |index| writer.step(rest[index])).await;
    let outcomes = writer.results.into_inner().expect("no holder panics");
    report(&steps, outcomes, run)
}

/// Asks every server what it would say to the steps of `plan`; nothing is stored. Each object is asked for by itself, in no
/// order, since none is there for the next.
pub(super) async fn rehearse(fleet: &LiveFleet, plan: &Plan, run: Run<'_>) -> ApplyReport {
    let steps = in_order(plan);
    let writer = Writer { is_dry: true, ..Writer::new(fleet, run, &|_, _| {}, Gate::default(), 0) };
    let shown = |step: &&Step| step.cluster.to_string();
    let ask = |index: usize| {
        let (writer, step) = (&writer, steps[index]);
        async move { writer.write(step).await.0 }
    };
    let outcomes = each(&steps, fleet.limits.parallel, "asking", run, shown, ask).await;
    ApplyReport { is_rehearsal: true, ..report(&steps, outcomes, run) }
}

fn report(steps: &[&Step], outcomes: Vec<Option<Outcome>>, run: Run<'_>) -> ApplyReport {
    let results = steps.iter().zip(outcomes).map(|(step, outcome)| StepResult {
        cluster: step.cluster.clone(),
        key: step.key.clone(),
        outcome: outcome.unwrap_or_else(|| Outcome::NotTried("interrupted".to_owned())),
    });
    let results: Vec<StepResult> = results.collect();
    ApplyReport {
        interrupted: (run.interrupted)() && results.iter().any(|result| !result.outcome.is_written()),
        is_rehearsal: false,
        results,
    }
}

struct Writer<'p> {
    fleet: &'p LiveFleet,
    run: Run<'p>,
    wrote: Wrote<'p>,
    gate: Mutex<Gate<'p>>,
    /// Writes at once, by cluster.
    turns: BTreeMap<&'p ClusterName, Semaphore>,
    /// In the order of the plan's steps.
    results: Mutex<Vec<Option<Outcome>>>,
    /// Whether nothing is to be stored.
    is_dry: bool,
}

/// A step whose object may have to be written once more.
struct Begun<'p> {
    number: usize,
    step: &'p Step,
    /// What came of the first time.
    outcome: Outcome,
    /// The object as it is now.
    object: Value,
    /// Whether all of it was written, before the sources that it leads to.
    is_whole: bool,
}

impl<'p> Writer<'p> {
    fn new(fleet: &'p LiveFleet, run: Run<'p>, wrote: Wrote<'p>, gate: Gate<'p>, steps: usize) -> Self {
        Self {
            fleet,
            run,
            wrote,
            gate: Mutex::new(gate),
            turns: fleet.places.iter().map(|place| (&place.name, Semaphore::new(WRITES_AT_ONCE))).collect(),
            results: Mutex::new(vec![None; steps]),
            is_dry: false,
        }
    }

    async fn name(&self, steps: &[(usize, &'p Step)]) {
        let mut begun = Vec::new();
        for (turn, now) in turns(steps).into_iter().enumerate() {
            begun.extend(join_all(now.into_iter().map(|numbered| self.step(numbered))).await.into_iter().flatten());
            if turn == ALL_ROUTE {
                join_all(begun.drain(..).map(|begun| self.settle(begun))).await;
            }
        }
    }

    /// Writes what may be written of a step now. What is left of it is told.
    async fn step(&self, (number, step): (usize, &'p Step)) -> Option<Begun<'p>> {
        let leave = self.gate.lock().expect("no holder panics").leave(step);
        let (outcome, begun) = match leave {
            Leave::Nothing(stopped) => (stopped, None),
            Leave::Everything => match self.write(step).await {
                (outcome, Some(object)) if outcome.is_written() && !is_heard(step) => {
                    (outcome.clone(), Some(Begun { number, step, outcome, object, is_whole: true }))
                }
                (outcome, _) => (outcome, None),
            },
            Leave::Part(body, source) => match self.write(&with(step, body)).await {
                (outcome, Some(object)) if outcome.is_written() => {
                    (incomplete(&source), Some(Begun { number, step, outcome, object, is_whole: false }))
                }
                (outcome, _) => (outcome, None),
            },
        };
        self.gate.lock().expect("no holder panics").note(step, &outcome);
        self.results.lock().expect("no holder panics")[number] = Some(outcome);
        begun
    }

    /// Writes the rest of a step of which a part was written, where it may be by now; takes back what leads to a source
    /// that failed. Else the object stays as it is, also where the run is interrupted: the next one completes the name.
    async fn settle(&self, begun: Begun<'p>) {
        let (leave, step) = (self.gate.lock().expect("no holder panics").leave(begun.step), begun.step);
        let (body, settled) = match (leave, &step.action) {
            (Leave::Everything, Action::Create { body } | Action::Update { body, .. }) if !begun.is_whole => {
                (Arc::clone(body), begun.outcome)
            }
            (Leave::Part(body, source), _) if begun.is_whole => (body, incomplete(&source)),
            _ => return,
        };
        let write = async |rest: &Rest, path: &str, kind| complete(rest, path, kind, begun.object, &body).await;
        let outcome = match self.send(step, write).await.0 {
            Outcome::Updated => settled,
            outcome => outcome,
        };
        self.results.lock().expect("no holder panics")[begun.number] = Some(outcome);
    }

    async fn write(&self, step: &Step) -> (Outcome, Option<Value>) {
        let write = async |rest: &Rest, path: &str, kind| match &step.action {
            Action::Hold { .. } => Err(Outcome::NotTried("held".to_owned())),
            Action::Create { body } => create(rest, path, kind, &manifest::created(body)).await,
            Action::Update { base, body } => update(rest, path, kind, base, &manifest::updated(base, body)).await,
            Action::Delete { base } => delete(rest, path, kind, base).await,
        };
        self.send(step, write).await
    }

    /// Does `write` with the object of `step`, once it is its cluster's turn.
    async fn send(
        &self,
        step: &Step,
        write: impl AsyncFnOnce(&Rest, &str, Kind) -> Written,
    ) -> (Outcome, Option<Value>) {
        let contact = match self.fleet.contact(&step.cluster) {
            Ok(contact) => contact,
            Err(why) => return (Outcome::Failed(why), None),
        };
        let turn = self.turns.get(&step.cluster).expect("every member has turns");
        let _turn = turn.acquire().await.expect("the semaphore is never closed");
        if (self.run.interrupted)() {
            return (Outcome::NotTried("interrupted".to_owned()), None);
        }
        let rest = contact.rest.until(Instant::now() + WRITE_TIMEOUT);
        let rest = if self.is_dry { rest.dry_run() } else { rest };
        match write(&rest, &path_of(&step.key), step.key.kind).await {
            Ok((outcome, answer)) => {
                (self.wrote)(step, answer.as_ref());
                (outcome, answer)
            }
            Err(outcome) => (outcome, None),
        }
    }
}

/// The path of an object.
fn path_of(key: &ObjectKey) -> String {
    let (version, plural) = (manifest::api_version(key.kind), key.kind.plural());
    if key.namespace.is_none() {
        return format!("/apis/{version}/{plural}/{}", key.name);
    }
    format!("/apis/{version}/namespaces/{}/{plural}/{}", key.namespace, key.name)
}
