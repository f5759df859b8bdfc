//! From what is to what every cluster should hold.

use jiff::Timestamp;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::policy::MeshPolicy;

use crate::desired::Desired;

/// What every cluster of `fleet` should hold. Total: problems are findings. `now` dates new ex-sources (deviation D18).
pub fn desire(_fleet: &FleetSnapshot, _policy: &MeshPolicy, _now: Timestamp) -> Desired {
    Desired::default()
}
