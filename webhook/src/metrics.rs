//! Metrics, in the text format of OpenMetrics. No label tells a name or a namespace.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use mesh_admission::Verdict;
use mesh_admission::wire::Hook;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// What is counted.
pub(crate) struct Metrics {
    registry: Registry,
    reviews: Family<ReviewLabels, Counter>,
    /// Of `reviews`, those that passed: nearly all, and so they are not looked up each time.
    mutated: Counter,
    validated: Counter,
    pub(crate) review_seconds: Histogram,
    pub(crate) in_flight: Gauge,
    rejected: Family<WhyLabels, Counter>,
    connections: Family<WhyLabels, Counter>,
    pub(crate) panics: Counter,
    pub(crate) reloads: Family<ResultLabels, Counter>,
    pub(crate) not_after: Gauge,
    pub(crate) names: Gauge,
    pub(crate) view_age: Gauge<f64, AtomicU64>,
    watch_errors: Family<KindLabels, Counter>,
    pub(crate) restarts: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReviewLabels {
    webhook: &'static str,
    /// `allowed`, or the code of a refusal.
    verdict: Cow<'static, str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WhyLabels {
    why: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ResultLabels {
    pub(crate) result: &'static str,
}

/// From a tenth of a millisecond to five seconds.
const BUCKETS: [f64; 12] = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

impl Metrics {
    pub(crate) fn new() -> Arc<Self> {
        let reviews = Family::<ReviewLabels, Counter>::default();
        let passed = |hook| {
            let labels = ReviewLabels { webhook: hook_name(hook), verdict: "allowed".into() };
            reviews.get_or_create(&labels).clone()
        };
        let mut metrics = Self {
            registry: Registry::with_prefix("mesh"),
            mutated: passed(Hook::Mutate),
            validated: passed(Hook::Validate),
            reviews,
            review_seconds: Histogram::new(BUCKETS),
            in_flight: Gauge::default(),
            rejected: Family::default(),
            connections: Family::default(),
            panics: Counter::default(),
            reloads: Family::default(),
            not_after: Gauge::default(),
            names: Gauge::default(),
            view_age: Gauge::default(),
            watch_errors: Family::default(),
            restarts: Counter::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("admission_reviews", "Reviews that were answered", metrics.reviews.clone());
        registry.register_with_unit(
            "admission_review",
            "Time from the whole request to its answer",
            Unit::Seconds,
            metrics.review_seconds.clone(),
        );
        registry.register("admission_in_flight", "Requests that are being read or answered", metrics.in_flight.clone());
        registry.register("admission_rejected", "Requests that are no reviews, or too many", metrics.rejected.clone());
        registry.register("connections_failed", "Connections that came to nothing", metrics.connections.clone());
        registry.register("admission_panics", "Panics while a review was decided", metrics.panics.clone());
        registry.register("tls_reloads", "Certificates that were read anew", metrics.reloads.clone());
        registry.register(
            "tls_not_after_timestamp",
            "When the certificate ends, in seconds of Unix",
            metrics.not_after.clone(),
        );
        registry.register("index_hosts", "Hosts that are known", metrics.names.clone());
        registry.register_with_unit(
            "index_age",
            "How long ago the API server was last reached, and every kind could be watched",
            Unit::Seconds,
            metrics.view_age.clone(),
        );
        registry.register("index_watch_errors", "Watches that failed", metrics.watch_errors.clone());
        registry.register(
            "index_restarts",
            "How often all was read anew, since the cluster may have gone back to an older state",
            metrics.restarts.clone(),
        );
        Arc::new(metrics)
    }

    /// A review was answered.
    pub(crate) fn answered(&self, hook: Hook, verdict: &Verdict) {
        match (verdict, hook) {
            (Verdict::Allowed { .. }, Hook::Mutate) => self.mutated.inc(),
            (Verdict::Allowed { .. }, Hook::Validate) => self.validated.inc(),
            (Verdict::Refused(refusal), _) => {
                let labels = ReviewLabels { webhook: hook_name(hook), verdict: refusal.code.to_string().into() };
                self.reviews.get_or_create(&labels).inc()
            }
        };
    }

    /// A request was no review, or one too many.
    pub(crate) fn rejected(&self, why: &'static str) {
        self.rejected.get_or_create(&WhyLabels { why }).inc();
    }

    /// A connection came to nothing.
    pub(crate) fn connection_failed(&self, why: &'static str) {
        self.connections.get_or_create(&WhyLabels { why }).inc();
    }

    /// A kind could not be watched.
    pub(crate) fn watch_failed(&self, kind: &'static str) {
        self.watch_errors.get_or_create(&KindLabels { kind }).inc();
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("a String takes all");
        text
    }
}

fn hook_name(hook: Hook) -> &'static str {
    match hook {
        Hook::Mutate => "mutate",
        Hook::Validate => "validate",
    }
}
