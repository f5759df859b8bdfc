//! L4: every step names the facts that caused it.

use std::collections::BTreeSet;

use mesh_model::facts::ClusterFacts;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::origin::Origin;

use super::{Given, Law, Planner, Violation, name};
use crate::because::Because;

/// L4: every step has a reason, every reason a rule, and every source that a reason names exists: as a fact that was read,
/// as a live object, or as the origin that a live object records.
pub fn every_step_names_its_facts(planner: Planner, given: Given<'_>) -> Result<(), Violation> {
    let plan = planner.all(given.fleet, given.policy, given.now);
    if plan.steps.is_empty() {
        return Ok(());
    }
    let known = Known::of(given.fleet);
    for step in &plan.steps {
        let broken = |what: String| Err(Violation::new(Law::L4, format!("{}: {what}", name(step))));
        if step.because.is_empty() {
            return broken("no reason".into());
        }
        if let Some(because) = step.because.iter().find(|because| because.rule.is_empty()) {
            return broken(format!("a reason without a rule: {because:?}"));
        }
        if step.because.iter().all(|because| because.sources.is_empty() && !is_of_the_policy(because)) {
            return broken(format!("no reason names a fact: {:?}", step.because));
        }
        if let Some(source) = step.because.iter().flat_map(|because| &because.sources).find(|s| !known.has(s)) {
            return broken(format!("{source} does not exist"));
        }
    }
    Ok(())
}

/// Reasons that lie in the policy or in the absence of something name no object.
fn is_of_the_policy(because: &Because) -> bool {
    because.rule.contains("policy")
}

/// Everything that a reason may name.
struct Known<'a> {
    fleet: &'a FleetSnapshot,
    recorded: BTreeSet<&'a Origin>,
}

impl<'a> Known<'a> {
    fn of(fleet: &'a FleetSnapshot) -> Self {
        let objects = fleet.reached().flat_map(|(_, facts)| facts.owned.values());
        Self { fleet, recorded: objects.flat_map(|object| object.origins.iter()).map(|(origin, _)| origin).collect() }
    }

    fn has(&self, source: &Origin) -> bool {
        self.recorded.contains(source)
            || self.fleet.reached().any(|(cluster, facts)| *cluster == source.cluster && holds(facts, source))
    }
}

fn holds(facts: &ClusterFacts, source: &Origin) -> bool {
    let (namespace, name) = source.name.split_once('/').unwrap_or(("", &source.name));
    let named = |ns: &str, n: &str| ns == namespace && n == name;
    match source.kind {
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::Rollout | Kind::Job | Kind::CronJob => {
            facts.workloads.iter().any(|w| w.kind.kind() == source.kind && named(&w.namespace, &w.name))
        }
        Kind::Service => {
            facts.services.get(namespace).is_some_and(|services| services.iter().any(|s| &*s.name == name))
                || facts.gateways.iter().any(|gateway| &*gateway.name == name)
        }
        Kind::Namespace => facts.namespaces.contains_key(&*source.name),
        Kind::Node => !facts.node_regions.is_empty(),
        Kind::ConfigMap => !facts.vip_store.is_empty(),
        Kind::Dependency => facts.dependencies.iter().any(|d| named(&d.namespace, &d.name)),
        Kind::GlobalTrafficPolicy => facts.traffic_policies.iter().any(|p| named(&p.meta.namespace, &p.meta.name)),
        Kind::OutlierDetection => facts.outlier_detections.iter().any(|p| named(&p.meta.namespace, &p.meta.name)),
        Kind::ClientConnectionConfig => facts.connection_configs.iter().any(|p| named(&p.meta.namespace, &p.meta.name)),
        Kind::ServiceEntry | Kind::DestinationRule | Kind::VirtualService => {
            let is = |key: &mesh_model::owned::ObjectKey| key.kind == source.kind && named(&key.namespace, &key.name);
            facts.owned.keys().any(is) || facts.foreign.iter().any(|foreign| is(&foreign.key))
        }
        Kind::GlobalName | Kind::GlobalNameSet => facts.claims.contains_key(&*source.name),
        Kind::RoutingPolicy
        | Kind::TrafficConfig
        | Kind::DependencyProxy
        | Kind::Gateway
        | Kind::Sidecar
        | Kind::PeerAuthentication
        | Kind::AuthorizationPolicy => false,
    }
}
