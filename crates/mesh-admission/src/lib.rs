//! Admission: what a review asks, what is answered, and why.
//!
//! Pure. A review is answered from what its caller hands in: the request, an [`Index`] of what this cluster holds, and
//! the policy. Identity, host and conflict are told by the functions that the planner uses (`mesh-model`), so that what is
//! admitted can be served, and what the planner calls a conflict is refused.

mod conflict;
mod decide;
mod hosts;
mod index;
mod marks;
mod object;
mod policy;
mod refusal;
mod traffic;
mod verdict;
mod warning;
pub mod wire;
mod workload;

pub use decide::decide;
pub use index::{Index, Known, PlainIndex, Use};
pub use policy::{Disclosure, Mode, NamePolicy, OnStale};
pub use refusal::{Refusal, RefusalCode};
pub use verdict::Verdict;
pub use warning::{Warning, WarningCode};
