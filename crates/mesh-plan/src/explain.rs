//! Why a cluster holds what it holds of a name, field by field; and why another holds nothing.
//!
//! The reasons are those that `desire` recorded. Nothing here decides again: where no reason was recorded for a field, its
//! value is the same in every fleet and the rule is a sentence of the module `field`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_model::fleet::FleetSnapshot;
use mesh_model::host::{destination_rule_name, service_entry_name};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host, Identity};
use mesh_model::origin::{Origin, Part};
use mesh_model::owned::ObjectKey;
use mesh_model::policy::MeshPolicy;
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use crate::because::Because;
use crate::desired::{Desired, DesiredObject, Name, PolicyChoice, Role};
use crate::lookup::{NotFound, find};
use crate::scope::matches_glob;
use crate::whereis::{IdleWorkload, idle_workloads};

mod absence;
mod facts;
mod field;

use absence::{why_left_out, why_nothing};
use facts::About;
use field::{FieldFilter, fields_of};
pub use field::{KNOWN_FIELDS, is_known_field};

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Question<'a> {
    /// Any key that [`find`] knows.
    pub name: &'a str,
    /// Only this cluster, or the clusters of this glob.
    pub cluster: Option<&'a str>,
    /// Only this field: `endpoints`, `exportTo`, `trafficPolicy/outlierDetection`, `outlierDetection`.
    pub field: Option<&'a str>,
}

/// The answer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The key as given.
    pub key: String,
    /// Every name that it means.
    pub names: Vec<NameExplanation>,
    /// Workloads that it means and that serve no name, with the reason.
    pub idle: Vec<IdleWorkload>,
}

/// One name.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NameExplanation {
    /// Its base host.
    pub name: Host,
    /// Its identity.
    pub identity: Identity,
    /// Its env.
    pub env: Arc<str>,
    /// Its objects; equal ones of several clusters once.
    pub objects: Vec<ObjectExplanation>,
    /// Live objects that nothing asks for but that must stay.
    pub kept: Vec<KeptObject>,
    /// Source clusters whose endpoint other clusters do not get.
    pub left_out: Vec<LeftOut>,
    /// Clusters that hold nothing of it.
    pub nothing: Vec<Nothing>,
    /// Policies that were considered: those that count first.
    pub policies: Vec<PolicyChoice>,
}

/// One object, as it should be in one or more clusters.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectExplanation {
    /// Which object.
    pub object: ObjectKey,
    /// The host it is for.
    pub host: Host,
    /// The clusters that hold it, with the reason.
    pub clusters: Vec<Holder>,
    /// Reasons for the object as a whole.
    pub because: Vec<Reason>,
    /// Its fields.
    pub fields: Vec<FieldExplanation>,
}

/// A cluster that holds an object.
#[derive(Debug, Clone, Serialize)]
pub struct Holder {
    /// The cluster.
    pub cluster: ClusterName,
    /// What it is to the name.
    pub role: Role,
    /// Why.
    pub because: Arc<Because>,
}

/// One field of an object.
#[derive(Debug, Clone, Serialize)]
pub struct FieldExplanation {
    /// `endpoints/<address>`, `ports`, `trafficPolicy/<part>`, …
    pub field: String,
    /// Its value; none when it is not set.
    pub value: Option<Value>,
    /// Why, at least one.
    pub because: Vec<Reason>,
}

/// A rule and the objects it was applied to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reason {
    /// Lower case, no final period.
    pub rule: Arc<str>,
    /// Sorted.
    pub sources: Vec<Origin>,
    /// Whether this is why a value was kept that would be another if everything could be seen.
    pub held: bool,
}

/// A live object that nothing asks for but that must stay.
#[derive(Debug, Clone, Serialize)]
pub struct KeptObject {
    /// Its cluster.
    pub cluster: ClusterName,
    /// Which object.
    pub object: ObjectKey,
    /// Why it stays.
    pub because: Reason,
}

/// A source cluster whose endpoint others do not get.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// The source cluster.
    pub cluster: ClusterName,
    /// The clusters whose entry lacks it.
    pub missing_in: Vec<ClusterName>,
    /// Why.
    pub why: String,
}

/// A cluster that holds nothing of a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Nothing {
    /// The cluster.
    pub cluster: String,
    /// Why.
    pub why: String,
    /// The objects that led to it, sorted.
    pub sources: Vec<Origin>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExplainError {
    /// The key means nothing.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// No generated object has such a field.
    #[error("no generated object has a field {field:?}")]
    UnknownField {
        /// As given.
        field: String,
    },
}

/// Explains every name that `question.name` means.
pub fn explain(
    question: &Question<'_>,
    fleet: &FleetSnapshot,
    policy: &MeshPolicy,
    desired: &Desired,
) -> Result<Explanation, ExplainError> {
    let filter = match question.field {
        None => FieldFilter::All,
        Some(field) => {
            FieldFilter::parse(field).ok_or_else(|| ExplainError::UnknownField { field: field.to_owned() })?
        }
    };
    let found = find(question.name, desired, fleet)?;
    let wanted = |cluster: &str| question.cluster.is_none_or(|glob| matches_glob(glob, cluster));
    let names = found
        .names
        .keys()
        .map(|base| {
            let name = &desired.names[*base];
            let about = About { fleet, policy, name };
            let objects = objects_of(base, &wanted, &filter, &about, desired);
            NameExplanation {
                name: (*base).clone(),
                identity: name.identity.clone(),
                env: name.env.clone(),
                left_out: if filter.shows("endpoints") { left_out(base, name, &wanted, desired) } else { Vec::new() },
                nothing: nothing(question.cluster, base, name, fleet, policy, desired),
                kept: kept(name, &wanted, desired),
                policies: policies(name, &filter),
                objects,
            }
        })
        .collect();
    let all = idle_workloads(&found, fleet, policy, desired);
    let here: Vec<IdleWorkload> = all.iter().filter(|workload| wanted(&workload.cluster)).cloned().collect();
    // Where nothing has a name, an answer about the wrong cluster is better than none.
    let idle = if found.names.is_empty() && here.is_empty() { all } else { here };
    Ok(Explanation { key: question.name.to_owned(), names, idle })
}

fn objects_of(
    base: &Host,
    wanted: &dyn Fn(&str) -> bool,
    filter: &FieldFilter,
    about: &About<'_>,
    desired: &Desired,
) -> Vec<ObjectExplanation> {
    // Objects of many clusters are mostly equal: each distinct one is explained once.
    let mut groups: BTreeMap<&ObjectKey, Vec<(&DesiredObject, Vec<Holder>)>> = BTreeMap::new();
    for (cluster, objects) in desired.objects.iter().filter(|(cluster, _)| wanted(cluster)) {
        for (key, object) in objects.iter().filter(|(_, object)| object.base == *base) {
            let holder = Holder { cluster: cluster.clone(), role: object.role, because: object.role_because.clone() };
            let alike = groups.entry(key).or_default();
            match alike.iter_mut().find(|(other, _)| same(other, object)) {
                Some((_, holders)) => holders.push(holder),
                None => alike.push((object, vec![holder])),
            }
        }
    }
    let mut explained: Vec<ObjectExplanation> = groups
        .into_iter()
        .flat_map(|(key, alike)| alike.into_iter().map(move |(object, clusters)| (key, object, clusters)))
        .map(|(key, object, clusters)| ObjectExplanation {
            object: key.clone(),
            host: object.host.clone(),
            because: reasons(object, str::is_empty),
            fields: fields_of(object, &clusters, filter, about),
            clusters,
        })
        .filter(|object| matches!(filter, FieldFilter::All) || !object.fields.is_empty())
        .collect();
    // The base host first, and of each host the ServiceEntry first.
    explained.sort_by_key(|e| (e.host != *base, e.host.clone(), e.object.kind, e.clusters[0].cluster.clone()));
    explained
}

fn same(a: &DesiredObject, b: &DesiredObject) -> bool {
    let shared = Arc::ptr_eq(&a.body, &b.body) || a.body == b.body;
    shared && a.held == b.held && (Arc::ptr_eq(&a.because, &b.because) || a.because == b.because)
}

/// The recorded reasons of the fields that `covers` picks: kept values first.
fn reasons(object: &DesiredObject, covers: impl Fn(&str) -> bool) -> Vec<Reason> {
    let pick = |list: &[Because], held: bool| -> Vec<Reason> {
        let picked = list.iter().filter(|because| covers(&because.field));
        picked.map(|b| Reason { rule: b.rule.clone(), sources: b.sources.clone(), held }).collect()
    };
    let mut all = pick(&object.held, true);
    all.extend(pick(&object.because, false));
    all
}

fn kept(name: &Name, wanted: &dyn Fn(&str) -> bool, desired: &Desired) -> Vec<KeptObject> {
    desired
        .kept
        .iter()
        .filter(|((cluster, key), _)| wanted(cluster) && is_object_of(key, name))
        .map(|((cluster, key), because)| KeptObject {
            cluster: cluster.clone(),
            object: key.clone(),
            because: Reason { rule: because.rule.clone(), sources: because.sources.clone(), held: true },
        })
        .collect()
}

/// Whether an object is named after a host of `name`.
fn is_object_of(key: &ObjectKey, name: &Name) -> bool {
    name.hosts.keys().any(|host| match key.kind {
        Kind::ServiceEntry => *key.name == *service_entry_name(host),
        Kind::DestinationRule => {
            [true, false].into_iter().any(|prefixed| *key.name == *destination_rule_name(host, prefixed))
        }
        _ => false,
    })
}

/// Sources that are missing among the endpoints of the base host's entry somewhere.
fn left_out(base: &Host, name: &Name, wanted: &dyn Fn(&str) -> bool, desired: &Desired) -> Vec<LeftOut> {
    let sources: BTreeSet<&ClusterName> =
        name.places.iter().filter(|place| !place.held).map(|place| &place.cluster).collect();
    let mut missing: BTreeMap<&ClusterName, Vec<ClusterName>> = BTreeMap::new();
    for (cluster, objects) in desired.objects.iter().filter(|(cluster, _)| wanted(cluster)) {
        let entries = objects.values().filter(|o| o.host == *base && o.body.key.kind == Kind::ServiceEntry);
        for entry in entries {
            let present: BTreeSet<&ClusterName> = entry
                .body
                .origins
                .iter()
                .filter(|(_, parts)| parts.iter().any(|part| matches!(part, Part::Endpoint(_))))
                .map(|(origin, _)| &origin.cluster)
                .collect();
            for source in sources.difference(&present) {
                missing.entry(source).or_default().push(cluster.clone());
            }
        }
    }
    missing
        .into_iter()
        .map(|(source, missing_in)| LeftOut {
            why: why_left_out(source, name, desired),
            cluster: source.clone(),
            missing_in,
        })
        .collect()
}

/// The clusters, of those asked for, that hold nothing of the name. One that nobody knows is answered too.
fn nothing(
    cluster: Option<&str>,
    base: &Host,
    name: &Name,
    fleet: &FleetSnapshot,
    policy: &MeshPolicy,
    desired: &Desired,
) -> Vec<Nothing> {
    let holds = |cluster: &str| {
        desired.objects.get(cluster).is_some_and(|objects| objects.values().any(|object| object.base == *base))
    };
    let known = fleet.members.keys().chain(&fleet.strangers);
    let mut asked: BTreeSet<&str> = match cluster {
        Some(glob) => known.map(ClusterName::as_str).filter(|cluster| matches_glob(glob, cluster)).collect(),
        None => known.map(ClusterName::as_str).collect(),
    };
    if let Some(glob) = cluster.filter(|_| asked.is_empty()) {
        asked.insert(glob);
    }
    asked
        .into_iter()
        .filter(|cluster| !holds(cluster))
        .map(|cluster| {
            let (why, sources) = why_nothing(cluster, base, name, fleet, policy, desired);
            Nothing { cluster: cluster.to_owned(), why, sources }
        })
        .collect()
}

/// The policies, where the asked field is one that policies set.
fn policies(name: &Name, filter: &FieldFilter) -> Vec<PolicyChoice> {
    if !filter.shows("trafficPolicy") {
        return Vec::new();
    }
    let mut policies = name.policies.clone();
    policies.sort_by(|a, b| b.active.cmp(&a.active).then_with(|| a.cmp(b)));
    policies
}

#[cfg(test)]
mod tests;
