//! Against real API servers, which `cargo xtask servers` builds.

mod servers;
