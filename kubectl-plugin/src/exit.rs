//! What the program's exit status says.

use std::process;

/// The exit status. When several apply, [`Exit::merge`] takes the one that matters most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// 0: done, and nothing to report.
    Success = 0,
    /// 1: differences (`diff`, `plan --exit-code`), findings (`check`), not found, declined.
    Differences = 1,
    /// 2: usage or bad input.
    Usage = 2,
    /// 3: partial, since something is unseen, held or failed.
    Partial = 3,
    /// 4: nothing could be done.
    NothingDone = 4,
    /// 5: the saved plan is stale.
    StalePlan = 5,
    /// 130: interrupted; what was done until then is reported.
    Interrupted = 130,
}

impl Exit {
    /// From the one that matters least to the one that matters most.
    const BY_RANK: [Self; 7] = [
        Self::Success,
        Self::Differences,
        Self::Partial,
        Self::NothingDone,
        Self::Interrupted,
        Self::StalePlan,
        Self::Usage,
    ];

    /// The one of both that matters more: 2, 5, 130, 4, 3, 1, 0.
    pub(crate) fn merge(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    fn rank(self) -> usize {
        Self::BY_RANK.iter().position(|exit| *exit == self).expect("every exit has a rank")
    }
}

impl From<Exit> for process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_that_matters_most_wins_whatever_the_order() {
        for (index, low) in Exit::BY_RANK.iter().enumerate() {
            for high in &Exit::BY_RANK[index..] {
                assert_eq!(low.merge(*high), *high);
                assert_eq!(high.merge(*low), *high);
            }
        }
        let codes = Exit::BY_RANK.map(|exit| exit as u8);
        assert_eq!(codes, [0, 1, 3, 4, 130, 5, 2]);
    }
}
