//! Metrics, in the text format of OpenMetrics. No label tells a name or a namespace.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use mesh_admission::RefusalCode;
use mesh_admission::wire::Hook;
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::tally::{InFlight, Seconds, Tallies};

/// What is counted.
pub(crate) struct Metrics {
    registry: Registry,
    /// What reviewers count of their own.
    pub(crate) tallies: Tallies,
    refused: Family<ReviewLabels, Counter>,
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

/// Reviews that were answered: those that passed, which reviewers count, and those that were refused.
#[derive(Debug)]
struct Answered {
    tallies: Tallies,
    refused: Family<ReviewLabels, Counter>,
}

impl EncodeMetric for Answered {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for hook in [Hook::Mutate, Hook::Validate] {
            let labels = ReviewLabels { webhook: hook_name(hook), verdict: "allowed".into() };
            let count = self.tallies.passed_by(hook);
            encoder.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        self.refused.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

impl Metrics {
    pub(crate) fn new() -> Arc<Self> {
        let mut metrics = Self {
            registry: Registry::with_prefix("mesh"),
            tallies: Tallies::default(),
            refused: Family::default(),
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
        let tallies = || metrics.tallies.clone();
        let answered = Answered { tallies: tallies(), refused: metrics.refused.clone() };
        registry.register("admission_reviews", "Reviews that were answered", answered);
        registry.register_with_unit(
            "admission_review",
            "Time from the whole request to its answer",
            Unit::Seconds,
            Seconds(tallies()),
        );
        registry.register("admission_in_flight", "Requests that are being read or answered", InFlight(tallies()));
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

    /// A review was refused.
    pub(crate) fn refused(&self, hook: Hook, code: RefusalCode) {
        let labels = ReviewLabels { webhook: hook_name(hook), verdict: code.to_string().into() };
        self.refused.get_or_create(&labels).inc();
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
