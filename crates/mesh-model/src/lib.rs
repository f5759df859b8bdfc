//! Names, identities, policy and facts about a fleet.
//!
//! Plain data that every other crate shares: no I/O, no Kubernetes client, no clock. Values parse at the border and
//! cannot hold a bad value afterwards.

pub mod claim;
pub mod facts;
pub mod finding;
pub mod fleet;
pub mod host;
pub mod kind;
pub mod limits;
pub mod mesh;
pub mod name;
pub mod namesake;
pub mod naming;
pub mod origin;
pub mod owned;
pub mod participation;
pub mod policy;
pub mod webhook;
