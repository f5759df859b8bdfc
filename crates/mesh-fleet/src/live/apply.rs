//! Writing a plan into clusters. Names side by side; of each name first where it is served, then what its clients gain,
//! then what they lose; last, for all names, what goes everywhere else (product contract §4).

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures::future::join_all;
use mesh_model::name::ClusterName;
use mesh_plan::manifest;
use mesh_plan::plan::{Action, Plan, Step};
use mesh_plan::writing::{Phase, in_order, name_of, phase};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::LiveFleet;
use super::crowd::each;
use super::write::{create, delete, update};
use crate::gate::Gate;
use crate::limits::{WRITE_TIMEOUT, WRITES_AT_ONCE};
use crate::report::{ApplyReport, Outcome, StepResult};
use crate::run::Run;

/// Hears of each write as soon as it is done, with the object that came back; none when it was deleted.
pub(super) type Wrote<'a> = &'a (dyn Fn(&Step, Option<&Value>) + Sync);

pub(super) async fn apply(fleet: &LiveFleet, plan: &Plan, run: Run<'_>, wrote: Wrote<'_>) -> ApplyReport {
    let steps = in_order(plan);
    let writer = Writer {
        fleet,
        run,
        wrote,
        gate: Mutex::new(Gate::default()),
        turns: fleet.places.iter().map(|place| (&place.name, Semaphore::new(WRITES_AT_ONCE))).collect(),
        results: Mutex::new(steps.iter().map(|_| None).collect()),
    };
    let numbered: Vec<(usize, &Step)> = steps.iter().copied().enumerate().collect();
    let names: Vec<&[(usize, &Step)]> = numbered.chunk_by(|(_, a), (_, b)| name_of(a) == name_of(b)).collect();
    let shown = |name: &&[(usize, &Step)]| name_of(name[0].1).to_owned();
    let parallel = fleet.limits.parallel;
    each(&names, parallel, "writing names", run, shown, |index| writer.name(names[index])).await;
    let rest: Vec<(usize, &Step)> = numbered.iter().copied().filter(|(_, step)| phase(step) == Phase::Rest).collect();
    let shown = |step: &(usize, &Step)| step.1.cluster.to_string();
    each(&rest, parallel, "removing", run, shown, |index| writer.step(rest[index])).await;
    let results = writer.results.into_inner().expect("no holder panics");
    let results = steps.iter().zip(results).map(|(step, outcome)| StepResult {
        cluster: step.cluster.clone(),
        key: step.key.clone(),
        outcome: outcome.unwrap_or_else(|| Outcome::NotTried("interrupted".to_owned())),
    });
    let results: Vec<StepResult> = results.collect();
    ApplyReport {
        interrupted: (run.interrupted)() && results.iter().any(|result| !result.outcome.is_written()),
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
}

impl<'p> Writer<'p> {
    async fn name(&self, steps: &[(usize, &'p Step)]) {
        // A new source first: those that serve the name already hear of it in what they hold.
        let is_new = |step: &Step| matches!(step.action, Action::Create { .. });
        let turns: [&dyn Fn(&Step) -> bool; 4] = [
            &|step| phase(step) == Phase::Sources && is_new(step),
            &|step| phase(step) == Phase::Sources && !is_new(step),
            &|step| phase(step) == Phase::ClientAdditions,
            &|step| phase(step) == Phase::ClientRemovals,
        ];
        for is_now in turns {
            let now = steps.iter().filter(|(_, step)| is_now(step));
            join_all(now.map(|numbered| self.step(*numbered))).await;
        }
    }

    async fn step(&self, (number, step): (usize, &'p Step)) {
        let stopped = self.gate.lock().expect("no holder panics").stops(step);
        let outcome = match stopped {
            Some(stopped) => stopped,
            None => self.write(step).await,
        };
        self.gate.lock().expect("no holder panics").note(step, &outcome);
        self.results.lock().expect("no holder panics")[number] = Some(outcome);
    }

    async fn write(&self, step: &Step) -> Outcome {
        let contact = match self.fleet.contact(&step.cluster) {
            Ok(contact) => contact,
            Err(why) => return Outcome::Failed(why),
        };
        let turn = self.turns.get(&step.cluster).expect("every member has turns");
        let _turn = turn.acquire().await.expect("the semaphore is never closed");
        if (self.run.interrupted)() {
            return Outcome::NotTried("interrupted".to_owned());
        }
        let rest = contact.rest.until(Instant::now() + WRITE_TIMEOUT);
        let list =
            format!("/apis/{}/namespaces/{}/{}", mesh_istio::API_VERSION, step.key.namespace, step.key.kind.plural());
        let (kind, path) = (step.key.kind, format!("{list}/{}", step.key.name));
        let outcome = match &step.action {
            Action::Hold { .. } => return Outcome::NotTried("held".to_owned()),
            Action::Create { body } => create(&rest, &list, kind, &manifest::created(body)).await,
            Action::Update { base, body } => update(&rest, &path, kind, base, &manifest::updated(base, body)).await,
            Action::Delete { base } => delete(&rest, &path, kind, base).await,
        };
        match outcome {
            Ok((outcome, answer)) => {
                (self.wrote)(step, answer.as_ref());
                outcome
            }
            Err(outcome) => outcome,
        }
    }
}
