//! Fleets for tests and benches: hand-written ([`build`]), generated ([`arb`]) and edited ([`world`]), and big ones
//! ([`scale`]). Istio's own schema, for judging what is emitted ([`schema`]). Clusters: real API servers ([`servers`]),
//! and ones that answer as real ones do, or do not ([`apiserver`]), with a plain client of both ([`rest`]) and one that only
//! downloads ([`download`]); a company with hundreds of clusters ([`company`]); and ones whose proxies really talk ([`rig`]).
//! The real Helm ([`helm`]), and callers of a webhook ([`callers`]).

pub mod apiserver;
pub mod arb;
pub mod broken;
pub mod build;
pub mod callers;
pub mod company;
pub mod describe;
pub mod download;
pub mod helm;
pub mod manifests;
mod programs;
pub mod rest;
pub mod rig;
mod runtime;
pub mod scale;
pub mod schema;
pub mod servers;
pub mod tls;
pub mod world;
