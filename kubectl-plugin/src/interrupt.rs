//! Ctrl-C: at once while nothing is written, between two files while something is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::error::CommandError;
use crate::exit::Exit;

/// Whether somebody asked to stop.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on Ctrl-C (and a termination) is noticed instead of ending the program.
    pub(crate) fn notice() -> Result<Self, CommandError> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&flag))
                .map_err(|error| CommandError::new(Exit::NothingDone, "cannot listen for interrupts").because(error))?;
        }
        Ok(Self(flag))
    }

    /// Whether somebody asked to stop by now.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
