//! Logs go to standard error. They tell of reviews what they are about and what became of them, never what is in them.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;

/// Variable with what is logged, as `tracing` has it: `warn`, `mesh_webhook=debug`.
const VARIABLE: &str = "MESH_LOG";

/// Starts them.
pub(crate) fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Json => logs.json().init(),
        LogFormat::Text => logs.with_ansi(false).init(),
    }
}
