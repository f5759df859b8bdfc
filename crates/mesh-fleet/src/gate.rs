//! What a writer must not write yet: a client hears of an endpoint once its source cluster routes it (law L10), and what
//! something else replaces goes once that is there.

use std::collections::BTreeSet;

use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::Origins;
use mesh_plan::plan::{Action, Step};
use mesh_plan::writing::{Phase, name_of, phase};

use crate::report::Outcome;

/// Remembers what was not written.
#[derive(Default)]
pub(crate) struct Gate<'p> {
    /// Names, with source clusters of them that do not hold what they should.
    unserved: BTreeSet<(&'p str, &'p ClusterName)>,
    /// Objects that are not where they should be: one of that name elsewhere must not go.
    missing: BTreeSet<(&'p ClusterName, Kind, &'p str)>,
}

impl<'p> Gate<'p> {
    /// Why `step` must not be written, if it must not.
    pub(crate) fn stops(&self, step: &'p Step) -> Option<Outcome> {
        let is_client = matches!(phase(step), Phase::ClientAdditions | Phase::ClientRemovals);
        let name = name_of(step);
        let mut unserved = self.unserved.iter().filter(|(of, _)| *of == name).map(|(_, source)| *source);
        if is_client && let Some(source) = unserved.find(|source| leads_to(step, source)) {
            return Some(Outcome::NotTried(format!("source cluster {source} was not written")));
        }
        let mut unserved = self.unserved.iter().filter(|(of, _)| *of == name).map(|(_, source)| *source);
        if !is_client && let Some(source) = unserved.find(|source| gains(step, source)) {
            return Some(Outcome::NotTried(format!("source cluster {source} was not written")));
        }
        if matches!(step.action, Action::Delete { .. }) && self.missing.contains(&object(step)) {
            return Some(Outcome::NotTried("what takes its place was not written".to_owned()));
        }
        None
    }

    /// Notes what came of `step`.
    pub(crate) fn note(&mut self, step: &'p Step, outcome: &Outcome) {
        if outcome.is_written() {
            return;
        }
        if phase(step) == Phase::Sources {
            self.unserved.insert((name_of(step), &step.cluster));
        }
        self.missing.insert(object(step));
    }
}

/// Whether what the step writes has anything of `source`. What tells no origins may, and a removal can wait in any case.
fn leads_to(step: &Step, source: &ClusterName) -> bool {
    match &step.action {
        Action::Create { body } | Action::Update { body, .. } => {
            body.origins.is_empty() || body.origins.iter().any(|(origin, _)| origin.cluster == *source)
        }
        Action::Delete { .. } | Action::Hold { .. } => true,
    }
}

/// Whether a source cluster, which calls its own name too, would hear of `source` for the first time. What it has of
/// its own must not wait for others that it knows already.
fn gains(step: &Step, source: &ClusterName) -> bool {
    let Action::Update { base, body } = &step.action else { return false };
    let has = |origins: &Origins| origins.iter().any(|(origin, _)| origin.cluster == *source);
    step.cluster != *source && has(&body.origins) && !has(&base.origins)
}

fn object(step: &Step) -> (&ClusterName, Kind, &str) {
    (&step.cluster, step.key.kind, &step.key.name)
}
