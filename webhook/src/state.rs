//! What this replica says of itself where people may read it: a key of its own in ConfigMap `mesh-webhook`. `kubectl mesh webhook
//! status` reads it there, so that nobody needs a way to the pods, or to a Secret.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use mesh_admission::Index as _;
use mesh_model::webhook::{LabelReport, ReplicaReport, STATE_CONFIG_MAP, STATE_SECONDS, SelfTest};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::certificates::Certificates;
use crate::index::LiveIndex;
use crate::ready::Readiness;
use crate::self_test;

/// How long what a replica said is kept after it is gone.
const KEPT: SignedDuration = SignedDuration::from_mins(30);
/// How often it is said while something is not as it should be.
const ILL: Duration = Duration::from_secs(5);
/// How often it is looked whether what was said of labels is still so. Somebody may go by it.
const LOOK: Duration = Duration::from_secs(1);
/// Of a view that is older than this nothing is said of labels.
const CURRENT: Duration = Duration::from_secs(30);
/// The field manager of what is said.
const FIELD_MANAGER: &str = "mesh-webhook";

/// Who says it, and what it looks at.
pub(crate) struct Saying {
    pub(crate) client: Client,
    /// The namespace of the ConfigMap.
    pub(crate) namespace: String,
    /// Which replica this is.
    pub(crate) replica: String,
    /// The configuration that the self-test goes by.
    pub(crate) configuration: Option<String>,
    /// Where reviews are answered.
    pub(crate) listens: SocketAddr,
    pub(crate) index: Arc<LiveIndex>,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) readiness: Arc<Readiness>,
}

impl Saying {
    /// Says it again and again, until this is dropped. That it cannot be said keeps nothing else from going on.
    pub(crate) async fn go_on(&self) {
        loop {
            let report = self.report().await;
            if let Err(error) = self.say(Some(&report)).await {
                tracing::warn!(%error, "how this replica is could not be said in ConfigMap {STATE_CONFIG_MAP}");
            }
            // What is not as it should be yet may soon be, and somebody may be waiting for it.
            let is_well = report.missing.is_empty() && report.self_test.is_none_or(|test| test.problem.is_none());
            let pause = if is_well { Duration::from_secs(STATE_SECONDS.into()) } else { ILL };
            self.wait(pause, report.labels.is_some_and(|labels| labels.is_indexed())).await;
        }
    }

    /// Waits until something is to be said again: at once where a cluster that was said to be indexed is not any more, and
    /// soon where one has come to be.
    async fn wait(&self, pause: Duration, was_indexed: bool) {
        let start = Instant::now();
        while start.elapsed() < pause {
            sleep(LOOK.min(pause)).await;
            let is_indexed = self.labels().is_some_and(|labels| labels.is_indexed());
            if is_indexed != was_indexed && (was_indexed || start.elapsed() >= ILL) {
                return;
            }
        }
    }

    /// How workloads bear their labels, where that is known as of now.
    fn labels(&self) -> Option<LabelReport> {
        self.index.labels().filter(|_| self.index.age() <= CURRENT)
    }

    async fn report(&self) -> ReplicaReport {
        let now = Timestamp::now();
        let age = SignedDuration::try_from(self.index.age()).ok();
        ReplicaReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: now,
            missing: self.readiness.missing(),
            reached: age.and_then(|age| now.checked_sub(age).ok()),
            certificates: self.certificates.shown(),
            self_test: self.self_test().await,
            labels: self.labels(),
        }
    }

    /// Whether this replica answers as API servers are told to ask; none where nothing tells how.
    async fn self_test(&self) -> Option<SelfTest> {
        let name = self.configuration.as_ref()?;
        let api: Api<ValidatingWebhookConfiguration> = Api::all(self.client.clone());
        let configuration = api.get(name).await.inspect_err(|error| tracing::debug!(%error, name, "not read")).ok()?;
        let problem = self_test::test(&configuration, Some(own(self.listens))).await.err();
        Some(SelfTest { problem })
    }

    /// Takes back what was said: this replica goes.
    pub(crate) async fn take_back(&self) {
        if let Err(error) = self.say(None).await {
            tracing::debug!(%error, "what this replica said stays");
        }
    }

    async fn say(&self, report: Option<&ReplicaReport>) -> Result<(), kube::Error> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let there = api.get(STATE_CONFIG_MAP).await?.data.unwrap_or_default();
        let text = report.map(|report| serde_json::to_string(report).expect("a report is JSON"));
        let mut data = outdated(&there, Timestamp::now());
        data.insert(self.replica.clone(), text.map_or(Value::Null, Value::from));
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        api.patch(STATE_CONFIG_MAP, &params, &Patch::Merge(json!({ "data": data }))).await.map(|_| ())
    }
}

/// What is taken away: what replicas said that are gone, and what does not read.
fn outdated(there: &BTreeMap<String, String>, now: Timestamp) -> BTreeMap<String, Value> {
    let is_new = |text: &str| {
        let report: Option<ReplicaReport> = serde_json::from_str(text).ok();
        report.is_some_and(|report| now.duration_since(report.at) < KEPT)
    };
    there.iter().filter(|(_, text)| !is_new(text)).map(|(replica, _)| (replica.clone(), Value::Null)).collect()
}

/// Where this process itself reaches what it listens on.
fn own(listens: SocketAddr) -> SocketAddr {
    match listens {
        SocketAddr::V4(address) if address.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        SocketAddr::V6(address) if address.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
        one => one,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_replicas_said_that_are_gone_is_taken_away() {
        let now: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
        let said = |at: &str| {
            let at = at.parse().unwrap();
            let report = ReplicaReport {
                version: "1".into(),
                at,
                missing: Vec::new(),
                reached: None,
                certificates: None,
                self_test: None,
                labels: None,
            };
            serde_json::to_string(&report).unwrap()
        };
        let there = [
            ("fresh", said("2026-06-01T11:58:00Z")),
            ("of-a-clock-ahead", said("2026-06-01T12:01:00Z")),
            ("gone", said("2026-06-01T11:00:00Z")),
            ("broken", "{".to_owned()),
        ];
        let there = there.map(|(name, text)| (name.to_owned(), text)).into();
        let taken: Vec<String> = outdated(&there, now).into_keys().collect();
        assert_eq!(taken, ["broken", "gone"]);
    }

    #[test]
    fn a_replica_asks_itself_where_it_listens() {
        for (listens, asked) in
            [("0.0.0.0:10250", "127.0.0.1:10250"), ("[::]:10250", "[::1]:10250"), ("127.0.0.2:9", "127.0.0.2:9")]
        {
            assert_eq!(own(listens.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
