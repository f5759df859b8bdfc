//! Fleets for tests and benches: hand-written ([`build`]), generated ([`arb`]) and edited ([`world`]), and big ones
//! ([`scale`]). Istio's own schema, for judging what is emitted ([`schema`]).

pub mod arb;
pub mod broken;
pub mod build;
pub mod describe;
pub mod manifests;
pub mod scale;
pub mod schema;
pub mod world;
