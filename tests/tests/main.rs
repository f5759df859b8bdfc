//! One binary for all tests of the whole program; one module per story.

mod arrows;
mod policy;
mod schema;
