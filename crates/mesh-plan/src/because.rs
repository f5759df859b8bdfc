//! Why: the rule and the source objects behind a generated value or a step.

use std::sync::Arc;

use mesh_model::origin::Origin;
use serde::Serialize;

/// Why something is as it is. Data: the plan's reasons and `explain` print it, nothing recomputes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Because {
    /// The field of the object (`endpoints/c1-gw.example.`, `trafficPolicy/outlierDetection`), or empty for the whole.
    pub field: Arc<str>,
    /// The rule in words: lower case, no final period.
    pub rule: Arc<str>,
    /// The objects that it was applied to, sorted.
    pub sources: Vec<Origin>,
}

impl Because {
    /// A reason for the whole object.
    pub fn whole(rule: impl Into<Arc<str>>, sources: Vec<Origin>) -> Self {
        Self::field("", rule, sources)
    }

    /// A reason for one field.
    pub fn field(field: impl Into<Arc<str>>, rule: impl Into<Arc<str>>, mut sources: Vec<Origin>) -> Self {
        sources.sort();
        sources.dedup();
        Self { field: field.into(), rule: rule.into(), sources }
    }
}
