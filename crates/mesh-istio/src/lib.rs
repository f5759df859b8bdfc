//! The Istio kinds that are written or judged and the Admiral kinds that are read, as small structs.
//!
//! Fields are those of the published CRDs; only what some rule reads or writes is here. Reading is lenient (unknown
//! fields are passed over), since the objects may come from anybody; writing is exact.

pub mod any;
pub mod authorization_policy;
pub mod canonical;
pub mod connection_pool;
pub mod destination_rule;
pub mod duration;
pub mod gateway;
pub mod host;
pub mod peer_authentication;
pub mod selector;
pub mod service_entry;
pub mod sidecar;
pub mod virtual_service;

pub use authorization_policy::AuthorizationPolicy;
pub use destination_rule::DestinationRule;
pub use gateway::Gateway;
pub use peer_authentication::PeerAuthentication;
pub use service_entry::ServiceEntry;
pub use sidecar::Sidecar;
pub use virtual_service::VirtualService;

/// `apiVersion` of every Istio object that is written (deviation D5).
pub const API_VERSION: &str = "networking.istio.io/v1";
