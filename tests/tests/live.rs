//! Against real API servers, which `cargo xtask servers` builds, and fake ones where a test wants ills.

mod bookstore;
mod on_clusters;
mod readme;
mod servers;
mod sources;
mod watch;
mod watching;
