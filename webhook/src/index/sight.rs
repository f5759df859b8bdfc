//! Kinds that cannot be watched: what is known of them gets old.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::time::Instant;

/// A kind that failed is well again when it has not failed for so long: longer than a watch waits before it tries again. That a
/// watch goes on is not told where nothing changes.
const WELL_AFTER: Duration = Duration::from_mins(1);

/// The kinds that failed of late.
#[derive(Default)]
pub(super) struct Sight {
    /// None of them is the rule, and costs those who ask next to nothing.
    failing: ArcSwapOption<Vec<Failing>>,
    writing: Mutex<()>,
}

#[derive(Clone, Copy)]
struct Failing {
    kind: &'static str,
    since: Instant,
    last: Instant,
}

impl Sight {
    /// A watch of this kind failed.
    pub(super) fn failed(&self, kind: &'static str, now: Instant) {
        self.change(|failing| {
            if let Some(known) = failing.iter_mut().find(|one| one.kind == kind && one.counts(now)) {
                known.last = now;
            } else {
                failing.retain(|one| one.kind != kind);
                failing.push(Failing { kind, since: now, last: now });
            }
        });
    }

    /// A watch of this kind told something.
    pub(super) fn is_well(&self, kind: &'static str) {
        if self.failing.load().is_some() {
            self.change(|failing| failing.retain(|one| one.kind != kind));
        }
    }

    /// How long it is since every kind was watched.
    pub(super) fn age(&self, now: Instant) -> Duration {
        let failing = self.failing.load();
        let counting = failing.iter().flat_map(|all| all.iter()).filter(|one| one.counts(now));
        counting.map(|one| now - one.since).max().unwrap_or_default()
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Failing>)) {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failing = self.failing.load().as_deref().cloned().unwrap_or_default();
        change(&mut failing);
        self.failing.store((!failing.is_empty()).then(|| Arc::new(failing)));
    }
}

impl Failing {
    fn counts(&self, now: Instant) -> bool {
        now - self.last < WELL_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_as_old_as_the_first_failure_of_a_kind_that_goes_on_failing() {
        let (sight, start) = (Sight::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        let age = |seconds| sight.age(after(seconds)).as_secs();
        assert_eq!(age(0), 0);
        for failures in 0..=10 {
            sight.failed("Deployment", after(failures * 30));
        }
        sight.failed("Rollout", after(300));
        assert_eq!(age(300), 300);
        sight.is_well("Deployment");
        assert_eq!((age(300), age(330)), (0, 30));
        assert_eq!(age(360), 0, "it has not failed since");
        sight.failed("Rollout", after(400));
        assert_eq!((age(400), age(410)), (0, 10), "and begins anew");
    }
}
