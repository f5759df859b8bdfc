//! Against real API servers, which `cargo xtask servers` builds, and against API servers of ills.

mod at_once;
mod bank;
mod bookstore;
mod completion;
mod contract;
mod granted;
mod grown;
mod idle;
mod indexed;
mod killed;
mod left_out;
pub(crate) mod on_clusters;
mod on_fakes;
mod overtaken;
mod permissions;
mod readme;
mod rehearsed;
mod servers;
pub(crate) mod small;
mod sources;
mod sources_first;
mod watch;
mod watched;
mod watching;
mod waves;
mod whereis;

pub(crate) use on_clusters::{OnClusters, Said};
