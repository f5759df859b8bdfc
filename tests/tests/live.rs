//! Against real API servers, which `cargo xtask servers` builds.

mod bookstore;
mod on_clusters;
mod readme;
mod servers;
mod sources;
