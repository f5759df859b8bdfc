//! What nearly every verb begins with: read the fleet, work out what it should hold.

use std::time::Instant;

use jiff::Timestamp;
use mesh_fleet::directory::DirectoryFleet;
use mesh_model::fleet::FleetSnapshot;
use mesh_plan::desire::desire;
use mesh_plan::desired::Desired;
use mesh_plan::plan::{Plan, plan};
use mesh_plan::scope::Scope;

use crate::cli::GlobalArgs;
use crate::clock;
use crate::error::CommandError;
use crate::fleet;
use crate::output::Output;

/// A fleet that was read, and what its clusters should hold.
pub(crate) struct Reading {
    /// The fleet; [`DirectoryFleet::policy`] is the policy that counts.
    pub(crate) fleet: DirectoryFleet,
    /// The time of this run.
    pub(crate) now: Timestamp,
    /// What was read.
    pub(crate) snapshot: FleetSnapshot,
    /// What every cluster should hold.
    pub(crate) desired: Desired,
}

impl Reading {
    /// Opens and reads the fleet that `args` mean.
    pub(crate) fn take(args: &GlobalArgs, output: &mut Output) -> Result<Self, CommandError> {
        let now = clock::now()?;
        let fleet = fleet::open(args)?;
        let start = Instant::now();
        let snapshot = fleet.observe();
        output.detail(&format!("read {} clusters in {:.1?}", snapshot.members.len(), start.elapsed()));
        let start = Instant::now();
        let desired = desire(&snapshot, fleet.policy(), now);
        output.detail(&format!("worked out {} names in {:.1?}", desired.names.len(), start.elapsed()));
        Ok(Self { fleet, now, snapshot, desired })
    }

    /// What must change, within `scope`.
    pub(crate) fn plan(&self, scope: &Scope) -> Plan {
        plan(&self.desired, &self.snapshot, self.fleet.policy(), scope)
    }
}
