//! L7: a scope restricts a plan, it does not change it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_istio::ServiceEntry;
use mesh_istio::canonical::to_canonical_json;
use mesh_model::facts::ClusterFacts;
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::kind::Kind;
use mesh_model::name::Host;
use mesh_model::owned::ObjectKey;
use mesh_model::policy::MeshPolicy;

use super::order::difference;
use super::{Given, Law, Planner, Violation};
use crate::desire::{Names, Survey};
use crate::desired::{Body, DesiredObject};
use crate::plan::{Action, Step};
use crate::scope::{Scope, matches_glob};

/// L7: a plan in `scope` is the full plan restricted to it, but for the virtual address of a host that is live nowhere yet:
/// that may collide with another new host which the scope leaves out.
pub fn scope_is_a_restriction(planner: Planner, given: Given<'_>, scope: &Scope) -> Result<(), Violation> {
    let full = planner.all(given.fleet, given.policy, given.now);
    let scoped = (planner.plan)(given.fleet, given.policy, scope, given.now);
    let restricted: Vec<Step> = full.steps.into_iter().filter(|step| is_in(scope, step)).collect();
    same(given.fleet, &restricted, &scoped.steps).map_err(|told| Violation::new(Law::L7, format!("{scope:?}: {told}")))
}

/// Says whose workloads are [beyond](crate::concern::beyond) some names.
pub type Beyond = for<'i> fn(&[&ClusterFacts], &MeshPolicy, &[String], &'i BTreeSet<String>) -> BTreeSet<&'i str>;

/// L7: a plan of `names` is the same without the workloads that are `beyond` them, by all that is known but who runs, and without
/// the Services of namespaces where nobody else runs; with the same exception. It finds nothing more, and does not find what is wrong with those workloads. How many they are.
pub fn workloads_beyond_do_not_matter(beyond: Beyond, given: Given<'_>, names: &[String]) -> Result<usize, Violation> {
    let reached = || given.fleet.reached().map(|(_, facts)| facts);
    let workloads = || reached().flat_map(|facts| &facts.workloads);
    let identities: BTreeSet<String> = workloads().map(|workload| workload.identity.as_str().to_owned()).collect();
    let unread: Vec<ClusterFacts> = reached()
        .map(|facts| ClusterFacts { workloads: Vec::new(), services: BTreeMap::new(), ..facts.clone() })
        .collect();
    let beyond = beyond(&unread.iter().collect::<Vec<_>>(), given.policy, names, &identities);
    let mut part = given.fleet.clone();
    for view in part.members.values_mut() {
        if let ClusterView::Seen(facts) | ClusterView::Retired(Some(facts)) = view {
            let ClusterFacts { workloads, services, .. } = Arc::make_mut(facts);
            workloads.retain(|workload| !beyond.contains(workload.identity.as_str()));
            services.retain(|namespace, _| workloads.iter().any(|workload| workload.namespace == *namespace));
        }
    }
    let scope = Scope { names: names.to_vec(), ..Scope::default() };
    let [all, some] = [given.fleet, &part].map(|fleet| (Planner::REAL.plan)(fleet, given.policy, &scope, given.now));
    let told = same(given.fleet, &all.steps, &some.steps).err().or_else(|| {
        let new = some.findings.iter().find(|finding| !all.findings.contains(finding));
        new.map(|finding| format!("{finding:?}"))
    });
    match told {
        Some(told) => Err(Violation::new(Law::L7, format!("{names:?} without {beyond:?}: {told}"))),
        None => Ok(workloads().filter(|workload| beyond.contains(workload.identity.as_str())).count()),
    }
}

/// That steps are the same, but for the virtual address of a host that is live nowhere yet; else the first that is not.
fn same(fleet: &FleetSnapshot, one: &[Step], other: &[Step]) -> Result<(), String> {
    let Some(told) = difference(one, other) else { return Ok(()) };
    let live = live_hosts(fleet);
    let blind = |steps: &[Step]| steps.iter().map(|step| without_new_address(step, &live)).collect::<Vec<_>>();
    difference(&blind(one), &blind(other)).map_or(Ok(()), |_| Err(told))
}

/// What one name is desired to be does not depend on whether others are asked for: the law beneath L7.
pub fn one_name_is_desired_as_among_all(given: Given<'_>) -> Result<(), Violation> {
    let survey = Survey::of(given.fleet, given.policy);
    let names = Names::of(&survey, given.now);
    let all = names.desire();
    for (base, name) in &all.names {
        let mut alone = names.without_objects();
        names.desire_one(base, &mut alone);
        for (cluster, objects) in &all.objects {
            // Identities that only differ in case share a host, and so what is said of it.
            let of_base = |(key, object): (&ObjectKey, &DesiredObject)| {
                object.base.eq_ignore_ascii_case(base).then(|| format!("{key} {object:?}"))
            };
            if !objects.iter().filter_map(of_base).eq(alone.objects[cluster].iter().filter_map(of_base)) {
                return Err(Violation::new(Law::L7, format!("{base} alone is desired otherwise in {cluster}")));
            }
        }
        let is_ending = |rest: &str| matches!(rest, "-se" | "-dr" | "-default-dr");
        let is_on =
            |key: &ObjectKey, host: &Host| key.name.strip_prefix(host.to_lowercase().as_str()).is_some_and(is_ending);
        for (all, alone) in [(&all.kept, &alone.kept), (&all.gone, &alone.gone)] {
            let judged = all.iter().filter(|((_, key), _)| name.hosts.keys().any(|host| is_on(key, host)));
            let lost = judged.filter(|(at, because)| alone.get(at) != Some(because));
            let strange = alone.iter().filter(|(at, because)| all.get(at) != Some(because));
            if let Some(((cluster, key), because)) = lost.chain(strange).next() {
                let told = format!("{base} alone judges {key} in {cluster} otherwise: {}", because.rule);
                return Err(Violation::new(Law::L7, told));
            }
        }
    }
    Ok(())
}

fn is_in(scope: &Scope, step: &Step) -> bool {
    let texts = [step.identity.as_deref(), step.base.as_deref(), step.host.as_deref()];
    let is_named = |glob: &String| texts.iter().flatten().any(|text| matches_glob(glob, text));
    (scope.names.is_empty() || scope.names.iter().any(is_named)) && scope.has_cluster(&step.cluster)
}

/// Hosts that have an address in any cluster.
fn live_hosts(fleet: &FleetSnapshot) -> BTreeSet<Arc<str>> {
    let entries = fleet.reached().flat_map(|(_, facts)| &facts.owned).filter(|(key, _)| key.kind == Kind::ServiceEntry);
    entries
        .filter_map(|(_, object)| serde_json::from_str::<ServiceEntry>(&object.spec).ok())
        .filter(|entry| !entry.addresses.is_empty())
        .flat_map(|entry| entry.hosts)
        .collect()
}

fn without_new_address(step: &Step, live: &BTreeSet<Arc<str>>) -> Step {
    let mut step = step.clone();
    let is_live = |host: &Host| live.contains(host.as_str());
    if step.key.kind != Kind::ServiceEntry || step.host.as_ref().is_none_or(is_live) {
        return step;
    }
    if let Action::Create { body } | Action::Update { body, .. } = &mut step.action {
        *body = Arc::new(without_address(body));
    }
    step.because.retain(|because| !because.field.starts_with("addresses"));
    step
}

fn without_address(body: &Body) -> Body {
    let Ok(entry) = serde_json::from_str::<ServiceEntry>(&body.spec) else { return body.clone() };
    let entry = ServiceEntry { addresses: Vec::new(), ..entry };
    Body { spec: to_canonical_json(&entry).into(), ..body.clone() }
}
