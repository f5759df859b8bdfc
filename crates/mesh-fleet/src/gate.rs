//! What a writer must not write yet: nobody hears of an endpoint before its source cluster routes it (law L10), and what
//! something else replaces goes once that is there.
//!
//! A cluster *routes* a host once its own ServiceEntry leads to a Service of its own: istiod makes the cluster
//! `outbound_.80_._.HOST` of it, which the east-west gateway chooses by SNI. Before that, a call that arrives at the gateway
//! is reset. Clients therefore wait for all sources. Callers may run in a source cluster too: there the entry is written
//! without the endpoints of sources that do not route the host yet, and completed once they do.
//!
//! Where no caller runs, and the host was not there before, nobody hears of what is written: such an entry is written whole
//! at once. Should a source that it leads to fail then, its endpoints are taken back, since callers may come. A run that is
//! stopped in between leaves that to the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_istio::ServiceEntry;
use mesh_istio::service_entry::is_cluster_local;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::Origins;
use mesh_model::owned::ObjectKey;
use mesh_plan::desired::{Body, Role};
use mesh_plan::manifest;
use mesh_plan::plan::{Action, Plan, Step};
use mesh_plan::writing::{Phase, name_of, phase};

use crate::report::Outcome;

mod without;

/// Remembers what is not written yet, or was not.
#[derive(Default)]
pub(crate) struct Gate<'p> {
    /// Hosts, by their ServiceEntry, with clusters that are to serve them and do not route them yet.
    unrouted: BTreeMap<&'p ObjectKey, BTreeSet<&'p ClusterName>>,
    /// Names, with source clusters of them that do not hold what they should.
    unserved: BTreeSet<(&'p str, &'p ClusterName)>,
    /// Objects that are not where they should be: one of that name elsewhere must not go.
    missing: BTreeSet<(&'p ClusterName, Kind, &'p str)>,
}

/// What may be written of a step.
#[derive(Debug)]
pub(crate) enum Leave {
    /// Nothing, for this reason.
    Nothing(Outcome),
    /// All of it.
    Everything,
    /// This much of it: the endpoints of a source cluster wait for that one.
    Part(Arc<Body>, ClusterName),
}

impl<'p> Gate<'p> {
    /// Before anything of `plan` is written: new sources do not route yet. Those whose step is held will not in this run.
    pub(crate) fn before(plan: &'p Plan) -> Self {
        let mut gate = Self::default();
        for step in &plan.steps {
            if will_route(step) {
                gate.unrouted.entry(&step.key).or_default().insert(&step.cluster);
            } else if is_held_source(step) {
                gate.unrouted.entry(&step.key).or_default().insert(&step.cluster);
                gate.unserved.insert((name_of(step), &step.cluster));
            }
        }
        gate
    }

    /// What may be written of `step` now.
    pub(crate) fn leave(&self, step: &'p Step) -> Leave {
        if matches!(step.action, Action::Delete { .. }) && self.missing.contains(&object(step)) {
            return Leave::Nothing(Outcome::NotTried("what takes its place was not written".to_owned()));
        }
        match phase(step) {
            Phase::Sources => self.leave_of_source(step),
            Phase::ClientAdditions | Phase::ClientRemovals => {
                let unserved =
                    self.unserved.iter().filter(|(name, _)| *name == name_of(step)).map(|(_, source)| *source);
                let unrouted = self.unrouted.get(&step.key).into_iter().flatten().copied();
                let behind = unserved.chain(unrouted).find(|source| leads_to(step, source));
                behind.map_or(Leave::Everything, |source| Leave::Nothing(waits_for(source)))
            }
            Phase::Rest => Leave::Everything,
        }
    }

    /// What a source has of its own must not wait for others.
    fn leave_of_source(&self, step: &'p Step) -> Leave {
        let (Action::Create { body } | Action::Update { body, .. }) = &step.action else { return Leave::Everything };
        if step.key.kind != Kind::ServiceEntry {
            // Shares of calls for a source that is not there would leave the others too few.
            let mut unserved =
                self.unserved.iter().filter(|(name, _)| *name == name_of(step)).map(|(_, source)| *source);
            let gained = unserved.find(|source| gains(step, source));
            return gained.map_or(Leave::Everything, |source| Leave::Nothing(waits_for(source)));
        }
        let Some(unrouted) = self.unrouted.get(&step.key) else { return Leave::Everything };
        let name = name_of(step);
        let has_failed = |source: &ClusterName| self.unserved.contains(&(name, source));
        let waits = |source: &&ClusterName| **source != step.cluster && (is_heard(step) || has_failed(source));
        let others: BTreeSet<&ClusterName> = unrouted.iter().copied().filter(waits).collect();
        let base = match &step.action {
            Action::Update { base, .. } => Some(&**base),
            _ => None,
        };
        let Some((part, source)) = without::without(body, base, &others) else { return Leave::Everything };
        let is_nothing = base.is_some_and(|base| manifest::updated(base, &part) == manifest::live(&step.key, base));
        if is_nothing { Leave::Nothing(waits_for(source)) } else { Leave::Part(Arc::new(part), source.clone()) }
    }

    /// Notes what came of `step`.
    pub(crate) fn note(&mut self, step: &'p Step, outcome: &Outcome) {
        let is_there = outcome.is_written() || matches!(outcome, Outcome::Incomplete(_));
        if is_there && let Some(unrouted) = self.unrouted.get_mut(&step.key) {
            unrouted.remove(&step.cluster);
        }
        if !is_there && phase(step) == Phase::Sources {
            self.unserved.insert((name_of(step), &step.cluster));
            if will_route(step) {
                self.unrouted.entry(&step.key).or_default().insert(&step.cluster);
            }
        }
        if !outcome.is_written() {
            self.missing.insert(object(step));
        }
    }
}

/// The step, writing `body`.
pub(crate) fn with(step: &Step, body: Arc<Body>) -> Step {
    let action = match &step.action {
        Action::Update { base, .. } => Action::Update { base: Arc::clone(base), body },
        _ => Action::Create { body },
    };
    Step { action, ..step.clone() }
}

/// What came of a step of which a part was written.
pub(crate) fn incomplete(source: &ClusterName) -> Outcome {
    Outcome::Incomplete(format!("written without what leads to source cluster {source}, which was not written"))
}

/// The other source clusters that the entry of `step` would newly lead to, of those that do not route the host before
/// this run.
pub(crate) fn peers<'p>(step: &Step, new: &BTreeSet<&'p ClusterName>) -> BTreeSet<&'p ClusterName> {
    let (Action::Create { body } | Action::Update { body, .. }) = &step.action else { return BTreeSet::new() };
    let base = match &step.action {
        Action::Update { base, .. } => Some(&**base),
        _ => None,
    };
    let led_to = without::news(body, base).into_iter().filter(|(_, cluster)| **cluster != step.cluster);
    led_to.filter_map(|(_, cluster)| new.get(cluster).copied()).collect()
}

/// Whether anybody may hear at once of what the step writes. Of a host that is new where no caller runs, nobody does.
pub(crate) fn is_heard(step: &Step) -> bool {
    step.is_called || !matches!(step.action, Action::Create { .. })
}

/// Whether the step makes its cluster route a host that it does not route yet.
pub fn will_route(step: &Step) -> bool {
    if step.key.kind != Kind::ServiceEntry || phase(step) != Phase::Sources {
        return false;
    }
    match &step.action {
        Action::Create { body } => leads_home(&body.spec),
        Action::Update { base, body } => leads_home(&body.spec) && !leads_home(&base.spec),
        Action::Delete { .. } | Action::Hold { .. } => false,
    }
}

/// Whether the step would have made its cluster a source, had a limit of this run not held it, or left it out.
fn is_held_source(step: &Step) -> bool {
    let is_held = matches!(&step.action, Action::Hold { instead_of } if instead_of == "create");
    is_held && step.key.kind == Kind::ServiceEntry && step.role == Some(Role::Source)
}

/// Whether an entry leads to a Service of the cluster that holds it.
pub(crate) fn leads_home(spec: &str) -> bool {
    let entry: ServiceEntry = serde_json::from_str(spec).unwrap_or_default();
    entry.endpoints.iter().any(|endpoint| is_cluster_local(&endpoint.address))
}

/// Whether what a client's step writes has anything of `source`. What tells no origins may, and a removal can wait in any
/// case.
fn leads_to(step: &Step, source: &ClusterName) -> bool {
    match &step.action {
        Action::Create { body } | Action::Update { body, .. } => {
            body.origins.is_empty() || body.origins.iter().any(|(origin, _)| origin.cluster == *source)
        }
        Action::Delete { .. } | Action::Hold { .. } => true,
    }
}

/// Whether a source cluster would hear of `source` for the first time.
fn gains(step: &Step, source: &ClusterName) -> bool {
    let Action::Update { base, body } = &step.action else { return false };
    let has = |origins: &Origins| origins.iter().any(|(origin, _)| origin.cluster == *source);
    step.cluster != *source && has(&body.origins) && !has(&base.origins)
}

fn waits_for(source: &ClusterName) -> Outcome {
    Outcome::NotTried(format!("source cluster {source} was not written"))
}

fn object(step: &Step) -> (&ClusterName, Kind, &str) {
    (&step.cluster, step.key.kind, &step.key.name)
}
