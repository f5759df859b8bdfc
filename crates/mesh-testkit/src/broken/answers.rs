//! Planners that answer something wrong: the real plan, changed.

use std::sync::Arc;

use jiff::Timestamp;
use mesh_istio::ServiceEntry;
use mesh_istio::canonical::to_canonical_json;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::{Origin, Origins, Part};
use mesh_model::owned::{Mark, ObjectKey, OwnedObject};
use mesh_model::policy::MeshPolicy;
use mesh_plan::because::Because;
use mesh_plan::desired::Body;
use mesh_plan::laws::Planner;
use mesh_plan::plan::{Action, Class, Plan, Step};
use mesh_plan::scope::Scope;

/// Deletes instead of holding.
pub(super) fn holds_become_deletes(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    let mut plan = (Planner::REAL.plan)(f, p, s, now);
    for step in &mut plan.steps {
        let live = f.facts(&step.cluster).and_then(|facts| facts.owned.get(&step.key));
        if let (Action::Hold { .. }, Some(live)) = (&step.action, live) {
            step.action = Action::Delete { base: Arc::new(live.clone()) };
        }
    }
    plan
}

/// Takes endpoints away whose cluster is unseen.
pub(super) fn unseen_endpoints_go(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    let mut plan = (Planner::REAL.plan)(f, p, s, now);
    let is_unseen = |cluster: &ClusterName| f.unseen().any(|(unseen, _)| unseen == cluster);
    for (cluster, key, live) in owned(f) {
        let Ok(mut entry) = serde_json::from_str::<ServiceEntry>(&live.spec) else { continue };
        let before = entry.endpoints.len();
        entry
            .endpoints
            .retain(|e| !live.origins.of(&Part::Endpoint(e.address.clone())).any(|origin| is_unseen(&origin.cluster)));
        if entry.endpoints.len() < before {
            let body = Body { spec: to_canonical_json(&entry).into(), ..body_of(key, live) };
            plan.steps.push(update(cluster, live, body));
        }
    }
    plan
}

/// Writes the time of the run into everything it touches, and touches everything.
pub(super) fn time_is_written(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    let mut plan = (Planner::REAL.plan)(f, p, s, now);
    for (cluster, key, live) in owned(f) {
        let mut body = body_of(key, live);
        Arc::make_mut(&mut body.annotations).insert("written-at".into(), now.to_string().into());
        plan.steps.push(update(cluster, live, body));
    }
    plan
}

/// Writes no origins.
pub(super) fn origins_are_dropped(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    with_bodies((Planner::REAL.plan)(f, p, s, now), |body| {
        body.from_text = None;
        body.origins = Arc::new(Origins::default());
    })
}

/// Lists steps in the order in which it thought of them.
pub(super) fn steps_are_not_sorted(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    let mut plan = (Planner::REAL.plan)(f, p, s, now);
    plan.steps.reverse();
    plan
}

/// Gives no reasons.
pub(super) fn reasons_are_missing(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    with_steps((Planner::REAL.plan)(f, p, s, now), |step| step.because.clear())
}

/// Gives reasons without facts.
pub(super) fn reasons_are_empty(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    with_steps((Planner::REAL.plan)(f, p, s, now), |step| step.because.iter_mut().for_each(|b| b.sources.clear()))
}

/// Blames an object that does not exist.
pub(super) fn reasons_are_invented(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    with_steps((Planner::REAL.plan)(f, p, s, now), |step| {
        let source = Origin { cluster: step.cluster.clone(), kind: Kind::Service, name: "shop/no-such".into() };
        step.because.push(Because::whole("it is so", vec![source]));
    })
}

/// Writes over an older version than the one read.
pub(super) fn versions_are_old(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    with_bases((Planner::REAL.plan)(f, p, s, now), |base| base.version = "0".into())
}

/// Writes without saying over which version.
pub(super) fn versions_are_forgotten(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    with_bases((Planner::REAL.plan)(f, p, s, now), |base| base.version = "".into())
}

/// Deletes what others hold in its place.
pub(super) fn others_are_deleted(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    let mut plan = (Planner::REAL.plan)(f, p, s, now);
    for (cluster, facts) in f.seen() {
        for foreign in &facts.foreign {
            let base = OwnedObject {
                created: None,
                uid: None,
                version: "1".into(),
                mark: Mark::Ours,
                spec: "{}".into(),
                labels: Arc::default(),
                annotations: Arc::default(),
                origins: Arc::default(),
                from_text: None,
                changed_by: None,
            };
            plan.steps.push(step(cluster, foreign.key.clone(), Action::Delete { base: Arc::new(base) }));
        }
    }
    plan
}

/// Writes the same to clusters that it did not see.
pub(super) fn unseen_clusters_are_written(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    let mut plan = (Planner::REAL.plan)(f, p, s, now);
    let Some((_, key, live)) = owned(f).next() else { return plan };
    for (cluster, _) in f.unseen() {
        plan.steps.push(step(cluster, key.clone(), Action::Create { body: Arc::new(body_of(key, live)) }));
    }
    plan
}

/// Writes every object twice, under two names.
pub(super) fn objects_are_doubled(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    let mut plan = (Planner::REAL.plan)(f, p, s, now);
    let mut doubles = plan.steps.clone();
    for step in &mut doubles {
        step.key.name = format!("{}-again", step.key.name).into();
    }
    plan.steps.extend(doubles);
    plan
}

/// Gives every host one address.
pub(super) fn addresses_are_one(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    with_bodies((Planner::REAL.plan)(f, p, s, now), |body| {
        if let Ok(entry) = serde_json::from_str::<ServiceEntry>(&body.spec)
            && body.key.kind == Kind::ServiceEntry
        {
            let entry = ServiceEntry { addresses: vec!["240.64.0.1".into()], ..entry };
            body.spec = to_canonical_json(&entry).into();
        }
    })
}

/// Loses the last step of everything that it is asked about in part.
pub(super) fn scope_loses_a_step(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    let mut plan = (Planner::REAL.plan)(f, p, s, now);
    if !s.names.is_empty() {
        plan.steps.pop();
    }
    plan
}

/// Writes a duration that Istio refuses.
pub(super) fn durations_are_zero(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    with_bodies((Planner::REAL.plan)(f, p, s, now), |body| body.spec = body.spec.replace("\"300s\"", "\"0s\"").into())
}

/// Misspells a field.
pub(super) fn fields_are_misspelled(f: &FleetSnapshot, p: &MeshPolicy, s: &Scope, now: Timestamp) -> Plan {
    with_bodies((Planner::REAL.plan)(f, p, s, now), |body| {
        body.spec = body.spec.replace("\"resolution\"", "\"resoluton\"").into();
    })
}

/// Clients first.
pub(super) fn clients_first(plan: &Plan) -> Vec<&Step> {
    let mut steps = mesh_plan::writing::in_order(plan);
    steps.reverse();
    steps
}

/// As planned: cluster by cluster.
pub(super) fn as_planned(plan: &Plan) -> Vec<&Step> {
    plan.steps.iter().filter(|step| step.is_write()).collect()
}

fn owned(fleet: &FleetSnapshot) -> impl Iterator<Item = (&ClusterName, &ObjectKey, &OwnedObject)> {
    fleet.seen().flat_map(|(cluster, facts)| facts.owned.iter().map(move |(key, object)| (cluster, key, object)))
}

fn body_of(key: &ObjectKey, live: &OwnedObject) -> Body {
    Body {
        key: key.clone(),
        labels: live.labels.clone(),
        annotations: live.annotations.clone(),
        from_text: live.from_text.clone(),
        spec: live.spec.clone(),
        origins: live.origins.clone(),
    }
}

fn update(cluster: &ClusterName, live: &OwnedObject, body: Body) -> Step {
    let action = Action::Update { base: Arc::new(live.clone()), body: Arc::new(body.clone()) };
    step(cluster, body.key, action)
}

fn step(cluster: &ClusterName, key: ObjectKey, action: Action) -> Step {
    Step {
        cluster: cluster.clone(),
        key,
        host: None,
        base: None,
        identity: None,
        role: None,
        is_called: true,
        action,
        class: Class::Neutral,
        because: Vec::new(),
    }
}

fn with_steps(mut plan: Plan, change: impl Fn(&mut Step)) -> Plan {
    plan.steps.iter_mut().for_each(change);
    plan
}

fn with_bodies(plan: Plan, change: impl Fn(&mut Body)) -> Plan {
    with_steps(plan, |step| {
        if let Action::Create { body } | Action::Update { body, .. } = &mut step.action {
            change(Arc::make_mut(body));
        }
    })
}

fn with_bases(plan: Plan, change: impl Fn(&mut OwnedObject)) -> Plan {
    with_steps(plan, |step| {
        if let Action::Update { base, .. } | Action::Delete { base } = &mut step.action {
            change(Arc::make_mut(base));
        }
    })
}
