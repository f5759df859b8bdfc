//! Where fleets are read and written. The only crate that touches files or, later, clusters.

pub mod directory;
pub mod report;
