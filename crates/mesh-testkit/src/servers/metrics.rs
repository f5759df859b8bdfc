//! What an API server was asked, as it counts it itself.

use std::collections::BTreeMap;

use serde_json::Value;

use super::api_server::ApiServer;

/// Verbs of `apiserver_request_total` that change something.
const WRITES: &[&str] = &["APPLY", "DELETE", "DELETECOLLECTION", "PATCH", "POST", "PUT"];

/// Resources that nobody but the server itself writes to: from time to time, or since a Service or a CRD was created.
const ITS_OWN: &[&str] =
    &["apiservices", "apiservices/status", "customresourcedefinitions/status", "ipaddresses", "leases"];

/// Groups whose objects are questions: creating one stores nothing.
const QUESTIONS: &[&str] = &["authentication.k8s.io", "authorization.k8s.io"];

impl ApiServer {
    /// How many requests it has answered since it started, by verb (`GET`, `LIST`, `APPLY`, …) and resource, which is
    /// `deployments` or `deployments/status`. Its own are among them.
    pub fn requests(&self) -> BTreeMap<(String, String), u64> {
        let mut requests = BTreeMap::new();
        for Series { verb, resource, count, .. } in self.series() {
            *requests.entry((verb, resource)).or_default() += count;
        }
        requests
    }

    /// How many of [`Self::requests`] were to change something, whoever sent them and whatever came of them; dry runs,
    /// reviews of access and what the server does by itself are not counted. Two looks at a server that nobody writes to
    /// give the same number.
    pub fn writes(&self) -> u64 {
        let writes = |series: &Series| {
            WRITES.contains(&series.verb.as_str())
                && !series.dry_run
                && !ITS_OWN.contains(&series.resource.as_str())
                && !QUESTIONS.contains(&series.group.as_str())
        };
        self.series().iter().filter(|series| writes(series)).map(|series| series.count).sum()
    }

    /// [`Self::requests`] but those that the server sent itself. This very question is one of them.
    pub fn requests_of_clients(&self) -> BTreeMap<(String, String), u64> {
        let text = self.metrics();
        let mut requests: BTreeMap<(String, String), u64> = BTreeMap::new();
        for Series { verb, resource, count, .. } in text.lines().filter_map(Series::parse) {
            *requests.entry((verb, resource)).or_default() += count;
        }
        for Series { verb, resource, count, .. } in text.lines().filter_map(Series::parse_own) {
            let all = requests.entry((verb, resource)).or_default();
            *all = all.saturating_sub(count);
        }
        requests.retain(|_, count| *count > 0);
        requests
    }

    fn series(&self) -> Vec<Series> {
        self.metrics().lines().filter_map(Series::parse).collect()
    }

    fn metrics(&self) -> String {
        let (status, answer) = self.get("/metrics");
        let Value::String(text) = answer else { panic!("{}: {status}: {answer}", self.name()) };
        text
    }
}

/// One line of `apiserver_request_total`, or of `apiserver_selfrequest_total`.
struct Series {
    verb: String,
    group: String,
    resource: String,
    dry_run: bool,
    count: u64,
}

impl Series {
    fn parse(line: &str) -> Option<Self> {
        Self::parse_labels(line.strip_prefix("apiserver_request_total{")?)
    }

    fn parse_own(line: &str) -> Option<Self> {
        Self::parse_labels(line.strip_prefix("apiserver_selfrequest_total{")?)
    }

    fn parse_labels(labels: &str) -> Option<Self> {
        let (labels, count) = labels.rsplit_once("} ")?;
        let label = |name: &str| {
            // No label of this metric has a quote or a comma in its value.
            labels.split(',').find_map(|label| label.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
        };
        let (resource, subresource) = (label("resource")?, label("subresource")?);
        Some(Self {
            verb: label("verb")?.to_owned(),
            group: label("group")?.to_owned(),
            resource: if subresource.is_empty() { resource.to_owned() } else { format!("{resource}/{subresource}") },
            dry_run: label("dry_run").is_some_and(|dry_run| !dry_run.is_empty()),
            count: count.parse().ok()?,
        })
    }
}
