//! What is wrong now and will not be after the next sync: generated objects that somebody changed or took away.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_istio::ServiceEntry;
use mesh_model::facts::{ClusterFacts, Workload};
use mesh_model::finding::Code;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host};
use mesh_model::owned::{ObjectKey, OwnedObject};

use super::client::{hidden, tls_problem};
use super::entry::{client_problems, gateway_problems, hidden_from_gateway, rule_problems};
use super::mesh::{Held, Mesh, Specs};
use super::problem::{Problem, Problems};
use super::scene::Scene;
use crate::desire::site::Gateway;
use crate::desired::{Desired, DesiredObject, Role};
use crate::plan::changes;

/// Generated objects that are not as they should be by somebody else's hand, and what that does; and entries that are missing
/// where requests begin or arrive.
pub(super) fn drifted<'a>(
    desired: &'a Desired,
    fleet: &'a FleetSnapshot,
    scene: &Scene<'a>,
    problems: &mut Problems<'a>,
) {
    for (cluster, objects) in &desired.objects {
        let (Some(facts), Some(pushed)) = (fleet.facts(cluster), scene.meshes.get(cluster)) else { continue };
        let mut changed: BTreeSet<&Host> = BTreeSet::new();
        for (key, object) in objects {
            match facts.owned.get(key) {
                None if key.kind == Kind::ServiceEntry => {
                    problems.about(&object.host, missing(cluster, (key, object), scene, fleet));
                }
                Some(live) if live.spec != object.body.spec => {
                    if let Some(drift) = drift(cluster, key, object, live) {
                        problems.about(&object.host, [drift]);
                        changed.insert(&object.host);
                    }
                }
                _ => {}
            }
        }
        if changed.is_empty() {
            continue;
        }
        let owned = facts.owned.iter().map(|(key, live)| (key, &live.spec, live.created)).collect();
        let now = Mesh::of(cluster, facts, pushed.root, owned, &mut Specs::default());
        let entries = objects.values().filter(|object| object.body.key.kind == Kind::ServiceEntry);
        for object in entries.filter(|object| changed.contains(&object.host)) {
            let Some(entry) = now.entries_on(&object.host).iter().find(|held| *held.key == object.body.key) else {
                continue;
            };
            let today = Today { now: &now, scene, desired, entry, object };
            problems.about(&object.host, today.problems());
        }
    }
}

fn drift(cluster: &ClusterName, key: &ObjectKey, object: &DesiredObject, live: &OwnedObject) -> Option<Problem> {
    let changes = changes::between(Some(live), Some(&object.body));
    // Who only takes something away leaves no trace in an API server.
    let is_less = live.from_text == object.body.from_text && changes.iter().all(|change| change.before.is_none());
    let writer = match &live.changed_by {
        Some(writer) => format!("written last by {writer}"),
        None if is_less => "somebody took it away".to_owned(),
        // It is only to be written anew, because something else changed.
        None => return None,
    };
    let fields: Vec<&str> = changes.iter().map(|change| &*change.field).take(3).collect();
    let more = if changes.len() > 3 { format!(" and {} more", changes.len() - 3) } else { String::new() };
    let what = format!("{}{more} is not as generated: {writer}", fields.join(", "));
    Some(Problem::of_object(Code::Drifted, cluster, key, what))
}

/// A host of which an object was changed, in one cluster.
struct Today<'t, 'a> {
    now: &'t Mesh<'a>,
    scene: &'t Scene<'a>,
    desired: &'a Desired,
    entry: &'t Held<'a, ServiceEntry>,
    object: &'a DesiredObject,
}

impl Today<'_, '_> {
    /// What the changes do until they are written over.
    fn problems(&self) -> Vec<Problem> {
        let Self { now, entry, object, .. } = *self;
        let mut found = Vec::from_iter(self.other_port());
        found.extend(self.scene.wrong_sans(now, entry, &object.base));
        if object.role == Role::Source {
            let rule = now.rule_for((now.root, &Arc::default()), &object.host, &entry.key.namespace);
            found.extend(gateway_problems(now, entry, rule));
            found.extend(hidden_from_gateway(now, entry));
        }
        let Some(name) = self.desired.names.get(&object.base) else { return found };
        for client in self.scene.callers_in(now.cluster, &name.identity) {
            found.extend(self.of_client(client));
        }
        found
    }

    fn of_client(&self, client: &Workload) -> Vec<Problem> {
        let Self { now, scene, entry, object, .. } = *self;
        let rule = now.rule_for((&client.namespace, &client.labels), &object.host, &entry.key.namespace);
        let mut found = Vec::from_iter(hidden(now, (&client.namespace, &client.labels), &object.host));
        found.extend(client_problems(now, entry, rule.map(|rule| &*rule.spec)));
        let Some(rule) = rule.filter(|rule| rule.is_ours) else { return found };
        found.extend(tls_problem(now, entry, rule));
        found.extend(rule_problems(now, rule, &entry.spec, scene.sites[now.cluster].region.as_deref()));
        found.extend(scene.wrong_sans_of_rule(now, rule, &object.base));
        found
    }

    /// That it is published under another port than its clients know.
    fn other_port(&self) -> Option<Problem> {
        let (_, wanted) = self.desired.names.get(&self.object.base)?.port.as_ref()?;
        let port = self.entry.spec.ports.first().filter(|port| port.number != *wanted)?;
        let what = format!("it has port {} in place of {wanted}, which clients ask for: 502 or 503 UF", port.number);
        Some(Problem::of_object(Code::EntryPorts, self.now.cluster, self.entry.key, what))
    }
}

/// That an entry is missing where requests begin, for all that the rule beside it tells, or where other clusters lead requests.
fn missing(
    cluster: &ClusterName,
    (key, object): (&ObjectKey, &DesiredObject),
    scene: &Scene<'_>,
    fleet: &FleetSnapshot,
) -> Option<Problem> {
    let has_rule = |facts: &ClusterFacts| {
        let is_beside = |other: &ObjectKey| other.kind == Kind::DestinationRule && other.namespace == key.namespace;
        let mut rules = facts.owned.iter().filter(|(other, _)| is_beside(other));
        rules.any(|(_, rule)| rule.spec.contains(&format!("\"host\":{:?}", object.host.as_str())))
    };
    if fleet.facts(cluster).is_some_and(has_rule) && object.role != Role::Source {
        let what = "it is gone, and its DestinationRule is still there: the name does not resolve".to_owned();
        return Some(Problem::of_object(Code::EntryMissing, cluster, key, what));
    }
    let Gateway::At { address, .. } = &scene.sites[cluster].gateway else { return None };
    let address = address.trim_end_matches('.');
    let quoted = [format!("\"{address}\""), format!("\"{address}.\"")];
    let leads_here = |facts: &ClusterFacts| {
        facts.owned.get(key).is_some_and(|entry| quoted.iter().any(|quoted| entry.spec.contains(quoted)))
    };
    let (other, _) = fleet.seen().find(|(other, facts)| *other != cluster && leads_here(facts))?;
    let what = format!("it is missing, and {other} leads requests here: connections are reset, 503 UF");
    Some(Problem::of_object(Code::EntryMissing, cluster, key, what))
}
