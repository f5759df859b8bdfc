//! An answer from what generated objects lead to, where they tell: a fleet is not listed for one name.

use std::time::Instant;

use mesh_fleet::live::LiveFleet;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::name::ClusterName;
use mesh_plan::lookup::desire_found;
use mesh_plan::whereis::{Whereis, whereis};

use crate::clock;
use crate::error::CommandError;
use crate::output::Output;

/// The answer with what was read for it; none where everything has to be listed, which is said.
pub(super) fn answer(
    key: &str,
    fleet: &LiveFleet,
    output: &mut Output,
) -> Result<Option<(Whereis, FleetSnapshot)>, CommandError> {
    let now = clock::now()?;
    let start = Instant::now();
    let selected = match output.watched(|run| fleet.select(key, now, run)) {
        Ok(selected) => selected,
        Err(untold) => {
            output.note(&format!("listing everything: {untold}"));
            return Ok(None);
        }
    };
    output.detail(&format!("asked {} clusters in {:.1?}", selected.snapshot.members.len(), start.elapsed()));
    if !selected.by_label.is_empty() {
        let clusters: Vec<&str> = selected.by_label.iter().map(ClusterName::as_str).collect();
        output.detail(&format!("workloads by label in {}", clusters.join(", ")));
    }
    let mut desired = desire_found(key, &selected.snapshot, fleet.policy(), now);
    // Of other identities not everything was read.
    desired.names.retain(|_, name| selected.identities.contains(&*name.identity));
    let answer = whereis(key, &selected.snapshot, fleet.policy(), &desired).ok().and_then(|mut answer| {
        answer.idle.retain(|workload| selected.identities.contains(&*workload.identity));
        (!answer.names.is_empty() || !answer.idle.is_empty()).then_some(answer)
    });
    if answer.is_none() {
        output.note("listing everything: what generated objects lead to is not there");
    }
    Ok(answer.map(|answer| (answer, selected.snapshot)))
}
