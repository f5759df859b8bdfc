//! The laws that every plan keeps (product contract §6), as functions: they judge any planner over any fleet.
//!
//! L1 to L7 judge one plan or a few, L9 two interleaved runs over a store with versions, L10 the order of writing. L8, what
//! Istio accepts, is judged where Istio's schema is at hand.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::policy::MeshPolicy;

use crate::desire::desire;
use crate::plan::{Plan, Step, plan};
use crate::scope::Scope;

mod concerned;
mod exposure;
mod fixpoint;
mod order;
mod ownership;
mod reasons;
mod runs;
mod scoped;
mod uniqueness;
mod unsee;

pub use concerned::a_change_concerns_all_that_it_changes;
pub use exposure::exposes_only_what_is_routed;
pub use fixpoint::{applied_plan_is_a_fixpoint, unseen_changes_nothing};
pub use order::{input_order_does_not_matter, shuffled};
pub use ownership::touches_only_what_is_ours;
pub use reasons::every_step_names_its_facts;
pub use runs::{Interleaving, Observation, interleavings, older_run_never_overwrites};
pub use scoped::{Beyond, one_name_is_desired_as_among_all, scope_is_a_restriction, workloads_beyond_do_not_matter};
pub use uniqueness::hosts_and_addresses_are_unique;
pub use unsee::{Lost, unsee};

/// A law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Law {
    /// A plan applied and planned again contains only holds that were shown.
    L1,
    /// After a plan is applied, making clusters or kinds unseen gives a plan without writes.
    L2,
    /// The order of clusters and objects in the input does not matter; the output is sorted.
    L3,
    /// Every step names the facts that caused it.
    L4,
    /// Changes and deletes touch only what carries our mark, at the version read.
    L5,
    /// No two generated objects of a cluster claim one host or one virtual address.
    L6,
    /// A plan scoped to names is the full plan restricted to them.
    L7,
    /// Every emitted object is accepted by Istio.
    L8,
    /// Of two interleaved runs, the one that read earlier never overwrites the other.
    L9,
    /// No step exposes a client to an endpoint whose serving cluster cannot route it yet.
    L10,
}

impl Law {
    /// Every law.
    pub const ALL: [Self; 10] =
        [Self::L1, Self::L2, Self::L3, Self::L4, Self::L5, Self::L6, Self::L7, Self::L8, Self::L9, Self::L10];
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A law that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub law: Law,
    /// What was seen: the step, object or pair of objects that breaks it.
    pub what: String,
}

impl Violation {
    /// A broken law.
    pub fn new(law: Law, what: impl Into<String>) -> Self {
        Self { law, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.what)
    }
}

/// A planner under judgement: the real one, or a deliberately broken one.
#[derive(Debug, Clone, Copy)]
pub struct Planner {
    /// The whole way from a fleet to a plan.
    pub plan: fn(&FleetSnapshot, &MeshPolicy, &Scope, Timestamp) -> Plan,
}

impl Planner {
    /// The planner that users run.
    pub const REAL: Self =
        Self { plan: |fleet, policy, scope, now| plan(&desire(fleet, policy, now), fleet, policy, scope) };

    /// The plan for everything.
    pub fn all(self, fleet: &FleetSnapshot, policy: &MeshPolicy, now: Timestamp) -> Plan {
        (self.plan)(fleet, policy, &Scope::default(), now)
    }
}

/// A fleet, its policy and the time of the run: what every law is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The fleet as it was seen.
    pub fleet: &'a FleetSnapshot,
    /// The policy that counts.
    pub policy: &'a MeshPolicy,
    /// When.
    pub now: Timestamp,
}

impl Given<'_> {
    /// A run that comes later: time alone must change nothing.
    fn later(self) -> Timestamp {
        self.now + SignedDuration::from_hours(31 * 24)
    }
}

/// How a step is named in a violation.
fn name(step: &Step) -> String {
    let verb = match &step.action {
        crate::plan::Action::Create { .. } => "create".to_owned(),
        crate::plan::Action::Update { .. } => format!("update {:?}", step.changes()),
        crate::plan::Action::Delete { .. } => "delete".to_owned(),
        crate::plan::Action::Hold { instead_of } => format!("hold instead of {instead_of}"),
    };
    format!("{}: {}: {verb}", step.cluster, step.key)
}
