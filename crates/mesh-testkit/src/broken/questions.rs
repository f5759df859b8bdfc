//! Planners that are told something wrong: the real one, asked about another fleet.

use std::sync::Arc;

use jiff::Timestamp;
use mesh_model::facts::ClusterFacts;
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::name::ClusterName;
use mesh_model::origin::{Origin, Origins};
use mesh_model::policy::MeshPolicy;
use mesh_plan::laws::Planner;
use mesh_plan::plan::Plan;
use mesh_plan::scope::Scope;

/// Takes unseen clusters for empty ones.
pub(super) fn unseen_clusters_are_empty(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    let mut told = f.clone();
    for view in told.members.values_mut() {
        if matches!(view, ClusterView::Unseen(_)) {
            *view = ClusterView::Seen(Arc::default());
        }
    }
    let mut plan = (Planner::REAL.plan)(&told, p, s, now);
    plan.steps.retain(|step| f.facts(&step.cluster).is_some());
    plan
}

/// Takes unseen kinds for empty ones.
pub(super) fn unseen_kinds_are_empty(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    ask(f, p, s, now, |_, facts| facts.unseen.clear())
}

/// Credits every live value to the cluster that holds it, not to the one that it came from.
pub(super) fn origins_are_at_home(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    ask(f, p, s, now, |cluster, facts| {
        for object in facts.owned.values_mut() {
            let mut origins = Origins::default();
            for (origin, parts) in object.origins.iter() {
                let here = Origin { cluster: cluster.clone(), ..origin.clone() };
                for part in parts {
                    origins.add(here.clone(), part.clone());
                }
            }
            object.from_text = Some(origins.to_annotation().into());
            object.origins = Arc::new(origins);
        }
    })
}

/// Overlooks what others hold.
pub(super) fn others_do_not_exist(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    ask(f, p, s, now, |_, facts| facts.foreign.clear())
}

/// Reads only the first Dependency of a cluster that comes.
pub(super) fn first_dependency_wins(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    ask(f, p, s, now, |_, facts| facts.dependencies.truncate(1))
}

/// Reads only the first destination of a Dependency that comes.
pub(super) fn first_destination_wins(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    ask(f, p, s, now, |_, facts| facts.dependencies.iter_mut().for_each(|d| d.destinations.truncate(1)))
}

/// Forgets the scope.
pub(super) fn scope_is_ignored(f: &FleetSnapshot, p: &MeshPolicy, _: &Scope, now: Timestamp) -> Plan {
    Planner::REAL.all(f, p, now)
}

/// Reads only what the scope names, so that callers of other names do not exist.
pub(super) fn scope_is_all_there_is(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    ask(f, p, s, now, |_, facts| {
        facts.workloads.retain(|w| s.names.is_empty() || s.names.iter().any(|name| **name == *w.identity));
    })
}

/// Shows holds only where nothing is to be written.
pub(super) fn holds_are_shown_later(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    let mut plan = (Planner::REAL.plan)(f, p, s, now);
    if !plan.is_empty() {
        plan.steps.retain(mesh_plan::plan::Step::is_write);
    }
    plan
}

/// Asks the real planner about a fleet in which every seen cluster was changed.
fn ask(
    f: &FleetSnapshot,
    p: &MeshPolicy,
    s: &Scope,
    now: Timestamp,
    change: impl Fn(&ClusterName, &mut ClusterFacts),
) -> Plan {
    let mut told = f.clone();
    for (cluster, view) in &mut told.members {
        if let ClusterView::Seen(facts) = view {
            change(cluster, Arc::make_mut(facts));
        }
    }
    (Planner::REAL.plan)(&told, p, s, now)
}
