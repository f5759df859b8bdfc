//! What a writer does to a fleet, as a pure function: for laws, stories and dry runs.
//!
//! The same rules as the real writers follow (product contract §4, house rules §4): creates never adopt what is there,
//! updates and deletes need the version that was read, an update replaces `spec` whole, sets our marks and keeps foreign
//! labels and annotations.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::name::ClusterName;
use mesh_model::owned::{CREATED_BY, Mark, OUR_MARK, ObjectKey, OwnedObject, Pairs};

use crate::desired::Body;
use crate::manifest::{OUR_ANNOTATIONS, OUR_LABELS};
use crate::plan::{Action, Plan, Step};

/// The fleet after every write step of `plan` was tried once, in order. What cannot be written stays as it is.
pub fn apply(fleet: &FleetSnapshot, plan: &Plan) -> FleetSnapshot {
    apply_steps(fleet, &plan.steps)
}

/// The fleet after `steps` were tried once, in order.
pub fn apply_steps<'a>(fleet: &FleetSnapshot, steps: impl IntoIterator<Item = &'a Step>) -> FleetSnapshot {
    let mut store = Store::new(fleet);
    for step in steps {
        store.write(step);
    }
    store.snapshot()
}

/// The object that a cluster holds once `body` was written over `base`, at `version`.
///
/// Labels and annotations of others stay. Of ours, those that the body does not have any more go.
pub fn written(base: Option<&OwnedObject>, body: &Body, version: Arc<str>) -> OwnedObject {
    let merge = |theirs: Option<&Arc<Pairs>>, ours: &[&str], body: &Arc<Pairs>| match theirs {
        None => Arc::clone(body),
        Some(theirs) => {
            let mut merged = Pairs::clone(theirs);
            merged.retain(|key, _| !ours.contains(&&**key));
            merged.extend(Pairs::clone(body));
            Arc::new(merged)
        }
    };
    let labels = merge(base.map(|base| &base.labels), &OUR_LABELS, &body.labels);
    let annotations = merge(base.map(|base| &base.annotations), &OUR_ANNOTATIONS, &body.annotations);
    let ours = annotations.get(CREATED_BY).is_some_and(|mark| &**mark == OUR_MARK);
    OwnedObject {
        created: base.and_then(|base| base.created),
        uid: base.map_or_else(|| Some(format!("uid-{version}").into()), |base| base.uid.clone()),
        version,
        mark: if ours { Mark::Ours } else { Mark::Admiral },
        spec: body.spec.clone(),
        labels,
        annotations,
        origins: body.origins.clone(),
        from_text: body.from_text.clone(),
        changed_by: None,
    }
}

/// What came of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The object is as the step wants it.
    Written,
    /// It is not as it was read, or the cluster cannot be reached: nothing happened.
    Moved,
}

/// The generated objects of a fleet, as one phase of an observation reads them.
#[derive(Debug, Clone, Default)]
pub struct Objects(BTreeMap<(ClusterName, ObjectKey), OwnedObject>);

impl Objects {
    /// `facts` with these generated objects instead of its own.
    pub fn join(&self, facts: &FleetSnapshot) -> FleetSnapshot {
        let mut fleet = facts.clone();
        for (cluster, view) in &mut fleet.members {
            if let ClusterView::Seen(facts) | ClusterView::Retired(Some(facts)) = view {
                let here = self.0.iter().filter(|((of, _), _)| of == cluster);
                Arc::make_mut(facts).owned = here.map(|((_, key), object)| (key.clone(), object.clone())).collect();
            }
        }
        fleet
    }
}

/// A fleet with optimistic concurrency: every write gets a version that no object had before.
#[derive(Debug, Clone)]
pub struct Store {
    fleet: FleetSnapshot,
    objects: Objects,
    next_version: u64,
}

impl Store {
    /// A store that holds what `fleet` holds.
    pub fn new(fleet: &FleetSnapshot) -> Self {
        let objects: BTreeMap<_, _> = fleet
            .reached()
            .flat_map(|(cluster, facts)| {
                facts.owned.iter().map(|(key, object)| ((cluster.clone(), key.clone()), object.clone()))
            })
            .collect();
        let highest = objects.values().filter_map(|object| object.version.parse::<u64>().ok()).max();
        Self { fleet: fleet.clone(), objects: Objects(objects), next_version: highest.unwrap_or(0) + 1 }
    }

    /// The first phase of an observation: generated objects with their versions.
    pub fn read_objects(&self) -> Objects {
        self.objects.clone()
    }

    /// The second phase: everything else as it is now.
    pub fn read_facts(&self) -> FleetSnapshot {
        self.fleet.clone()
    }

    /// What a run sees that reads everything now.
    pub fn snapshot(&self) -> FleetSnapshot {
        self.objects.join(&self.fleet)
    }

    /// Somebody else changes the fleet: anything but generated objects. Those of clusters that could not be reached until
    /// now are taken over.
    pub fn change(&mut self, fleet: &FleetSnapshot) {
        for (cluster, facts) in fleet.reached() {
            if !is_reached(&self.fleet, cluster) {
                let found = facts.owned.iter().map(|(key, object)| ((cluster.clone(), key.clone()), object.clone()));
                self.objects.0.extend(found);
            }
        }
        self.fleet = fleet.clone();
    }

    /// Tries one step as an API server does: an update without a version is not checked, a create never overwrites.
    pub fn write(&mut self, step: &Step) -> Outcome {
        let place = (step.cluster.clone(), step.key.clone());
        let live = self.objects.0.get(&place);
        let may = match &step.action {
            Action::Create { .. } => live.is_none() && !self.is_taken(step),
            Action::Update { base, .. } => {
                live.is_some_and(|live| base.version.is_empty() || live.version == base.version)
            }
            Action::Delete { base } => live.is_some_and(|live| {
                (base.version.is_empty() || live.version == base.version)
                    && (base.uid.is_none() || live.uid == base.uid)
            }),
            Action::Hold { .. } => false,
        };
        if !is_reached(&self.fleet, &step.cluster) || !may {
            return Outcome::Moved;
        }
        let version: Arc<str> = self.next_version.to_string().into();
        self.next_version += 1;
        match &step.action {
            Action::Create { body } => {
                self.objects.0.insert(place, written(None, body, version));
            }
            Action::Update { body, .. } => {
                let object = written(live, body, version);
                self.objects.0.insert(place, object);
            }
            Action::Delete { .. } => {
                self.objects.0.remove(&place);
            }
            Action::Hold { .. } => {}
        }
        Outcome::Written
    }

    fn is_taken(&self, step: &Step) -> bool {
        self.fleet.reached().any(|(cluster, facts)| {
            *cluster == step.cluster && facts.foreign.iter().any(|foreign| foreign.key == step.key)
        })
    }
}

fn is_reached(fleet: &FleetSnapshot, cluster: &ClusterName) -> bool {
    fleet.reached().any(|(reached, _)| reached == cluster)
}

#[cfg(test)]
mod tests {
    use mesh_model::facts::ClusterFacts;
    use mesh_model::kind::Kind;
    use mesh_model::name::Namespace;

    use super::*;
    use crate::plan::Class;

    #[test]
    fn an_update_needs_the_version_that_was_read_and_gives_a_new_one() {
        let mut store = Store::new(&fleet());
        let read = store.snapshot();
        let base = Arc::new(read.facts("c1").unwrap().owned[&key("old")].clone());
        let update = step("old", Action::Update { base: base.clone(), body: body("old", "{}") });
        assert_eq!(store.write(&update), Outcome::Written);
        assert_eq!(store.write(&update), Outcome::Moved, "the base is older now");
        assert_eq!(store.write(&step("old", Action::Delete { base })), Outcome::Moved);
        let after = store.snapshot().facts("c1").unwrap().owned[&key("old")].clone();
        assert_eq!((&*after.version, &*after.spec), ("8", "{}"));
        assert_eq!(after.annotations.get("note").map(|text| &**text), Some("theirs"), "foreign annotations stay");
        assert!(!after.annotations.contains_key(mesh_model::owned::EX_SOURCE), "ours that is not wanted goes");
    }

    #[test]
    fn a_create_takes_over_nothing() {
        let mut store = Store::new(&fleet());
        assert_eq!(store.write(&step("old", Action::Create { body: body("old", "{}") })), Outcome::Moved);
        assert_eq!(store.write(&step("theirs", Action::Create { body: body("theirs", "{}") })), Outcome::Moved);
        assert_eq!(store.write(&step("new", Action::Create { body: body("new", "{}") })), Outcome::Written);
        assert_eq!(store.write(&step("new", Action::Create { body: body("new", "{}") })), Outcome::Moved);
    }

    #[test]
    fn clusters_that_are_not_reached_are_not_written() {
        let mut store = Store::new(&fleet());
        let elsewhere = Step {
            cluster: ClusterName::parse("c2").unwrap(),
            ..step("new", Action::Create { body: body("new", "{}") })
        };
        assert_eq!(store.write(&elsewhere), Outcome::Moved);
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey { kind: Kind::ServiceEntry, namespace: Namespace::parse("mesh-sync").unwrap(), name: name.into() }
    }

    fn body(name: &str, spec: &str) -> Arc<Body> {
        Arc::new(Body {
            key: key(name),
            labels: Arc::default(),
            annotations: Arc::new([(CREATED_BY.into(), OUR_MARK.into())].into()),
            spec: spec.into(),
            origins: Arc::default(),
            from_text: None,
        })
    }

    fn fleet() -> FleetSnapshot {
        let old = OwnedObject {
            created: None,
            uid: Some("u".into()),
            version: "7".into(),
            mark: Mark::Ours,
            spec: r#"{"hosts":["old"]}"#.into(),
            labels: Arc::default(),
            annotations: Arc::new(Pairs::from([
                (CREATED_BY.into(), OUR_MARK.into()),
                ("note".into(), "theirs".into()),
                (mesh_model::owned::EX_SOURCE.into(), "2026-01-01T00:00:00Z".into()),
            ])),
            origins: Arc::default(),
            from_text: None,
            changed_by: None,
        };
        let theirs = mesh_model::facts::ForeignObject {
            key: key("theirs"),
            hosts: Vec::new(),
            addresses: Vec::new(),
            home_ports: Vec::new(),
            made_by: None,
            created: None,
        };
        let facts =
            ClusterFacts { owned: [(key("old"), old)].into(), foreign: vec![theirs], ..ClusterFacts::default() };
        let unseen = mesh_model::fleet::Unseen { why: "gone".into() };
        let members = [
            (ClusterName::parse("c1").unwrap(), ClusterView::Seen(Arc::new(facts))),
            (ClusterName::parse("c2").unwrap(), ClusterView::Unseen(unseen)),
        ];
        FleetSnapshot { members: members.into(), ..FleetSnapshot::default() }
    }

    fn step(name: &str, action: Action) -> Step {
        Step {
            cluster: ClusterName::parse("c1").unwrap(),
            key: key(name),
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
}
