//! Letting ex-sources go (deviation D18): clusters that keep a host in client form since they served it once.

use jiff::{SignedDuration, Timestamp};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::name::ClusterName;
use mesh_model::owned::EX_SOURCE;

use crate::because::Because;
use crate::desired::{Desired, DesiredObject, Role};

/// What came of pruning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Objects that are not desired any more.
    pub pruned: usize,
    /// Objects that are old enough but stay, since not everything that may call through them was read.
    pub kept: usize,
}

/// Takes the objects of ex-sources that are at least `age` old out of `desired`. A time that cannot be read counts as
/// new; while anything of the fleet is unseen nothing goes, since an unseen Dependency may need it.
pub fn prune_ex_sources(desired: &mut Desired, fleet: &FleetSnapshot, now: Timestamp, age: SignedDuration) -> Pruned {
    let mut pruned = Pruned::default();
    let mut gone = Vec::new();
    for (cluster, objects) in &desired.objects {
        for (key, object) in objects {
            if object.role == Role::ExSource && now.duration_since(since(desired, cluster, object, now)) >= age {
                gone.push((cluster.clone(), key.clone()));
            }
        }
    }
    if !fleet.is_complete() {
        return Pruned { kept: gone.len(), ..pruned };
    }
    for (cluster, key) in gone {
        let Some(object) = desired.objects.get_mut(&cluster).and_then(|objects| objects.remove(&key)) else { continue };
        let because = Because::whole("the ex-source is pruned", object.role_because.sources.clone());
        desired.gone.insert((cluster, key), because);
        pruned.pruned += 1;
    }
    pruned
}

/// When a cluster was first found to be an ex-source of a host; any of the host's objects there may tell.
fn since(desired: &Desired, cluster: &ClusterName, object: &DesiredObject, now: Timestamp) -> Timestamp {
    desired.objects[cluster]
        .values()
        .filter(|other| other.host == object.host)
        .filter_map(|other| other.body.annotations.get(EX_SOURCE)?.parse().ok())
        .min()
        .unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use mesh_model::fleet::{ClusterView, Unseen};
    use mesh_model::kind::Kind;
    use mesh_model::name::{Identity, Namespace};
    use mesh_model::owned::ObjectKey;

    use super::*;
    use crate::desired::Body;
    use crate::lookup::fixture::{cluster, host};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A host that c1 keeps as an ex-source since `since`: a ServiceEntry that says so, and a DestinationRule.
    fn ex_source(since: &str) -> Desired {
        let object = |kind, annotations| {
            let key = ObjectKey { kind, namespace: Namespace::parse("mesh-sync").unwrap(), name: "a".into() };
            let body = Body {
                key: key.clone(),
                labels: Arc::default(),
                annotations: Arc::new(annotations),
                spec: "{}".into(),
                origins: Arc::default(),
                from_text: None,
            };
            let object = DesiredObject {
                body: Arc::new(body),
                host: host("stage.a.global"),
                base: host("stage.a.global"),
                identity: Identity::parse("a").unwrap(),
                role: Role::ExSource,
                is_called: false,
                role_because: Arc::new(Because::whole("it ran here", vec![])),
                because: Arc::default(),
                held: Vec::new(),
            };
            (key, object)
        };
        let objects = BTreeMap::from([
            object(Kind::ServiceEntry, BTreeMap::from([(EX_SOURCE.into(), since.into())])),
            object(Kind::DestinationRule, BTreeMap::new()),
        ]);
        Desired { objects: BTreeMap::from([(cluster("c1"), objects)]), ..Desired::default() }
    }

    fn pruned(since: &str, hours: i64, fleet: &FleetSnapshot) -> Pruned {
        let now = at("2026-02-01T00:00:00Z");
        prune_ex_sources(&mut ex_source(since), fleet, now, SignedDuration::from_hours(hours))
    }

    #[test]
    fn an_ex_source_goes_whole_once_it_is_old_enough() {
        let fleet = FleetSnapshot::default();
        assert_eq!(pruned("2026-01-01T00:00:00Z", 24 * 30, &fleet).pruned, 2);
        assert_eq!(pruned("2026-01-30T00:00:00Z", 24 * 30, &fleet).pruned, 0);
        assert_eq!(pruned("2026-01-30T00:00:00Z", 0, &fleet).pruned, 2);
    }

    #[test]
    fn a_time_that_cannot_be_read_counts_as_new() {
        let fleet = FleetSnapshot::default();
        assert_eq!(pruned("long ago", 1, &fleet).pruned, 0);
        assert_eq!(pruned("long ago", 0, &fleet).pruned, 2);
    }

    #[test]
    fn nothing_goes_while_something_is_unseen() {
        let unseen = ClusterView::Unseen(Unseen { why: "no folder".into() });
        let fleet = FleetSnapshot { members: BTreeMap::from([(cluster("c9"), unseen)]), ..FleetSnapshot::default() };
        assert_eq!(pruned("2026-01-01T00:00:00Z", 0, &fleet), Pruned { pruned: 0, kept: 2 });
    }
}
