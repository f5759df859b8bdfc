//! Deliberately broken planners, each with a fleet on which its law must reject it and must accept the real one.
//!
//! Each breaks one thing of the real planner: what it is told, or what it answers.

use mesh_plan::laws::{Given, Law, Observation, Planner, Violation};
use mesh_plan::manifest;
use mesh_plan::plan::{Action, Plan, Step};
use mesh_plan::writing::in_order;
use serde_json::Value;

use crate::schema::SchemaChecker;

mod answers;
mod fleets;
mod questions;
mod table;

pub use table::table;

/// What is judged: a planner, how a run observes, in which order it writes, and what becomes of objects on the way out.
#[derive(Clone, Copy)]
pub struct Subject {
    /// The planner.
    pub planner: Planner,
    /// How a run observes.
    pub observation: Observation,
    /// In which order steps are written.
    pub order: fn(&Plan) -> Vec<&Step>,
}

/// One way to be broken.
pub struct Breaker {
    /// What is broken.
    pub name: &'static str,
    /// The law that must reject it.
    pub law: Law,
    /// The broken subject.
    pub broken: Subject,
    /// Asks the law about a subject and the fixed fleet.
    pub judge: fn(Subject) -> Result<(), Violation>,
}

/// The real thing.
pub fn real() -> Subject {
    Subject { planner: Planner::REAL, observation: Observation::ObjectsFirst, order: in_order }
}

/// L8: every object that the plan writes is accepted by Istio. Without the checker, which says so loudly, only what no
/// schema is needed for is seen: nothing.
pub fn emitted_is_accepted(planner: Planner, given: Given<'_>) -> Result<(), Violation> {
    let Some(checker) = SchemaChecker::start() else { return Ok(()) };
    are_accepted(&checker, &emitted(&planner.all(given.fleet, given.policy, given.now)))
}

/// The objects that a plan writes, whole.
pub fn emitted(plan: &Plan) -> Vec<Value> {
    let body = |step: &Step| match &step.action {
        Action::Create { body } => Some(manifest::created(body)),
        Action::Update { base, body } => Some(manifest::updated(base, body)),
        Action::Delete { .. } | Action::Hold { .. } => None,
    };
    plan.steps.iter().filter_map(body).collect()
}

/// L8 over objects.
pub fn are_accepted(checker: &SchemaChecker, objects: &[Value]) -> Result<(), Violation> {
    for (object, answer) in objects.iter().zip(checker.check(objects)) {
        if let Err(errors) = answer {
            return Err(Violation::new(Law::L8, format!("{errors:?}: {object}")));
        }
    }
    Ok(())
}
