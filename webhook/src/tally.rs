//! What each reviewer counts of its own. Threads that count in one place wait for one another; these are added up when
//! somebody asks.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mesh_admission::wire::Hook;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// From a tenth of a millisecond to five seconds, in microseconds.
const BUCKETS: [u64; 12] = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000];
const MICROS: f64 = 1e6;

/// The counts of one reviewer. No two of them share a line of a processor's cache.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Tally {
    in_flight: AtomicI64,
    /// Reviews that passed: of the mutating webhook, and of the validating one.
    passed: [AtomicU64; 2],
    /// By bucket; those that took longer than all are the last.
    took: [AtomicU64; BUCKETS.len() + 1],
    nanos: AtomicU64,
}

impl Tally {
    /// A review passed.
    pub(crate) fn passed(&self, hook: Hook) {
        self.passed[hook as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A review was answered within so long.
    pub(crate) fn took(&self, time: Duration) {
        let micros = time.as_nanos().div_ceil(1_000);
        let bucket = BUCKETS.iter().position(|most| micros <= u128::from(*most)).unwrap_or(BUCKETS.len());
        self.took[bucket].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Requests that are being read or answered.
    pub(crate) fn in_flight(&self) -> i64 {
        self.in_flight.load(Ordering::Relaxed)
    }
}

/// The room of a request among those that are read or answered. It is given back whatever becomes of the request: who asked may
/// have hung up.
pub(crate) struct Room<'t>(&'t Tally);

impl<'t> Room<'t> {
    /// None if `most` are there already.
    pub(crate) fn take(tally: &'t Tally, most: i64) -> Option<Self> {
        let before = tally.in_flight.fetch_add(1, Ordering::Relaxed);
        Some(Self(tally)).filter(|_| before < most)
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Those of all reviewers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tallies(Arc<Mutex<Vec<Arc<Tally>>>>);

impl Tallies {
    /// One for another reviewer.
    pub(crate) fn another(&self) -> Arc<Tally> {
        let tally = Arc::<Tally>::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&tally));
        tally
    }

    /// How many reviews of a webhook passed.
    pub(crate) fn passed_by(&self, hook: Hook) -> u64 {
        self.sum(|tally| &tally.passed[hook as usize])
    }

    fn in_flight(&self) -> i64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|tally| tally.in_flight()).sum()
    }

    fn sum(&self, count: impl Fn(&Tally) -> &AtomicU64) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|tally| count(tally).load(Ordering::Relaxed)).sum()
    }
}

/// Requests that are being read or answered, as a gauge.
#[derive(Debug)]
pub(crate) struct InFlight(pub(crate) Tallies);

impl EncodeMetric for InFlight {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.0.in_flight())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

/// How long reviews took, as a histogram.
#[derive(Debug)]
pub(crate) struct Seconds(pub(crate) Tallies);

impl EncodeMetric for Seconds {
    #[expect(clippy::cast_precision_loss, reason = "seconds are shown, to the microsecond")]
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let ends = BUCKETS.into_iter().map(|most| most as f64 / MICROS).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> =
            ends.enumerate().map(|(bucket, end)| (end, self.0.sum(|tally| &tally.took[bucket]))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let seconds = self.0.sum(|tally| &tally.nanos) as f64 / MICROS / 1e3;
        encoder.encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use mesh_admission::RefusalCode;

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn what_reviewers_count_is_added_up() {
        let metrics = Metrics::new();
        let (one, other) = (metrics.tallies.another(), metrics.tallies.another());
        one.passed(Hook::Mutate);
        other.passed(Hook::Mutate);
        other.passed(Hook::Validate);
        metrics.refused(Hook::Validate, RefusalCode::Held);
        one.took(Duration::from_micros(100));
        one.took(Duration::from_nanos(100_001));
        other.took(Duration::from_secs(6));
        let _room = Room::take(&other, 1).unwrap();
        assert!(Room::take(&other, 1).is_none());
        let text = metrics.text();
        for line in [
            r#"mesh_admission_reviews_total{webhook="mutate",verdict="allowed"} 2"#,
            r#"mesh_admission_reviews_total{webhook="validate",verdict="allowed"} 1"#,
            r#"mesh_admission_reviews_total{webhook="validate",verdict="MESH-E101"} 1"#,
            r#"mesh_admission_review_seconds_bucket{le="0.0001"} 1"#,
            r#"mesh_admission_review_seconds_bucket{le="0.0002"} 2"#,
            r#"mesh_admission_review_seconds_bucket{le="5.0"} 2"#,
            r#"mesh_admission_review_seconds_bucket{le="+Inf"} 3"#,
            "mesh_admission_review_seconds_count 3",
            "mesh_admission_in_flight 1",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }
}
