//! L5: what is not ours is not touched, and what is ours only as it was read.

use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::owned::{Mark, OwnedObject};
use mesh_model::policy::Adopt;

use super::{Given, Law, Planner, Violation, name};
use crate::plan::{Action, Step};

/// L5: changes and deletes touch only objects that carry our mark (adopting: or Admiral's), at the version read, in
/// clusters that were reached; creates take no name that is taken.
pub fn touches_only_what_is_ours(planner: Planner, given: Given<'_>) -> Result<(), Violation> {
    let plan = planner.all(given.fleet, given.policy, given.now);
    for step in plan.steps.iter().filter(|step| step.is_write()) {
        if let Some(problem) = problem(step, given) {
            return Err(Violation::new(Law::L5, format!("{}: {problem}", name(step))));
        }
    }
    Ok(())
}

fn problem(step: &Step, given: Given<'_>) -> Option<String> {
    let facts = match given.fleet.members.get(&step.cluster) {
        Some(ClusterView::Seen(facts)) => facts,
        Some(ClusterView::Retired(Some(facts))) => {
            if !matches!(step.action, Action::Delete { .. }) {
                return Some("the cluster is retired".into());
            }
            facts
        }
        Some(ClusterView::Unseen(_) | ClusterView::Retired(None)) => return Some("the cluster was not reached".into()),
        None => return Some("the cluster is no member".into()),
    };
    match &step.action {
        Action::Create { .. } if facts.owned.contains_key(&step.key) => Some("it exists".into()),
        Action::Create { .. } if facts.unseen.contains(&step.key.kind) => {
            Some("it may exist: its kind is unseen".into())
        }
        Action::Create { .. } if facts.foreign.iter().any(|foreign| foreign.key == step.key) => {
            Some("an object of that name is somebody else's".into())
        }
        Action::Update { base, .. } | Action::Delete { base } => base_problem(base, step, given),
        Action::Create { .. } | Action::Hold { .. } => None,
    }
}

fn base_problem(base: &OwnedObject, step: &Step, given: Given<'_>) -> Option<String> {
    let Some(live) = live(given.fleet, step) else { return Some("no such object was read".into()) };
    if base.mark == Mark::Admiral && given.policy.adopt == Adopt::Off {
        return Some("it carries Admiral's mark and nothing is adopted".into());
    }
    if (&live.version, &live.uid) != (&base.version, &base.uid) {
        return Some(format!("version {} of it was read, {} is given", live.version, base.version));
    }
    (live != base).then(|| "it is not given as it was read".into())
}

fn live<'a>(fleet: &'a FleetSnapshot, step: &Step) -> Option<&'a OwnedObject> {
    fleet.reached().find(|(cluster, _)| **cluster == step.cluster)?.1.owned.get(&step.key)
}
