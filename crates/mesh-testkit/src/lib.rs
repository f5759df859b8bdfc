//! Fleets for tests and benches: hand-written ([`build`]), generated ([`arb`]) and edited ([`world`]), and big ones
//! ([`scale`]). Istio's own schema, for judging what is emitted ([`schema`]). Real API servers ([`servers`]).

pub mod arb;
pub mod broken;
pub mod build;
pub mod describe;
pub mod manifests;
mod programs;
pub mod scale;
pub mod schema;
pub mod servers;
pub mod world;
