//! How long and where.

use std::time::Duration;

/// Until a process is ready, on a machine that does much else.
pub(super) const READY: Duration = Duration::from_mins(2);

/// Until proxies have taken a configuration.
pub(super) const SETTLES: Duration = Duration::from_secs(30);

/// How long nothing may happen in an istiod before what it sent counts as all: it waits 10 ms for further changes itself.
pub(super) const QUIET: Duration = Duration::from_millis(300);

/// One request of a pod, and one connection.
pub(super) const REQUEST: Duration = Duration::from_secs(10);

/// Until a request stands in an access log.
pub(super) const LOGGED: Duration = Duration::from_secs(10);

/// After which an address counts as unreachable, where no answer is expected.
pub(super) const UNREACHABLE: Duration = Duration::from_secs(2);
