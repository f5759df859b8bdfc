//! Where fleets are read and written. The only crate that touches files or, later, clusters.

pub mod decode;
pub mod directory;
pub mod emit;
pub mod limits;
pub mod output;
pub mod paths;
pub mod report;
mod store;
