//! What is admitted: reviews as API servers send them, and what is answered.
#![cfg(test)]

mod fixture;
mod hosts;
mod laws;
mod marks;
mod messages;
mod names;
mod wire;
