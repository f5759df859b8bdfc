//! The built webhook beside a real API server, which asks it by the configuration that the chart renders.

mod accounts;
mod alone;
mod authority;
mod conflicts;
mod engines;
mod indexed;
mod input;
mod kubectl;
mod leaving;
mod outage;
mod process;
mod release;
mod replicas;
mod rivals;
mod rotation;
mod running;
mod status;
mod storms;
mod strict;
mod terminal;
mod watches;
