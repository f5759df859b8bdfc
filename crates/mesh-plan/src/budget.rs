//! What one run may take away: removals are counted, and held where they are too many.
//!
//! Pure functions from plan to plan: `sync` applies them to what `plan` shows.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use mesh_istio::ServiceEntry;
use mesh_model::facts::ClusterFacts;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host};
use mesh_model::origin::{Origins, Part};
use mesh_model::owned::{ADMIRAL_MARK, Mark, OwnedObject};

use crate::because::Because;
use crate::desired::{Desired, Role};
use crate::limits::{MAX_REMOVALS, MIN_REMOVALS, REMOVABLE_SHARE};
use crate::plan::{Action, Class, Plan, Step};
use crate::scope::matches_glob;

/// How many removals a run may do in a fleet that serves `served_endpoints`, unless it is told otherwise: the smaller of
/// 50 and a tenth, at least 3.
pub fn default_max_removals(served_endpoints: usize) -> usize {
    (served_endpoints / REMOVABLE_SHARE).clamp(MIN_REMOVALS, MAX_REMOVALS)
}

/// One thing that stops being served, however many clusters hold a copy of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Removal {
    /// A host is not served from a cluster any more. One that gets another address there in its place counts as served: where
    /// a gateway has moved, holding the old address would keep what is broken.
    Endpoint {
        /// The host.
        host: Arc<str>,
        /// The source cluster; the address where no origin tells the cluster.
        source: Arc<str>,
    },
    /// A host that is still served is withdrawn from a cluster, or from namespaces of it.
    Exposure {
        /// The host.
        host: Arc<str>,
        /// The cluster that could reach it.
        cluster: ClusterName,
    },
    /// A host is served otherwise: another port, protocol or address, fewer accepted identities, a region without weight.
    Change {
        /// The host.
        host: Arc<str>,
    },
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint { host, source } => write!(f, "{host} is not served from {source} any more"),
            Self::Exposure { host, cluster } => write!(f, "{host} is withdrawn from {cluster}"),
            Self::Change { host } => write!(f, "{host} is served otherwise"),
        }
    }
}

/// What the write steps of `plan` take away. `desired` tells what is served afterwards.
pub fn removals(plan: &Plan, desired: &Desired) -> BTreeSet<Removal> {
    let served = Served::after(desired);
    let mut removals = BTreeSet::new();
    for step in plan.steps.iter().filter(|step| step.is_write() && step.class == Class::RemovesTraffic) {
        removals.extend(removals_of(step, &served));
    }
    // A host that goes takes its rules with it.
    let gone: BTreeSet<Arc<str>> = removals
        .iter()
        .filter_map(|removal| match removal {
            Removal::Endpoint { host, .. } | Removal::Exposure { host, .. } => Some(Arc::clone(host)),
            Removal::Change { .. } => None,
        })
        .collect();
    removals.retain(|removal| !matches!(removal, Removal::Change { host } if gone.contains(host)));
    removals
}

/// The base hosts that would lose their last endpoint although somebody still calls them, but for those that
/// `allowed` (identities, hosts or globs of either) lets go.
pub fn last_endpoints(plan: &Plan, desired: &Desired, fleet: &FleetSnapshot, allowed: &[String]) -> BTreeSet<Arc<str>> {
    let served = Served::after(desired);
    let removing = plan
        .steps
        .iter()
        .filter(|step| step.is_write() && step.class == Class::RemovesTraffic && step.key.kind == Kind::ServiceEntry);
    let mut last = BTreeSet::new();
    for step in removing {
        let base = base(step);
        let names = [Some(&*base), step.host.as_deref(), step.identity.as_deref()];
        let is_allowed = allowed.iter().any(|glob| names.iter().flatten().any(|name| matches_glob(glob, name)));
        if !is_allowed && !served.bases.contains(&base) && loses_endpoint(step) && has_clients(step, plan, fleet) {
            last.insert(base);
        }
    }
    last
}

/// Holds every removing step that `is_held` says, for the reason `rule`, and what would expose a client to a source
/// whose step is held (law L10). Returns how many steps it held.
pub fn hold_removals(plan: &mut Plan, rule: &str, is_held: impl Fn(&Step) -> bool) -> usize {
    let removes = |step: &Step| step.is_write() && step.class == Class::RemovesTraffic && is_held(step);
    let waiting: BTreeSet<Arc<str>> =
        plan.steps.iter().filter(|step| removes(step) && step.role == Some(Role::Source)).map(host).collect();
    let exposes = |step: &Step| step.is_write() && step.role != Some(Role::Source) && waiting.contains(&host(step));
    hold(plan, rule, |step| removes(step) || exposes(step))
}

/// Holds every step in clusters that hold objects with Admiral's mark while some seen cluster runs Admiral (deviation
/// D11). Returns how many steps it held.
pub fn hold_beside_admiral(plan: &mut Plan, fleet: &FleetSnapshot) -> usize {
    let Some((cluster, admiral)) = fleet.seen().find_map(|(name, facts)| Some((name, facts.admiral.as_ref()?))) else {
        return 0;
    };
    let marked = marked_by_admiral(fleet);
    let rule = format!("Admiral runs in {cluster} ({admiral}) and its objects are here");
    hold(plan, &rule, |step| marked.contains(&step.cluster))
}

/// The clusters that hold objects with Admiral's mark.
pub fn marked_by_admiral(fleet: &FleetSnapshot) -> BTreeSet<&ClusterName> {
    let is_marked = |facts: &ClusterFacts| {
        facts.owned.values().any(|object| object.mark == Mark::Admiral)
            || facts.foreign.iter().any(|object| object.made_by.as_deref() == Some(ADMIRAL_MARK))
    };
    fleet.reached().filter(|(_, facts)| is_marked(facts)).map(|(name, _)| name).collect()
}

/// The base host of a step's name, as far as it can be told.
pub fn base(step: &Step) -> Arc<str> {
    step.base.as_ref().map_or_else(|| host(step), |base: &Host| base.as_str().into())
}

fn hold(plan: &mut Plan, rule: &str, is_held: impl Fn(&Step) -> bool) -> usize {
    let mut held = 0;
    for step in &mut plan.steps {
        if !step.is_write() || !is_held(step) {
            continue;
        }
        let instead_of = match &step.action {
            Action::Create { .. } => "create".to_owned(),
            Action::Update { .. } => {
                let fields: Vec<String> = step.changes().into_iter().map(|change| change.field).collect();
                format!("change {}", fields.join(", "))
            }
            Action::Delete { .. } => "delete".to_owned(),
            Action::Hold { instead_of } => instead_of.clone(),
        };
        let sources = step.because.iter().flat_map(|because| because.sources.clone()).collect();
        step.because = vec![Because::whole(rule, sources)];
        step.action = Action::Hold { instead_of };
        held += 1;
    }
    held
}

/// What is served once everything is as desired.
struct Served {
    /// Host with source cluster, and host with address.
    pairs: BTreeSet<(Arc<str>, Arc<str>)>,
    /// Base hosts with any endpoint.
    bases: BTreeSet<Arc<str>>,
}

impl Served {
    fn after(desired: &Desired) -> Self {
        let mut served = Self { pairs: BTreeSet::new(), bases: BTreeSet::new() };
        for object in desired.objects.values().flat_map(|objects| objects.values()) {
            if object.body.key.kind != Kind::ServiceEntry {
                continue;
            }
            let host: Arc<str> = object.host.as_str().into();
            for (address, source) in endpoints(&object.body.spec, &object.body.origins) {
                served.bases.insert(object.base.as_str().into());
                served.pairs.insert((Arc::clone(&host), address));
                served.pairs.insert((Arc::clone(&host), source));
            }
        }
        served
    }
}

fn removals_of(step: &Step, served: &Served) -> Vec<Removal> {
    let host = host(step);
    let change = || vec![Removal::Change { host: Arc::clone(&host) }];
    let exposure = || Removal::Exposure { host: Arc::clone(&host), cluster: step.cluster.clone() };
    if step.key.kind != Kind::ServiceEntry {
        return change();
    }
    match &step.action {
        Action::Delete { base } => {
            let (kept, gone): (Vec<_>, Vec<_>) = endpoints(&base.spec, &base.origins)
                .into_iter()
                .map(|(_, source)| source)
                .partition(|source| served.pairs.contains(&(Arc::clone(&host), Arc::clone(source))));
            let mut removals: Vec<Removal> =
                gone.into_iter().map(|source| Removal::Endpoint { host: Arc::clone(&host), source }).collect();
            if !kept.is_empty() || removals.is_empty() {
                removals.push(exposure());
            }
            removals
        }
        Action::Update { base, body } => {
            let before: BTreeSet<Arc<str>> =
                endpoints(&base.spec, &base.origins).into_iter().map(|(address, _)| address).collect();
            let elsewhere: BTreeSet<Arc<str>> = endpoints(&body.spec, &body.origins)
                .into_iter()
                .filter(|(address, _)| !before.contains(address))
                .map(|(_, source)| source)
                .collect();
            let (moved, gone): (Vec<_>, Vec<_>) =
                lost_endpoints(base, &body.spec).into_iter().partition(|source| elsewhere.contains(source));
            let mut removals: Vec<Removal> =
                gone.into_iter().map(|source| Removal::Endpoint { host: Arc::clone(&host), source }).collect();
            let differing = step.changes();
            let changed = |field: &str| differing.iter().any(|one| one.field.starts_with(field));
            if changed("exportTo") {
                removals.push(exposure());
            }
            let only_moved = !moved.is_empty() && !["ports", "addresses", "subjectAltNames"].into_iter().any(changed);
            if removals.is_empty() && !only_moved { change() } else { removals }
        }
        Action::Create { .. } | Action::Hold { .. } => Vec::new(),
    }
}

/// The sources of endpoints whose address is not in `after` any more.
fn lost_endpoints(base: &OwnedObject, after: &str) -> Vec<Arc<str>> {
    let kept: BTreeSet<Arc<str>> =
        endpoints(after, &Origins::default()).into_iter().map(|(address, _)| address).collect();
    endpoints(&base.spec, &base.origins)
        .into_iter()
        .filter(|(address, _)| !kept.contains(address))
        .map(|(_, source)| source)
        .collect()
}

fn loses_endpoint(step: &Step) -> bool {
    match &step.action {
        Action::Delete { base } => !endpoints(&base.spec, &base.origins).is_empty(),
        Action::Update { base, body } => !lost_endpoints(base, &body.spec).is_empty(),
        Action::Create { .. } | Action::Hold { .. } => false,
    }
}

/// Address and source cluster of every endpoint; the address again where no origin tells the cluster.
fn endpoints(spec: &str, origins: &Origins) -> Vec<(Arc<str>, Arc<str>)> {
    let entry: ServiceEntry = serde_json::from_str(spec).unwrap_or_default();
    let source = |address: &Arc<str>| {
        let part = Part::Endpoint(Arc::clone(address));
        origins.of(&part).next().map_or_else(|| Arc::clone(address), |origin| origin.cluster.as_str().into())
    };
    entry.endpoints.into_iter().map(|endpoint| (Arc::clone(&endpoint.address), source(&endpoint.address))).collect()
}

/// Whether somebody still calls the name of `step`: a workload whose identity depends on it runs somewhere. Where the
/// identity cannot be told, whether other clusters hold a copy that goes too.
fn has_clients(step: &Step, plan: &Plan, fleet: &FleetSnapshot) -> bool {
    let Some(identity) = step.identity.as_deref() else {
        let copies = plan.steps.iter().filter(|other| other.key == step.key && other.is_write());
        return copies.map(|other| &other.cluster).collect::<BTreeSet<_>>().len() > 1;
    };
    let callers: BTreeSet<&str> = fleet
        .seen()
        .flat_map(|(_, facts)| &facts.dependencies)
        .filter(|dependency| dependency.destinations.iter().any(|destination| &**destination == identity))
        .map(|dependency| &*dependency.source)
        .collect();
    fleet
        .seen()
        .flat_map(|(_, facts)| &facts.workloads)
        .any(|workload| !workload.wish.ignored && callers.contains(workload.identity.as_str()))
}

fn host(step: &Step) -> Arc<str> {
    step.host.as_ref().map_or_else(|| Arc::clone(&step.key.name), |host| host.as_str().into())
}

#[cfg(test)]
mod tests;
