//! One line on a terminal that says how far a long run is. It is gone once the run ends.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use mesh_fleet::run::Progress;
use mesh_render::escape;

use crate::limits::PATIENCE;

/// Clears the line that the cursor is on (ECMA-48 CR and EL).
const CLEAR: &str = "\r\x1b[K";

/// The line. It needs a terminal on stderr, and shows nothing elsewhere.
pub(crate) struct ProgressLine {
    since: Instant,
    has_terminal: bool,
    is_shown: AtomicBool,
}

impl ProgressLine {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), has_terminal: io::stderr().is_terminal(), is_shown: AtomicBool::new(false) }
    }

    pub(crate) fn show(&self, progress: &Progress) {
        if !self.has_terminal || self.since.elapsed() < PATIENCE {
            return;
        }
        self.is_shown.store(true, Ordering::Relaxed);
        let _ = write!(io::stderr(), "{CLEAR}{}", text(progress));
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.is_shown.load(Ordering::Relaxed) {
            let _ = write!(io::stderr(), "{CLEAR}");
        }
    }
}

fn text(progress: &Progress) -> String {
    let waiting = match &progress.slowest {
        Some(name) if progress.done < progress.total => {
            let name: String = escape::line(name).chars().take(40).collect();
            format!(", waiting for {name}")
        }
        _ => String::new(),
    };
    format!("{}: {} of {}{waiting}", progress.doing, progress.done, progress.total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_who_is_waited_for() {
        let progress = Progress { doing: "reading", done: 2, total: 3, slowest: Some("c\u{1b}[31m3".into()) };
        assert_eq!(text(&progress), r"reading: 2 of 3, waiting for c\u{1b}[31m3");
        assert_eq!(text(&Progress { done: 3, ..progress }), "reading: 3 of 3");
    }
}
