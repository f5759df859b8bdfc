//! The threads of a live fleet, which are not waited for: a credential plugin that never ends must not keep the program.

use std::io;
use std::ops::Deref;

use tokio::runtime::{Builder, Runtime};

/// A runtime whose end does not wait for what still blocks.
pub(crate) struct Background(Option<Runtime>);

impl Background {
    /// Starts the threads.
    pub(crate) fn start() -> io::Result<Self> {
        Builder::new_multi_thread().enable_all().build().map(|runtime| Self(Some(runtime)))
    }
}

impl Deref for Background {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
