//! One problem of one object, and many of them put together: an object that stands in the way of a thousand hosts is one
//! finding.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_model::finding::{Code, Finding, Severity};
use mesh_model::name::{ClusterName, Host};
use mesh_model::owned::ObjectKey;

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) severity: Severity,
    pub(crate) cluster: Option<ClusterName>,
    pub(crate) place: Arc<str>,
    /// What is wrong and what a client sees, without the host.
    pub(crate) what: String,
}

impl Problem {
    /// With the usual severity of its code.
    pub(crate) fn new(code: Code, cluster: Option<&ClusterName>, place: impl Into<Arc<str>>, what: String) -> Self {
        Self { code, severity: code.severity(), cluster: cluster.cloned(), place: place.into(), what }
    }

    /// Of an object.
    pub(crate) fn of_object(code: Code, cluster: &ClusterName, key: &ObjectKey, what: String) -> Self {
        Self::new(code, Some(cluster), key.to_string(), what)
    }

    /// The same, with another severity than its code has.
    #[must_use]
    pub(crate) fn with_severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    /// Whether requests end there: not of what goes wrong only once something fails, or gets too much.
    pub(crate) fn stops_requests(&self) -> bool {
        self.severity == Severity::Error
            && !matches!(self.code, Code::EntryWeight | Code::EjectionLimited | Code::NoFailover | Code::EntryTwice)
    }

    /// As a finding about these hosts.
    pub(crate) fn finding(self, hosts: &BTreeSet<&Host>) -> Finding {
        let message = match (hosts.first(), hosts.len()) {
            (None, _) => self.what,
            (Some(host), 1) => format!("{host}: {}", self.what),
            (Some(host), count) => format!("{host} and {} more: {}", count - 1, self.what),
        };
        let mut finding = Finding::new(self.code, self.cluster.as_ref(), self.place, message);
        finding.severity = self.severity;
        finding
    }
}

/// Problems, each with the hosts that it is about; none is all.
#[derive(Default)]
pub(crate) struct Problems<'a>(BTreeMap<Problem, BTreeSet<&'a Host>>);

impl<'a> Problems<'a> {
    /// About a host.
    pub(crate) fn about(&mut self, host: &'a Host, problems: impl IntoIterator<Item = Problem>) {
        for problem in problems {
            self.0.entry(problem).or_default().insert(host);
        }
    }

    /// About a cluster or the fleet.
    pub(crate) fn general(&mut self, problems: impl IntoIterator<Item = Problem>) {
        for problem in problems {
            self.0.entry(problem).or_default();
        }
    }

    /// As findings; of those about hosts, only where one of `wanted` is among them.
    pub(crate) fn findings(self, wanted: impl Fn(&Host) -> bool) -> Vec<Finding> {
        let concerned =
            self.0.into_iter().filter(|(_, hosts)| hosts.is_empty() || hosts.iter().any(|host| wanted(host)));
        concerned.map(|(problem, hosts)| problem.finding(&hosts)).collect()
    }
}
