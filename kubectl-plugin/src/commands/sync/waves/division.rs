//! Which clusters a wave writes to, and which steps.

use std::collections::{BTreeMap, BTreeSet};

use mesh_istio::ServiceEntry;
use mesh_istio::service_entry::is_cluster_local;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_plan::plan::{Action, Plan, Step};
use mesh_plan::writing::{Phase, name_of, phase};

use super::Waves;

/// Clusters by wave, in the order of their names.
#[derive(Debug)]
pub(in crate::commands::sync) struct Division {
    waves: BTreeMap<ClusterName, usize>,
    count: usize,
}

impl Division {
    /// Divides the clusters in which `plan` gives something to callers, or takes it from them.
    pub(super) fn new(waves: &Waves, plan: &Plan) -> Self {
        let serving = serving(plan);
        let is_divided = |step: &&Step| step.is_write() && when(step, &serving) == When::InItsWave;
        let clusters: BTreeSet<&ClusterName> = plan.steps.iter().filter(is_divided).map(|step| &step.cluster).collect();
        let sizes = waves.sizes(clusters.len());
        let count = sizes.len().max(1);
        let numbers = sizes.into_iter().enumerate().flat_map(|(number, size)| std::iter::repeat_n(number, size));
        Self { waves: clusters.into_iter().cloned().zip(numbers).collect(), count }
    }

    /// How many waves there are, at least one.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The clusters of each wave.
    pub(super) fn waves(&self) -> impl Iterator<Item = Vec<&ClusterName>> {
        let count = if self.waves.is_empty() { 0 } else { self.count };
        (0..count).map(|number| self.waves.iter().filter(|(_, wave)| **wave == number).map(|(name, _)| name).collect())
    }

    /// `plan` as far as the wave `number` goes. Holds stay: what they say counts in every wave.
    pub(super) fn due(&self, plan: &Plan, number: usize) -> Plan {
        let serving = serving(plan);
        let is_last = number + 1 >= self.count;
        let is_due = |step: &&Step| match when(step, &serving) {
            When::First => true,
            // A cluster that nobody knew of when the clusters were divided belongs to the rest.
            When::InItsWave => is_last || self.waves.get(&step.cluster).is_some_and(|wave| *wave <= number),
            When::Last => is_last,
        };
        let steps = plan.steps.iter().filter(|step| !step.is_write() || is_due(step)).cloned().collect();
        Plan { steps, findings: plan.findings.clone(), coverage: plan.coverage.clone() }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum When {
    First,
    InItsWave,
    Last,
}

/// Where a name is served first; what callers gain and lose in the wave of their cluster, also where they lose an object
/// whole; and where a name was served last, once no caller is led there.
fn when(step: &Step, serving: &BTreeSet<(&ClusterName, &str)>) -> When {
    match phase(step) {
        // Claims take nobody's traffic anywhere.
        _ if step.key.kind.is_of_claims() => When::First,
        Phase::Sources => When::First,
        Phase::Rest if serving.contains(&(&step.cluster, name_of(step))) => When::Last,
        Phase::ClientAdditions | Phase::ClientRemovals | Phase::Rest => When::InItsWave,
    }
}

/// Clusters with names that they serve until `plan` deletes their entry.
fn serving(plan: &Plan) -> BTreeSet<(&ClusterName, &str)> {
    let is_home = |step: &&Step| match &step.action {
        Action::Delete { base } if step.key.kind == Kind::ServiceEntry => {
            let entry: ServiceEntry = serde_json::from_str(&base.spec).unwrap_or_default();
            entry.endpoints.iter().any(|endpoint| is_cluster_local(&endpoint.address))
        }
        _ => false,
    };
    plan.steps.iter().filter(is_home).map(|step| (&step.cluster, name_of(step))).collect()
}
