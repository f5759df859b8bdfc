//! One binary for all tests of the whole program; one module per story.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

mod admitted;
mod arrows;
mod bad_input;
mod beyond;
mod canaries;
mod chart;
mod claims;
mod cli;
mod conformance;
mod contract;
mod docs;
mod documents;
mod faults;
mod fuzz;
mod install_sample;
mod kubectl;
mod laws;
mod live;
mod lookup;
mod lost_sight;
mod members;
mod policy;
mod readme;
mod release;
mod schema;
mod stories;
mod webhook;
