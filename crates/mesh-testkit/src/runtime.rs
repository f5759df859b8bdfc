//! The runtime of the servers and clients of this crate: one for the process, so that tests stay blocking code.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

/// Two threads serve hundreds of idle clusters, and do not crowd out the program under test.
const THREADS: usize = 2;

/// The runtime, started when it is first asked for. It lives as long as the process.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("testkit")
            .enable_all()
            .build()
            .expect("a process may start threads")
    })
}
