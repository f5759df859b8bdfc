//! What a person or a program reads: tables, diffs, documents.
//!
//! Pure functions from plans and findings to text. Every text that came from a cluster passes through [`escape`].

pub mod diff;
pub mod document;
pub mod escape;
pub mod explain;
pub mod findings;
pub mod graph;
pub mod limits;
pub mod names;
pub mod plan;
pub mod reason;
pub mod report;
pub mod saved;
pub mod status;
pub mod style;
pub mod table;
pub mod trace;
pub mod webhook;
pub mod whereis;
