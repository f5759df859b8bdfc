//! What every cluster should hold, and what must change to get there.
//!
//! Pure: [`desire`](desire::desire) → [`plan`](plan::plan) → what a person or a program reads. Time is an argument;
//! nothing here reads a clock, a file or the environment.

pub mod apply_model;
pub mod because;
pub mod budget;
pub mod check;
pub mod claims;
pub mod closest;
pub mod concern;
pub mod desire;
pub mod desired;
pub mod explain;
pub mod graph;
pub mod idle;
pub mod laws;
pub mod limits;
pub mod lookup;
pub mod manifest;
pub mod migration;
pub mod plan;
pub mod prune;
pub mod scope;
pub mod status;
pub mod suppress;
pub mod trace;
pub mod webhook;
pub mod whereis;
pub mod writing;
