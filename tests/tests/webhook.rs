//! The built webhook beside a real API server, which asks it by the configuration that the chart renders.

mod accounts;
mod conflicts;
mod input;
mod release;
mod running;
mod status;
