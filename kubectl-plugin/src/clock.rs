//! The only place that asks what time it is.

use jiff::Timestamp;

use crate::environment::MESH_NOW;
use crate::error::CommandError;

/// The time of this run, in whole seconds: it is written into annotations, where more says nothing.
pub(crate) fn now() -> Result<Timestamp, CommandError> {
    let now = match std::env::var(MESH_NOW) {
        Ok(text) => text.parse::<Timestamp>().map_err(|error| {
            CommandError::usage(format!("{MESH_NOW} {text:?} is not an RFC 3339 time")).because(error)
        })?,
        Err(_) => Timestamp::now(),
    };
    Ok(Timestamp::from_second(now.as_second()).expect("the seconds of a legal time are legal"))
}
