//! Which names a change concerns, and a plan of these alone: for a run that watches, where most of what changes concerns
//! few names or none.
//!
//! What cannot be told to concern few names concerns all of them. That the steps of such a plan are those of a whole one
//! is law L7's business.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use mesh_model::facts::{ClusterFacts, Dependency, PolicyMeta, Service, Workload};
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::host::named_host;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Namespace};
use mesh_model::owned::{ObjectKey, OwnedObject};
use mesh_model::policy::MeshPolicy;
use serde::Deserialize;

use crate::desire::site::region_of_nodes;
use crate::desire::sources::selects;
use crate::desire::{Names, Survey};
use crate::desired::Desired;
use crate::plan::{Held, Plan, plan_among};
use crate::scope::Scope;

mod vicinity;

pub use vicinity::beyond;

/// What a change of a fleet concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concern {
    /// Every name.
    Everything,
    /// Some: none if both are empty.
    Some {
        /// The names of these identities, in any env.
        identities: BTreeSet<Arc<str>>,
        /// Generated objects that are not as they were.
        objects: BTreeSet<(ClusterName, ObjectKey)>,
    },
}

impl Concern {
    /// What the change from one view of a fleet to the next concerns. The policy is the same.
    pub fn between(before: &FleetSnapshot, after: &FleetSnapshot, policy: &MeshPolicy) -> Self {
        if !before.members.keys().eq(after.members.keys()) {
            return Self::Everything;
        }
        let mut changes = Changes::new(policy);
        for ((cluster, before), after) in before.members.iter().zip(after.members.values()) {
            let is_told = match (before, after) {
                (ClusterView::Seen(before), ClusterView::Seen(after)) => {
                    Arc::ptr_eq(before, after) || changes.of_cluster(cluster, before, after)
                }
                (ClusterView::Unseen(before), ClusterView::Unseen(after)) => before == after,
                (ClusterView::Retired(None), ClusterView::Retired(None)) => true,
                (ClusterView::Retired(Some(before)), ClusterView::Retired(Some(after))) => Arc::ptr_eq(before, after),
                _ => false,
            };
            if !is_told {
                return Self::Everything;
            }
        }
        changes.follow(before);
        changes.follow(after);
        Self::Some { identities: changes.identities, objects: changes.objects }
    }

    /// Whether it concerns no name.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Some { identities, objects } if identities.is_empty() && objects.is_empty())
    }
}

/// What every cluster should hold of the names of `identities`, and what must change for that, `objects` included.
/// Of other names, nothing, or only that they are there.
pub fn plan_concerned(
    fleet: &FleetSnapshot,
    policy: &MeshPolicy,
    now: Timestamp,
    (identities, objects): (&BTreeSet<Arc<str>>, &BTreeSet<(ClusterName, ObjectKey)>),
    scope: &Scope,
) -> (Desired, Plan) {
    let near = vicinity::around(fleet, policy, identities, objects);
    let survey = Survey::of_part(&near.fleet, policy, near.taken);
    let names = Names::of(&survey, now);
    let mut desired = names.of_part();
    let mut held = Held::new();
    for (cluster, key) in objects {
        held.entry(cluster).or_default().insert(key);
    }
    for base in names.bases_of(identities) {
        names.desire_one(&base, &mut desired);
        for (cluster, key) in names.held_of(&base) {
            held.entry(cluster).or_default().insert(key);
        }
    }
    desired.findings.sort();
    desired.findings.dedup();
    let plan = plan_among(&desired, fleet, policy, scope, Some(&held));
    (desired, plan)
}

/// What was found so far.
struct Changes<'a> {
    policy: &'a MeshPolicy,
    identities: BTreeSet<Arc<str>>,
    /// Those of them whose own workloads changed.
    moved: BTreeSet<Arc<str>>,
    objects: BTreeSet<(ClusterName, ObjectKey)>,
}

impl<'a> Changes<'a> {
    fn new(policy: &'a MeshPolicy) -> Self {
        Self { policy, identities: BTreeSet::new(), moved: BTreeSet::new(), objects: BTreeSet::new() }
    }

    /// Adds what the change of one cluster concerns; false if that cannot be told.
    fn of_cluster(&mut self, cluster: &ClusterName, before: &ClusterFacts, after: &ClusterFacts) -> bool {
        let is_same = before.uid == after.uid
            && before.unseen == after.unseen
            && before.namespaces == after.namespaces
            && before.gateways == after.gateways
            && region_of_nodes(before) == region_of_nodes(after)
            && before.vip_store == after.vip_store
            && before.foreign == after.foreign
            && before.admiral == after.admiral
            && before.webhook == after.webhook
            && before.records == after.records;
        if !is_same {
            return false;
        }
        let workload = |workload: &Workload| (workload.namespace.clone(), workload.kind, Arc::clone(&workload.name));
        // How many replicas are ready is shown, and no reason to write anything.
        let planned = |workload: &Workload| Workload { replicas: None, ready: None, ..workload.clone() };
        for (one, other) in differing(&before.workloads, &after.workloads, workload) {
            if one.map(planned) != other.map(planned) {
                self.moved.extend(one.iter().chain(&other).map(|workload| workload.identity.as_str().into()));
            }
        }
        self.services(before, after);
        let dependency = |dependency: &Dependency| (dependency.namespace.clone(), Arc::clone(&dependency.name));
        for (one, other) in differing(&before.dependencies, &after.dependencies, dependency) {
            let is_kept = |destination: &Arc<str>| match (one, other) {
                (Some(was), Some(is)) => {
                    was.source == is.source && [was, is].iter().all(|one| one.destinations.contains(destination))
                }
                _ => false,
            };
            let all = one.into_iter().chain(other).flat_map(|one| &one.destinations);
            self.identities.extend(all.filter(|destination| !is_kept(destination)).cloned());
        }
        self.policies(&before.traffic_policies, &after.traffic_policies, |policy| &policy.meta);
        self.policies(&before.outlier_detections, &after.outlier_detections, |policy| &policy.meta);
        self.policies(&before.connection_configs, &after.connection_configs, |policy| &policy.meta);
        self.owned(cluster, before, after)
    }

    /// A Service is for the workloads of its namespace that it selects, or selected.
    fn services(&mut self, before: &ClusterFacts, after: &ClusterFacts) {
        let namespaces: BTreeSet<&Namespace> = before.services.keys().chain(after.services.keys()).collect();
        for namespace in namespaces {
            let [was, is] =
                [before, after].map(|facts| facts.services.get(namespace).map(Vec::as_slice).unwrap_or_default());
            let changed = differing(was, is, |service: &Service| Arc::clone(&service.name));
            if changed.is_empty() {
                continue;
            }
            let changed: Vec<&Service> = changed.into_iter().flat_map(|(was, is)| was.into_iter().chain(is)).collect();
            let workloads = before.workloads.iter().chain(&after.workloads);
            let there = workloads.filter(|workload| workload.namespace == *namespace);
            let selected = there.filter(|workload| changed.iter().any(|service| selects(service, workload)));
            self.identities.extend(selected.map(|workload| Arc::from(workload.identity.as_str())));
        }
    }

    fn policies<T: PartialEq>(&mut self, before: &[T], after: &[T], meta: impl Fn(&T) -> &PolicyMeta) {
        let key = |policy: &T| (meta(policy).namespace.clone(), Arc::clone(&meta(policy).name));
        for (one, other) in differing(before, after, key) {
            self.identities.extend(one.into_iter().chain(other).map(|policy| Arc::clone(&meta(policy).identity)));
        }
    }

    /// False where an object that changed tells no identity. A DestinationRule bears none: it is of whoever the
    /// ServiceEntry of its host beside it is of.
    fn owned(&mut self, cluster: &ClusterName, before: &ClusterFacts, after: &ClusterFacts) -> bool {
        let views = [before, after];
        let mut is_told = true;
        let keys: BTreeSet<&ObjectKey> = before.owned.keys().chain(after.owned.keys()).collect();
        for key in keys {
            if before.owned.get(key) == after.owned.get(key) {
                continue;
            }
            self.objects.insert((cluster.clone(), key.clone()));
            let objects = views.iter().filter_map(|facts| facts.owned.get(key));
            if key.kind != Kind::DestinationRule {
                is_told &= self.marks_of(objects);
                continue;
            }
            // What somebody else wrote may be for another host than its name says.
            let mut hosts: Vec<Option<String>> = objects.map(|object| host_of_rule(&object.spec)).collect();
            hosts.push(named_host(key).map(str::to_owned));
            for host in hosts {
                let entry = host.map(|host| ObjectKey {
                    kind: Kind::ServiceEntry,
                    namespace: key.namespace.clone(),
                    name: format!("{host}-se").into(),
                });
                let entries = entry.iter().flat_map(|entry| views.iter().filter_map(|facts| facts.owned.get(entry)));
                is_told &= self.marks_of(entries);
            }
        }
        is_told
    }

    /// Adds the identities that generated objects are marked with; false where none is.
    fn marks_of<'o>(&mut self, objects: impl Iterator<Item = &'o OwnedObject>) -> bool {
        let marks = objects.filter_map(|object| object.annotations.get(self.policy.keys.identity.as_str()));
        let marks: Vec<Arc<str>> = marks.cloned().collect();
        let is_told = !marks.is_empty();
        self.identities.extend(marks);
        is_told
    }

    /// Whoever has workloads that changed is concerned, and whoever they call: a name is held where its callers run.
    fn follow(&mut self, fleet: &FleetSnapshot) {
        let dependencies = fleet.seen().flat_map(|(_, facts)| &facts.dependencies);
        let of_moved = dependencies.filter(|dependency| self.moved.contains(&dependency.source));
        self.identities.extend(of_moved.flat_map(|dependency| dependency.destinations.iter().cloned()));
        self.identities.extend(self.moved.iter().cloned());
    }
}

/// The first of `spec.hosts` of a ServiceEntry, in lower case. Whatever else is wrong with it, its host counts.
fn host_of_entry(spec: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Entry<'a> {
        #[serde(borrow)]
        hosts: Vec<Cow<'a, str>>,
    }
    serde_json::from_str(spec).ok().and_then(|entry: Entry<'_>| Some(entry.hosts.first()?.to_lowercase()))
}

/// `spec.host` of a DestinationRule, in lower case.
fn host_of_rule(spec: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Rule<'a> {
        #[serde(borrow)]
        host: Cow<'a, str>,
    }
    serde_json::from_str(spec).ok().map(|rule: Rule<'_>| rule.host.to_lowercase())
}

/// What differs between two lists, as it was and as it is, by key.
fn differing<'l, T: PartialEq, K: Ord>(
    before: &'l [T],
    after: &'l [T],
    key: impl Fn(&T) -> K,
) -> Vec<(Option<&'l T>, Option<&'l T>)> {
    if before == after {
        return Vec::new();
    }
    let mut both: BTreeMap<K, (Option<&T>, Option<&T>)> = BTreeMap::new();
    for one in before {
        both.entry(key(one)).or_default().0 = Some(one);
    }
    for other in after {
        both.entry(key(other)).or_default().1 = Some(other);
    }
    both.into_values().filter(|(one, other)| one != other).collect()
}
