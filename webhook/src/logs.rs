//! Logs go to standard error. They tell of reviews what they are about and what became of them, never what is in them.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;

/// Variable with what is logged, as `tracing` has it: `warn`, `mesh_webhook=debug`.
const VARIABLE: &str = "MESH_LOG";

/// What would log bodies, whatever else is asked for.
const BODIES: &str = "kube_client::client=off";

/// Starts them.
pub(crate) fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new("info"));
    // It logs whole answers that it cannot read.
    let filter = filter.add_directive(BODIES.parse().expect("a directive"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Json => logs.json().init(),
        LogFormat::Text => logs.with_ansi(false).init(),
    }
}
