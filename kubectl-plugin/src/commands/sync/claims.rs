//! Claims that a run has written are read once more, carried to who lacks them and confirmed, so that a plan after it is
//! empty. What is confirmed is what was read, never what was only written (docs/claims.md).

use std::collections::BTreeSet;

use mesh_fleet::report::{ApplyReport, Outcome};
use mesh_fleet::{Depth, Fleet};
use mesh_plan::claims::carry_steps;
use mesh_plan::plan::Plan;

use crate::clock;
use crate::error::CommandError;
use crate::limits::CLAIM_ROUNDS;
use crate::output::Output;

/// Goes on with claims, if the run wrote any. What came of everything.
pub(super) fn settle(fleet: &Fleet, mut report: ApplyReport, output: &mut Output) -> Result<ApplyReport, CommandError> {
    for _ in 0..CLAIM_ROUNDS {
        let has_claims = report.results.iter().any(|result| result.key.kind.is_of_claims());
        if !has_claims || report.interrupted || output.is_interrupted() {
            break;
        }
        let snapshot = output.watched(|run| fleet.observe(Depth::Claims, run));
        // What moved has been read anew: if there is still something to do about it, it is a step of this round.
        report.results.retain(|result| !result.key.kind.is_of_claims() || !matches!(result.outcome, Outcome::Moved(_)));
        let plan = Plan { steps: carry_steps(&snapshot, clock::now()?), ..Plan::default() };
        if plan.is_empty() {
            break;
        }
        let next = output.watched(|run| fleet.apply(&plan, run));
        let again: BTreeSet<_> = next.results.iter().map(|result| (&result.cluster, &result.key)).collect();
        report.results.retain(|result| result.outcome.is_written() || !again.contains(&(&result.cluster, &result.key)));
        report.interrupted |= next.interrupted;
        report.results.extend(next.results);
    }
    Ok(report)
}
