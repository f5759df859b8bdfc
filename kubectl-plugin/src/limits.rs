//! Every bound of the program itself: what it reads of a command line, how long it waits, how much it names.

use std::time::Duration;

/// Longest `fleet.yaml` that is read, in bytes.
pub(crate) const MAX_CONFIG: usize = 64 << 10;
/// Longest saved plan that is read, in bytes: several times the plan of a whole fleet of the design point.
pub(crate) const MAX_SAVED_PLAN: usize = 512 << 20;
/// Largest file that is written or read, in bytes: ten times the names of the design point.
pub(crate) const MAX_CACHE: usize = 8 << 20;
/// Most candidates of one sort: a screen of them is enough, and the shell is not to choke on 20,000 names.
pub(crate) const MAX_CANDIDATES: usize = 500;
/// Most clusters that an error names.
pub(crate) const MAX_HINTS: usize = 5;
/// How often a fleet is read for a run that writes, where its policy changes meanwhile.
pub(crate) const POLICY_TRIES: usize = 3;
/// A run that ends sooner shows none: a line that only flashes tells nobody anything.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);
/// Removals of so long ago are none of the present ones: a watching run has no end, so its budget is one for any such
/// time.
pub(crate) const BUDGET_TIME: Duration = Duration::from_mins(10);
/// The whole fleet is planned at least this often, whatever watches tell.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_mins(5);
/// The pause before what could not be written is tried again; each further one doubles it.
pub(crate) const WATCH_RETRY: Duration = Duration::from_secs(1);
/// Longest such pause.
pub(crate) const WATCH_RETRY_AT_MOST: Duration = Duration::from_secs(30);
/// The pause before a fleet that cannot be opened is opened again.
pub(crate) const OPEN_AGAIN: Duration = Duration::from_secs(5);
/// Names and clusters that a line lists.
pub(crate) const LISTED_NAMES: usize = 4;
/// How often a run that has written claims reads them once more: a new one is carried first, and confirmed then.
pub(crate) const CLAIM_ROUNDS: usize = 3;
