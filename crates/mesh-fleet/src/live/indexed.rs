//! Workloads by the label of their identity, in clusters that their webhook says are indexed.
//!
//! What has no label is read as well, whatever the webhook says: who was deployed while it was away is found. Its word is
//! only needed for who bears a label that is not theirs.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use jiff::Timestamp;
use mesh_model::host::identity_label;
use mesh_model::kind::Kind;
use mesh_model::owned::IDENTITY_LABEL;
use mesh_model::webhook::{COMPONENT_LABEL, LabelReport, ReplicaReport, STATE_CONFIG_MAP};
use serde::Deserialize;

use super::contact::Contact;
use super::discovery::Served;
use super::observe::{list_all, unserved};
use super::pages::Reader;
use super::{labels, named};
use crate::decode::Part;
use crate::limits::{LABELS_AGE, MAX_LABELS_ASKED, MAX_LABELS_LEFT_OUT, MAX_REPLICAS, MAX_STATES};

/// The workloads that bear the label.
pub(super) const LABELLED: [Kind; 4] = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Rollout];

/// ConfigMaps in which webhooks say how they are.
#[derive(Deserialize)]
struct States {
    #[serde(default)]
    metadata: Page,
    items: Vec<State>,
}

#[derive(Default, Deserialize)]
struct Page {
    #[serde(default, rename = "continue")]
    next: String,
}

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    data: BTreeMap<String, String>,
}

/// What is known of an indexed cluster.
pub(super) struct Index {
    /// The identities that labels stand for; none where they are too many to tell. There may be others by now.
    pub(super) identities: Option<BTreeSet<String>>,
}

/// What workloads can be asked for by label by, at the time `now`: the cluster is indexed by the same key, and most of what
/// it runs has a label. What cannot be read, or says something else, is a no.
///
/// Whoever may write such a ConfigMap can hide who bears a wrong label, which they can give their own workloads only.
pub(super) async fn index(reader: Reader<'_>, now: Timestamp) -> Option<Index> {
    let (component, webhook) = COMPONENT_LABEL;
    let (named, labelled) = (named::selector(STATE_CONFIG_MAP), labels::equal(component, webhook));
    let path = format!("/api/v1/{}?limit={MAX_STATES}&{named}{labelled}", Kind::ConfigMap.plural());
    said(&reader.rest.read(&path).await.ok()?, &reader.policy.keys.identity, now)
}

/// What every replica that said something of late says.
fn said(text: &str, identity_key: &str, now: Timestamp) -> Option<Index> {
    let States { metadata: Page { next }, items } = serde_json::from_str(text).ok()?;
    let said: Vec<&String> = items.iter().flat_map(|state| state.data.values()).collect();
    if !next.is_empty() || said.len() > MAX_REPLICAS {
        return None;
    }
    let reports: Result<Vec<ReplicaReport>, _> = said.into_iter().map(|text| serde_json::from_str(text)).collect();
    let mut reports = reports.ok()?;
    // Clocks differ, in both directions.
    reports.retain(|report| now.duration_since(report.at).abs() < LABELS_AGE);
    let is_so = |labels: &LabelReport| {
        labels.is_indexed() && labels.identity_key == identity_key && labels.nameless <= labels.right
    };
    let labels: Option<Vec<LabelReport>> = reports.into_iter().map(|report| report.labels.filter(is_so)).collect();
    let identities = labels?.into_iter().map(|labels| labels.identities);
    identities
        .reduce(|one, other| Some(one?.into_iter().chain(other?).collect()))
        .map(|identities| Index { identities })
}

/// The workloads of these identities, and those without a label; none where these are too many to ask for.
pub(super) async fn workloads<'i>(
    reader: Reader<'_>,
    served: &Served,
    contact: &Contact,
    identities: impl Iterator<Item = &'i str>,
) -> Option<Part> {
    let labels: BTreeSet<String> = identities.map(identity_label).collect();
    if labels.len() > MAX_LABELS_ASKED {
        return None;
    }
    let without = labels::without(IDENTITY_LABEL);
    let among = labels::among(IDENTITY_LABEL, &labels.into_iter().collect::<Vec<_>>());
    let lists = LABELLED.map(|kind| {
        let queries = [&without, &among];
        async move {
            let Some(base) = served.path(kind) else {
                return unserved(contact, kind).map_or_else(Part::default, |why| reader.unseen(kind, why));
            };
            let mut both = Part::default();
            // In this order: who gets a label in between is in both lists, and not in none.
            for query in queries {
                both.absorb(reader.list(kind, base, query).await);
            }
            both
        }
    });
    let mut whole = Part::default();
    join_all(lists).await.into_iter().for_each(|part| whole.absorb(part));
    let mut known = BTreeSet::new();
    whole.facts.workloads.reverse();
    whole.facts.workloads.retain(|one| known.insert((one.namespace.clone(), one.kind, one.name.clone())));
    Some(whole)
}

/// The workloads of everybody but those of `identities` who are `beyond` what is asked for; none where these are too many to
/// name. Whoever the index does not know yet is among them.
pub(super) async fn workloads_but(
    reader: Reader<'_>,
    served: &Served,
    contact: &Contact,
    (identities, beyond): (&BTreeSet<String>, &BTreeSet<&str>),
) -> Option<Part> {
    let mut labels: BTreeSet<String> = beyond.iter().map(|identity| identity_label(identity)).collect();
    // Two may have one label.
    for identity in identities.iter().filter(|identity| !beyond.contains(identity.as_str())) {
        labels.remove(&identity_label(identity));
    }
    if labels.is_empty() || labels.len() > MAX_LABELS_LEFT_OUT {
        return None;
    }
    let query = labels::not_among(IDENTITY_LABEL, &labels.into_iter().collect::<Vec<_>>());
    Some(list_all(reader, served, contact, &LABELLED, &query).await)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    use super::*;

    type Change = fn(&mut Value);

    fn now() -> Timestamp {
        "2026-06-01T12:00:00Z".parse().unwrap()
    }

    fn report(seconds_ago: i64, change: impl FnOnce(&mut Value)) -> Value {
        let at = now() - SignedDuration::from_secs(seconds_ago);
        let labels = json!({"identityKey": "identity", "right": 7, "wrong": 0, "missing": 0, "nameless": 7});
        let mut report = json!({"version": "1", "at": at, "labels": labels});
        change(&mut report);
        report.to_string().into()
    }

    fn good() -> Value {
        report(60, |_| {})
    }

    fn says(data: &[&[Value]]) -> bool {
        let key = |(at, text): (usize, &Value)| (format!("r{at}"), text.clone());
        let map = |all: &&[Value]| all.iter().enumerate().map(key).collect::<serde_json::Map<_, _>>();
        let items: Vec<Value> = data.iter().map(|all| json!({"data": map(all)})).collect();
        said(&json!({"items": items}).to_string(), "identity", now()).is_some()
    }

    #[test]
    fn a_cluster_is_indexed_where_every_replica_that_said_something_of_late_says_so() {
        assert!(says(&[&[good()]]) && says(&[&[good(), report(-60, |_| {})], &[good()]]));
        assert!(says(&[&[good(), report(600, |one| one["labels"]["wrong"] = 1.into())]]), "that is long ago");
        assert!(!says(&[]) && !says(&[&[]]) && !says(&[&[report(90, |_| {})]]) && !says(&[&[report(-90, |_| {})]]));
        let changes: [Change; 8] = [
            |one| one["labels"]["wrong"] = 1.into(),
            |one| one["labels"]["missing"] = 1.into(),
            |one| one["labels"]["nameless"] = 8.into(),
            |one| one["labels"]["identityKey"] = "app".into(),
            |one| one["labels"] = Value::Null,
            |one| one["labels"]["right"] = (-1).into(),
            |one| one["at"] = "yesterday".into(),
            |one| *one = json!([]),
        ];
        for change in changes {
            let bad = report(60, change);
            let (alone, beside) = ([bad.clone()], [good(), bad]);
            assert!(!says(&[&alone]) && !says(&[&[good()], &beside]), "{alone:?}");
        }
    }

    #[test]
    fn identities_are_those_of_all_replicas_if_each_tells_them() {
        let told = |all: &[Value]| {
            let reports =
                all.iter().map(|identities| report(60, |one| one["labels"]["identities"] = identities.clone()));
            let data: BTreeMap<String, Value> =
                reports.enumerate().map(|(at, report)| (format!("r{at}"), report)).collect();
            let text = json!({"items": [{"data": data}]}).to_string();
            said(&text, "identity", now()).unwrap().identities.map(|all| all.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(told(&[json!(["a", "b"])]).unwrap(), ["a", "b"]);
        assert_eq!(told(&[json!(["a", "b"]), json!(["c", "b"])]).unwrap(), ["a", "b", "c"]);
        assert_eq!(told(&[json!([])]).unwrap(), [""; 0]);
        assert_eq!((told(&[json!(["a"]), json!(null)]), told(&[json!(null), json!(["a"])])), (None, None));
    }

    #[test]
    fn what_is_no_list_of_few_config_maps_says_nothing() {
        let says = |text: &str| said(text, "identity", now()).is_some();
        let item = json!({"data": {"a": good()}});
        assert!(says(&json!({"items": [item, {"metadata": {}}]}).to_string()));
        assert!(!says(&json!({"items": [item], "metadata": {"continue": "x"}}).to_string()), "it goes on");
        for strange in ["", "<html>", "{}", r#"{"items": null}"#, r#"{"items": [{"data": {"a": 7}}]}"#] {
            assert!(!says(strange), "{strange}");
        }
        let crowd: BTreeMap<String, Value> = (0..=MAX_REPLICAS).map(|at| (format!("r{at}"), good())).collect();
        assert!(!says(&json!({"items": [{"data": crowd}]}).to_string()));
    }
}
