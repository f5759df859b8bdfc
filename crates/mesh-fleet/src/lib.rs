//! Where fleets are read and written: directory fleets and live ones. The only crate that touches files or clusters.

pub mod decode;
pub mod directory;
pub mod emit;
mod fleet;
mod gate;
pub mod limits;
pub mod live;
pub mod output;
pub mod paths;
pub mod probe;
pub mod report;
pub mod run;
mod sight;
mod store;

pub use fleet::{Depth, Fleet};
pub use gate::will_route;
