//! Fleets for tests and benches: hand-written ([`build`]), generated and edited, and big ones.

pub mod build;
pub mod schema;
