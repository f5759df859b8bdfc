//! What must change: steps, each with its reason and class.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_model::facts::ClusterFacts;
use mesh_model::finding::Finding;
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host, Identity};
use mesh_model::origin::{Origin, Part};
use mesh_model::owned::{Mark, ObjectKey, OwnedObject};
use mesh_model::policy::{Adopt, MeshPolicy};
use serde::Serialize;

use crate::because::Because;
use crate::desired::{Body, Desired, DesiredObject, Role};
use crate::scope::{Scope, matches_glob};

pub(crate) mod changes;
mod hosts;
mod moved;

use hosts::HostIndex;

/// Everything that must change in a fleet.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Sorted by host, then cluster, then kind; an object with an update and held values has two steps.
    pub steps: Vec<Step>,
    /// Problems, sorted.
    pub findings: Vec<Finding>,
    /// What was covered.
    pub coverage: Coverage,
}

/// What a plan covers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// Members, retired ones included.
    pub members: usize,
    /// Members that were seen.
    pub seen: usize,
    /// Members that were not, with the reason.
    pub unseen: BTreeMap<ClusterName, String>,
    /// Kinds that could not be read completely, by cluster.
    pub unseen_kinds: BTreeMap<ClusterName, Vec<String>>,
    /// Global names in scope.
    pub names: usize,
    /// Endpoints that are served: one per host and source cluster. The measure of removal budgets.
    pub served_endpoints: usize,
}

/// One step: what happens to one object of one cluster.
#[derive(Debug, Clone)]
pub struct Step {
    /// The cluster.
    pub cluster: ClusterName,
    /// The object.
    pub key: ObjectKey,
    /// The host it is for, if it can be told.
    pub host: Option<Host>,
    /// The base host of its name.
    pub base: Option<Host>,
    /// The identity of its name.
    pub identity: Option<Identity>,
    /// What the cluster is to the name.
    pub role: Option<Role>,
    /// Whether callers of the name that Dependencies tell of run in the cluster, or may, for all that can be seen.
    pub is_called: bool,
    /// What happens.
    pub action: Action,
    /// What it does to traffic.
    pub class: Class,
    /// Why, at least one.
    pub because: Vec<Because>,
}

/// What happens to an object.
#[derive(Debug, Clone)]
pub enum Action {
    /// It does not exist.
    Create {
        /// What is written.
        body: Arc<Body>,
    },
    /// It exists and differs.
    Update {
        /// As it was read; foreign labels and annotations stay.
        base: Arc<OwnedObject>,
        /// What is written.
        body: Arc<Body>,
    },
    /// It exists and is not wanted.
    Delete {
        /// As it was read.
        base: Arc<OwnedObject>,
    },
    /// It would change if everything could be seen, or if somebody else's object did not stand in the way.
    Hold {
        /// What would happen otherwise: `change endpoints/c2-gw.example.`, `delete`, `create`.
        instead_of: String,
    },
}

/// What a step does to traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Only adds.
    Additive,
    /// Neither adds nor removes.
    Neutral,
    /// Deletes a host or DestinationRule, takes away an endpoint, exported namespace or accepted SAN, sets a region's
    /// weight to 0, changes a port, protocol or non-HTTP VIP.
    RemovesTraffic,
}

/// One change inside an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// The field: `endpoints/c1-gw.example.`, `trafficPolicy/loadBalancer`, `metadata/labels/…`.
    pub field: String,
    /// Compact JSON before; none when it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Compact JSON after; none when it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Step {
    /// Whether the step writes; holds do not.
    pub fn is_write(&self) -> bool {
        !matches!(self.action, Action::Hold { .. })
    }

    /// What changes, for a person, by field: nothing for holds. Worked out when it is asked for, because of a new object
    /// it is the whole content.
    pub fn changes(&self) -> Vec<Change> {
        match &self.action {
            Action::Create { body } => changes::between(None, Some(body)),
            Action::Update { base, body } => changes::between(Some(base), Some(body)),
            Action::Delete { base } => changes::between(Some(base), None),
            Action::Hold { .. } => Vec::new(),
        }
    }
}

impl Plan {
    /// Whether nothing would be written.
    pub fn is_empty(&self) -> bool {
        !self.steps.iter().any(Step::is_write)
    }

    /// Counts for the last line: to add, to change, to delete, held, and clusters touched.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let mut clusters = std::collections::BTreeSet::new();
        for step in &self.steps {
            match step.action {
                Action::Create { .. } => counts.add += 1,
                Action::Update { .. } => counts.change += 1,
                Action::Delete { .. } => counts.delete += 1,
                Action::Hold { .. } => counts.hold += 1,
            }
            clusters.insert(&step.cluster);
        }
        counts.clusters = clusters.len();
        counts
    }
}

/// Counts of steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Objects to create.
    pub add: usize,
    /// Objects to change.
    pub change: usize,
    /// Objects to delete.
    pub delete: usize,
    /// Holds.
    pub hold: usize,
    /// Clusters with any step.
    pub clusters: usize,
}

/// Compares what is desired with what is held. Deletes only with proof; the rest is held.
pub fn plan(desired: &Desired, fleet: &FleetSnapshot, policy: &MeshPolicy, scope: &Scope) -> Plan {
    plan_among(desired, fleet, policy, scope, None)
}

/// Objects that clusters hold.
pub(crate) type Held<'a> = BTreeMap<&'a ClusterName, BTreeSet<&'a ObjectKey>>;

/// The same where only some of what is held is looked at, since `desired` says nothing of the rest; and nothing of
/// retired clusters.
pub(crate) fn plan_among(
    desired: &Desired,
    fleet: &FleetSnapshot,
    policy: &MeshPolicy,
    scope: &Scope,
    held: Option<&Held<'_>>,
) -> Plan {
    let names = HostIndex::of(desired);
    let mut steps = Vec::new();
    for (cluster, objects) in &desired.objects {
        let Some(facts) = fleet.facts(cluster) else { continue };
        let ours = |object: &&OwnedObject| is_ours(object, policy);
        for (key, object) in objects {
            steps.extend(step_for(cluster, key, object, facts.owned.get(key).filter(ours)));
        }
        let is_unwanted =
            |(key, object): &(&ObjectKey, &OwnedObject)| !objects.contains_key(*key) && is_ours(object, policy);
        let unwanted: Vec<_> = match held {
            None => facts.owned.iter().filter(is_unwanted).collect(),
            Some(held) => {
                let keys = held.get(cluster).into_iter().flatten();
                keys.filter_map(|key| facts.owned.get_key_value(*key)).filter(is_unwanted).collect()
            }
        };
        let gone: Vec<_> = unwanted
            .into_iter()
            .filter_map(|(key, base)| {
                let at = (cluster.clone(), key.clone());
                let stays = desired.kept.contains_key(&at) || desired.excluded.contains(&at);
                (!stays).then(|| (key, base, desired.gone.get(&at).cloned()))
            })
            .collect();
        let mut deletes = deletes(cluster, facts, gone, &names, policy);
        for step in &mut deletes {
            moved::explain_move(step, objects, &policy.sync_namespace);
        }
        steps.extend(deletes);
    }
    for ((cluster, key), because) in &desired.kept {
        let live = fleet.facts(cluster).is_some_and(|facts| facts.owned.contains_key(key));
        let instead_of = if live { "change or delete" } else { "create" };
        let because = if live { with_fact(because.clone(), cluster, key) } else { because.clone() };
        steps.push(hold(cluster, key, &names, instead_of, because));
    }
    for (cluster, view) in fleet.members.iter().filter(|_| held.is_none()) {
        if let ClusterView::Retired(Some(facts)) = view {
            let because = |base: &OwnedObject| Because::whole(format!("{cluster} is retired"), origins_of(base));
            let ours = facts.owned.iter().filter(|(_, object)| is_ours(object, policy));
            let gone = ours.map(|(key, base)| (key, base, Some(because(base)))).collect();
            steps.extend(deletes(cluster, facts, gone, &names, policy));
        }
    }
    steps.retain(|step| in_scope(step, desired, scope));
    steps.sort_by(|a, b| {
        (&a.host, &a.cluster, &a.key, !a.is_write()).cmp(&(&b.host, &b.cluster, &b.key, !b.is_write()))
    });
    Plan { steps, findings: findings_in_scope(desired, scope), coverage: coverage(desired, fleet) }
}

fn is_ours(object: &OwnedObject, policy: &MeshPolicy) -> bool {
    object.mark == Mark::Ours || policy.adopt == Adopt::Admiral
}

fn step_for(cluster: &ClusterName, key: &ObjectKey, object: &DesiredObject, live: Option<&OwnedObject>) -> Vec<Step> {
    let mut steps = Vec::new();
    let step = |action, class, because: Vec<Because>| Step {
        cluster: cluster.clone(),
        key: key.clone(),
        host: Some(object.host.clone()),
        base: Some(object.base.clone()),
        identity: Some(object.identity.clone()),
        role: Some(object.role),
        is_called: object.is_called,
        action,
        class,
        because,
    };
    match live {
        None => {
            let because = vec![(*object.role_because).clone()];
            steps.push(step(Action::Create { body: Arc::clone(&object.body) }, Class::Additive, because));
        }
        Some(base) => {
            let changes = changes::between(Some(base), Some(&object.body));
            if !changes.is_empty() {
                let gone = changes.iter().filter(|change| change.after.is_none()).filter_map(|change| {
                    let address = change.field.strip_prefix("endpoints/")?;
                    let sources = base.origins.of(&Part::Endpoint(address.into())).cloned().collect();
                    Some(Because::field(change.field.as_str(), "nobody is seen to serve it there any more", sources))
                });
                let mut because: Vec<Because> = object
                    .because
                    .iter()
                    .filter(|because| changes.iter().any(|change| change.field.starts_with(&*because.field)))
                    .cloned()
                    .chain(gone)
                    .collect();
                because.retain(|because| !because.sources.is_empty());
                if because.is_empty() {
                    because.push(with_fact((*object.role_because).clone(), cluster, key));
                }
                if let Some(writer) = &base.changed_by {
                    let written = Because::whole(format!("it was written last by {writer}, not by us"), Vec::new());
                    because.push(with_fact(written, cluster, key));
                }
                let class = changes::class_of(base, &object.body);
                let action = Action::Update { base: Arc::new(base.clone()), body: Arc::clone(&object.body) };
                steps.push(step(action, class, because));
            }
        }
    }
    for held in &object.held {
        let instead_of = format!("change {}", if held.field.is_empty() { "it" } else { &held.field });
        steps.push(step(Action::Hold { instead_of }, Class::Neutral, vec![with_fact(held.clone(), cluster, key)]));
    }
    steps
}

/// The steps that delete `gone`: objects of one cluster, each with the reason where a rule tells one.
fn deletes<'a>(
    cluster: &ClusterName,
    facts: &ClusterFacts,
    gone: Vec<(&'a ObjectKey, &'a OwnedObject, Option<Because>)>,
    names: &HostIndex<'_>,
    policy: &MeshPolicy,
) -> Vec<Step> {
    if gone.is_empty() {
        return Vec::new();
    }
    let identities = identities(facts, policy);
    gone.into_iter().map(|(key, base, because)| delete(cluster, key, base, because, names, &identities)).collect()
}

fn delete(
    cluster: &ClusterName,
    key: &ObjectKey,
    base: &OwnedObject,
    because: Option<Because>,
    names: &HostIndex<'_>,
    identities: &BTreeMap<String, Identity>,
) -> Step {
    let host = host_of(key, base);
    let name = host.as_ref().and_then(|host| names.name_of(host));
    let because = because.unwrap_or_else(|| {
        let rule = match (name, &host) {
            (Some((_, name)), Some(host)) if name.hosts.contains_key(host) => {
                format!("nobody in {cluster} calls {} any more", name.identity)
            }
            (Some(_), _) => "no item of the traffic policy has this prefix any more".to_owned(),
            (None, _) => "nobody serves it any more".to_owned(),
        };
        Because::whole(rule, origins_of(base))
    });
    let identity = match name {
        Some((_, name)) => Some(name.identity.clone()),
        None => host.as_ref().and_then(|host| identities.get(host.as_str()).cloned()),
    };
    Step {
        cluster: cluster.clone(),
        key: key.clone(),
        base: name.map(|(base, _)| base.clone()).or_else(|| host.clone()),
        host,
        identity,
        role: None,
        is_called: true,
        action: Action::Delete { base: Arc::new(base.clone()) },
        class: Class::RemovesTraffic,
        because: vec![with_fact(because, cluster, key)],
    }
}

/// The identities that the ServiceEntries of a cluster name, by host: what goes has no name of its own any more.
fn identities(facts: &ClusterFacts, policy: &MeshPolicy) -> BTreeMap<String, Identity> {
    let entries = facts.owned.iter().filter(|(key, _)| key.kind == Kind::ServiceEntry);
    entries
        .filter_map(|(key, object)| {
            let identity = Identity::parse(object.annotations.get(policy.keys.identity.as_str())?).ok()?;
            Some((host_text(key, object)?, identity))
        })
        .collect()
}

/// The host that a live object says it is for.
fn host_of(key: &ObjectKey, object: &OwnedObject) -> Option<Host> {
    Host::parse(&host_text(key, object)?).ok()
}

fn host_text(key: &ObjectKey, object: &OwnedObject) -> Option<String> {
    let spec: serde_json::Value = serde_json::from_str(&object.spec).ok()?;
    let text = if key.kind == Kind::ServiceEntry { &spec["hosts"][0] } else { &spec["host"] };
    text.as_str().map(str::to_owned)
}

fn origins_of(object: &OwnedObject) -> Vec<Origin> {
    object.origins.iter().map(|(origin, _)| origin.clone()).collect()
}

/// A reason that names no fact names the object that it keeps or lets go: adopted and hand-made ones have no origins, and
/// what cannot be seen has no name.
fn with_fact(because: Because, cluster: &ClusterName, key: &ObjectKey) -> Because {
    if !because.sources.is_empty() {
        return because;
    }
    let name = format!("{}/{}", key.namespace, key.name).into();
    Because { sources: vec![Origin { cluster: cluster.clone(), kind: key.kind, name }], ..because }
}

fn hold(cluster: &ClusterName, key: &ObjectKey, names: &HostIndex<'_>, instead_of: &str, because: Because) -> Step {
    let known = names.of_object(key);
    Step {
        cluster: cluster.clone(),
        key: key.clone(),
        host: known.map(|known| known.host.clone()),
        base: known.map(|known| known.base.clone()),
        identity: known.map(|known| known.identity.clone()),
        role: None,
        is_called: true,
        action: Action::Hold { instead_of: instead_of.to_owned() },
        class: Class::Neutral,
        because: vec![because],
    }
}

fn in_scope(step: &Step, desired: &Desired, scope: &Scope) -> bool {
    if !scope.has_cluster(&step.cluster) {
        return false;
    }
    if scope.names.is_empty() && scope.namespace.is_none() {
        return true;
    }
    let (Some(host), Some(base)) = (&step.host, &step.base) else { return false };
    let name = desired.names.get(base);
    let by_name = match &step.identity {
        Some(identity) => scope.has_name(identity, base, host),
        None => {
            scope.names.is_empty()
                || scope.names.iter().any(|glob| matches_glob(glob, base) || matches_glob(glob, host))
        }
    };
    let by_namespace = scope.namespace.as_ref().is_none_or(|namespace| {
        name.is_some_and(|name| name.places.iter().any(|place| place.namespace.as_ref() == Some(namespace)))
    });
    by_name && by_namespace
}

/// The findings about names in scope, and those about the reading of the fleet, which concern every name.
fn findings_in_scope(desired: &Desired, scope: &Scope) -> Vec<Finding> {
    if scope.names.is_empty() && scope.namespace.is_none() {
        return desired.findings.clone();
    }
    let mut places: BTreeSet<String> = BTreeSet::new();
    for (base, name) in &desired.names {
        let namespace = scope.namespace.as_ref();
        let in_namespace =
            namespace.is_none_or(|ns| name.places.iter().any(|place| place.namespace.as_ref() == Some(ns)));
        if !in_namespace || !name.hosts.keys().any(|host| scope.has_name(&name.identity, base, host)) {
            continue;
        }
        places.extend(name.hosts.keys().map(ToString::to_string));
        for place in &name.places {
            let Some(namespace) = &place.namespace else { continue };
            places.extend(place.service.iter().map(|service| format!("Service {namespace}/{service}")));
            if let (Some(kind), Some(workload)) = (place.kind, &place.workload) {
                places.insert(format!("{kind} {namespace}/{workload}"));
            }
        }
        places.extend(name.policies.iter().map(|policy| format!("{} {}", policy.kind, policy.name)));
    }
    let concerns_all = |finding: &&Finding| finding.code.number() < 20 || places.contains(&*finding.place);
    desired.findings.iter().filter(concerns_all).cloned().collect()
}

fn coverage(desired: &Desired, fleet: &FleetSnapshot) -> Coverage {
    let seen = fleet.seen().count();
    // Most clusters share their bodies with others: each is looked at once.
    let mut bodies = BTreeSet::new();
    let mut served = BTreeSet::new();
    for object in desired.objects.values().flat_map(BTreeMap::values) {
        if object.body.key.kind == Kind::ServiceEntry && bodies.insert(Arc::as_ptr(&object.body)) {
            for (origin, parts) in object.body.origins.iter() {
                if parts.iter().any(|part| matches!(part, Part::Endpoint(_))) {
                    served.insert((&object.host, &origin.cluster));
                }
            }
        }
    }
    Coverage {
        members: fleet.members.len(),
        seen,
        unseen: fleet.unseen().map(|(name, unseen)| (name.clone(), unseen.why.clone())).collect(),
        unseen_kinds: fleet
            .seen()
            .filter(|(_, facts)| !facts.unseen.is_empty())
            .map(|(name, facts)| (name.clone(), facts.unseen.iter().map(ToString::to_string).collect()))
            .collect(),
        names: desired.names.len(),
        served_endpoints: served.len(),
    }
}
