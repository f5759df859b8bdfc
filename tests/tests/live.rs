//! Against real API servers, which `cargo xtask servers` builds, and against API servers of ills.

mod bookstore;
mod killed;
mod on_clusters;
mod on_fakes;
mod overtaken;
mod readme;
mod servers;
mod sources;
mod watch;
mod watching;
