//! Where fleets are read and written. The only crate that touches files or, later, clusters.

pub mod decode;
pub mod directory;
pub mod limits;
pub mod report;
