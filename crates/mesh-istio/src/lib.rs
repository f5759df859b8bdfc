//! The Istio kinds that are written and the Admiral kinds that are read, as small structs.
//!
//! Fields are those of the published CRDs; only what some rule reads or writes is here. Reading is lenient (unknown
//! fields are passed over), since the objects may come from anybody; writing is exact.

pub mod canonical;
pub mod connection_pool;
pub mod destination_rule;
pub mod duration;
pub mod service_entry;

pub use destination_rule::DestinationRule;
pub use service_entry::ServiceEntry;

/// `apiVersion` of every Istio object that is written (deviation D5).
pub const API_VERSION: &str = "networking.istio.io/v1";
