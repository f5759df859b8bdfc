//! A Kubernetes Event in each cluster that a sync wrote to: who wrote, how much, and what was left. It tells people and is
//! read by nobody here; a sync without it is as good, so that whatever goes wrong with it is no failure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use mesh_model::name::{ClusterName, Namespace};
use mesh_plan::plan::{Action, Plan};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::LiveFleet;
use super::contact::POLICY_CONFIG_MAP;
use super::crowd::each;
use super::rest::{Rest, Write};
use super::rule::missing_rule;
use super::write::FIELD_MANAGER;
use crate::limits::{EVENTS_TIMEOUT, MAX_NOTE, MAX_USER};
use crate::report::{ApplyReport, Outcome};
use crate::run::Run;

/// Where a server is asked who we are. Every user may ask that.
const WHO: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
/// Which of our programs wrote.
const INSTANCE: &str = concat!("kubectl-mesh/", env!("CARGO_PKG_VERSION"));

/// What came of writing in one cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    created: usize,
    updated: usize,
    deleted: usize,
    failed: usize,
    held: usize,
}

impl LiveFleet {
    /// Notes in each cluster that was written to what was written: one Event in its sync namespace. Returns why that could
    /// not be done, by cluster.
    pub fn note_in_events(&self, plan: &Plan, report: &ApplyReport) -> Vec<(ClusterName, String)> {
        let written: Vec<(ClusterName, Counts)> =
            counts(plan, report).into_iter().filter(|(_, counts)| counts.written() > 0).collect();
        let deadline = Instant::now() + EVENTS_TIMEOUT;
        // What was written is noted, also where somebody stopped the run.
        let noted = each(
            &written,
            self.limits.parallel,
            "",
            Run::QUIET,
            |(name, _)| name.to_string(),
            |index| {
                let (cluster, counts) = &written[index];
                async move { self.note(cluster, *counts, deadline).await }
            },
        );
        let noted = self.runtime.block_on(noted).into_iter().zip(&written);
        noted.filter_map(|(noted, (cluster, _))| Some((cluster.clone(), noted?.err()?))).collect()
    }

    async fn note(&self, cluster: &ClusterName, counts: Counts, deadline: Instant) -> Result<(), String> {
        let rest = self.contact(cluster)?.rest.until(deadline);
        let user = self.user(cluster, &rest).await;
        let namespace = &self.policy.sync_namespace;
        let event = event(namespace, &counts.in_words(user.as_deref(), self.policy.revision), counts, Timestamp::now());
        let path = format!("/api/v1/namespaces/{namespace}/events?fieldManager={FIELD_MANAGER}");
        rest.write(Write::Create, &path, &event).await.map(drop).map_err(|error| {
            if error.is_forbidden() {
                format!("forbidden; {} ({error})", missing_rule("", "events", &["create"]))
            } else {
                error.to_string()
            }
        })
    }

    /// Who we are for the server: nobody else knows what a token or a certificate stands for. Asked once a cluster.
    async fn user(&self, cluster: &ClusterName, rest: &Rest) -> Option<String> {
        if let Some(known) = self.users.lock().expect("no holder panics").get(cluster) {
            return Some(known.clone());
        }
        let question = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let answer = rest.write(Write::Create, WHO, &question).await.ok()?;
        let user = answer.pointer("/status/userInfo/username").and_then(Value::as_str)?;
        let user: String = user.chars().filter(|char| !char.is_control()).take(MAX_USER).collect();
        self.users.lock().expect("no holder panics").insert(cluster.clone(), user.clone());
        Some(user)
    }
}

fn counts(plan: &Plan, report: &ApplyReport) -> BTreeMap<ClusterName, Counts> {
    let mut clusters: BTreeMap<ClusterName, Counts> = BTreeMap::new();
    // Claims are no generated objects.
    for result in report.results.iter().filter(|result| !result.key.kind.is_of_claims()) {
        let counts = clusters.entry(result.cluster.clone()).or_default();
        match result.outcome {
            Outcome::Created => counts.created += 1,
            Outcome::Updated => counts.updated += 1,
            Outcome::Deleted => counts.deleted += 1,
            Outcome::Incomplete(_) | Outcome::Moved(_) | Outcome::Failed(_) | Outcome::NotTried(_) => {
                counts.failed += 1;
            }
        }
    }
    for step in plan.steps.iter().filter(|step| matches!(step.action, Action::Hold { .. })) {
        clusters.entry(step.cluster.clone()).or_default().held += 1;
    }
    clusters
}

impl Counts {
    fn written(self) -> usize {
        self.created + self.updated + self.deleted
    }

    fn in_words(self, user: Option<&str>, revision: u64) -> String {
        let Self { created, updated, deleted, failed, held } = self;
        let user = user.unwrap_or("a user that its API server does not name");
        let text = format!(
            "{user} wrote {} generated objects ({created} created, {updated} updated, {deleted} deleted) under revision \
             {revision} of the policy; {failed} not written, {held} held",
            self.written()
        );
        let end = text.char_indices().map(|(at, char)| at + char.len_utf8()).take_while(|end| *end <= MAX_NOTE).last();
        text[..end.unwrap_or(0)].to_owned()
    }
}

/// About the ConfigMap of the policy: an Event lies in the namespace of what it is about, and this is what every synced
/// cluster has there. In the core group, which all versions of Kubernetes serve and `kubectl get events` reads.
fn event(namespace: &Namespace, note: &str, counts: Counts, now: Timestamp) -> Value {
    let seconds = format!("{now:.0}");
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": format!("{POLICY_CONFIG_MAP}."), "namespace": &**namespace},
        "involvedObject": {"apiVersion": "v1", "kind": "ConfigMap", "namespace": &**namespace, "name": POLICY_CONFIG_MAP},
        "type": if counts.failed > 0 { "Warning" } else { "Normal" },
        "reason": if counts.failed > 0 { "MeshSyncedInPart" } else { "MeshSynced" },
        "action": "Sync",
        "message": note,
        "eventTime": format!("{now:.6}"),
        "firstTimestamp": &seconds,
        "lastTimestamp": &seconds,
        "count": 1,
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": INSTANCE,
        "source": {"component": FIELD_MANAGER},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_who_and_how_much_and_fits_into_an_event() {
        let counts = Counts { created: 10, updated: 2, deleted: 1, failed: 3, held: 4 };
        let note = counts.in_words(Some("alice"), 7);
        assert_eq!(
            note,
            "alice wrote 13 generated objects (10 created, 2 updated, 1 deleted) under revision 7 of the policy; 3 not \
             written, 4 held"
        );
        assert!(counts.in_words(None, 7).starts_with("a user that its API server does not name wrote 13"));
        let long = counts.in_words(Some(&"ü".repeat(2 * MAX_NOTE)), 7);
        assert!(long.len() <= MAX_NOTE && long.ends_with('ü'), "{}", long.len());
        let event = event(&Namespace::parse("mesh-sync").unwrap(), &note, counts, Timestamp::UNIX_EPOCH);
        assert_eq!((&event["type"], &event["reason"]), (&json!("Warning"), &json!("MeshSyncedInPart")));
        assert_eq!(event["eventTime"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(event["lastTimestamp"], "1970-01-01T00:00:00Z");
    }
}
