//! How long and how much.

use std::time::Duration;

/// Until a server is ready. It takes three seconds on two idle cores.
pub(super) const READY: Duration = Duration::from_mins(2);

/// Until what was created is served or in force: CRDs, roles.
pub(super) const IN_FORCE: Duration = Duration::from_secs(30);

/// One request.
pub(super) const REQUEST: Duration = Duration::from_secs(30);

/// Between two looks at a condition that can only be asked for.
pub(super) const LOOK: Duration = Duration::from_millis(25);

/// Further users of a cluster, beside its administrator.
pub(super) const USERS: usize = 8;

/// How often a start is tried again, since another process may take a free port between the choice and the use of it.
pub(super) const STARTS: usize = 3;

/// The end of a server's log that is shown when it does not start, in lines.
pub(super) const LOG_LINES: usize = 15;
