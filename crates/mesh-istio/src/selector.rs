//! Which workloads an Istio object is for.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

/// `workloadSelector` of networking objects, `selector` of security ones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadSelector {
    /// Labels, as networking objects name them.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// Labels, as security objects name them.
    pub match_labels: BTreeMap<Arc<str>, Arc<str>>,
}

impl WorkloadSelector {
    /// Every label that is asked for; without any, everything is meant.
    pub fn wanted(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().chain(&self.match_labels).map(|(key, value)| (&**key, &**value))
    }

    /// Whether it asks for nothing: everything is meant.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.match_labels.is_empty()
    }
}
