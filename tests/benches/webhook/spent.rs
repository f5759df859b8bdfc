//! What processes have of the processors.

use std::fs;
use std::time::Duration;

/// What the kernel counts in: hundredths of a second, on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// The time that a process had so far, of all its threads and the kernel for it.
pub(crate) fn of(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    // The name, in brackets, may have blanks in it.
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u32>().expect("a count"));
    TICK * ticks.sum::<u32>()
}
