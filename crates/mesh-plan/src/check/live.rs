//! What is wrong now and will not be after the next sync: generated objects that somebody changed or took away.

use std::collections::BTreeMap;

use mesh_model::finding::Code;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host};
use mesh_model::owned::{ObjectKey, OwnedObject};

use super::entry::{entry_problems, rule_problems};
use super::mesh::{Mesh, Specs};
use super::problem::{Problem, Problems};
use super::scene::Scene;
use crate::desire::site::Gateway;
use crate::desired::{Desired, DesiredObject, Role};
use crate::plan::changes;

/// Generated objects that are not as they should be by somebody else's hand, and what that does; and entries that are missing
/// where requests arrive.
pub(super) fn drifted<'a>(
    desired: &'a Desired,
    fleet: &'a FleetSnapshot,
    scene: &Scene<'a>,
    problems: &mut Problems<'a>,
) {
    for (cluster, objects) in &desired.objects {
        let (Some(facts), Some(mesh)) = (fleet.facts(cluster), scene.meshes.get(cluster)) else { continue };
        let differing: Vec<_> = objects
            .iter()
            .filter_map(|(key, object)| Some((key, object, facts.owned.get(key)?)))
            // What is only to be written anew, because something else changed, says nothing of today.
            .filter(|(_, object, live)| live.changed_by.is_some() && live.spec != object.body.spec)
            .collect();
        for (key, object, live) in &differing {
            problems.about(&object.host, drift(cluster, key, object, live));
        }
        let texts = differing.iter().map(|(key, _, live)| (*key, &live.spec)).collect();
        let now = Mesh::of(cluster, facts, mesh.root, texts, &mut Specs::default());
        let region = scene.sites[cluster].region.as_deref();
        for (key, object, _) in &differing {
            problems.about(&object.host, today(&now, (key, object), scene, region));
        }
        for (key, object) in
            objects.iter().filter(|(key, object)| is_served(key, object) && !facts.owned.contains_key(*key))
        {
            problems.about(&object.host, missing(cluster, key, scene, fleet));
        }
    }
}

fn is_served(key: &ObjectKey, object: &DesiredObject) -> bool {
    key.kind == Kind::ServiceEntry && object.role == Role::Source
}

fn drift(cluster: &ClusterName, key: &ObjectKey, object: &DesiredObject, live: &OwnedObject) -> Option<Problem> {
    let writer = live.changed_by.as_ref()?;
    let changes = changes::between(Some(live), Some(&object.body));
    let fields: Vec<&str> = changes.iter().map(|change| &*change.field).take(3).collect();
    let more = if changes.len() > 3 { format!(" and {} more", changes.len() - 3) } else { String::new() };
    let what = format!("{}{more} is not as generated: written last by {writer}", fields.join(", "));
    Some(Problem::of_object(Code::Drifted, cluster, key, what))
}

/// What a changed object does until it is written anew.
fn today(
    now: &Mesh<'_>,
    (key, object): (&ObjectKey, &DesiredObject),
    scene: &Scene<'_>,
    region: Option<&str>,
) -> Vec<Problem> {
    let host: &Host = &object.host;
    let pushed = scene.meshes[now.cluster].entries_on(host).iter().find(|held| held.is_ours);
    let rule = now.rule_for(("", &mesh_model::facts::LabelSet::default()), host, &key.namespace);
    let held = now.entries_on(host).iter().find(|held| held.key == key);
    match (key.kind, held) {
        (Kind::ServiceEntry, Some(held)) => {
            let mut found = entry_problems(now, held, rule.map(|rule| &*rule.spec));
            found.extend(scene.refused(now, &key.to_string(), &held.spec.subject_alt_names, &object.base));
            found
        }
        (Kind::DestinationRule, _) => {
            let (Some(rule), Some(entry)) = (rule, held.or(pushed)) else { return Vec::new() };
            let sans =
                rule.spec.traffic_policy.tls.iter().flat_map(|tls| tls.subject_alt_names.clone()).collect::<Vec<_>>();
            let mut found = rule_problems(now, rule, &entry.spec, region);
            found.extend(scene.refused(now, &key.to_string(), &sans, &object.base));
            found.extend(super::client::tls_problem(now, entry, rule));
            found
        }
        _ => Vec::new(),
    }
}

/// That requests arrive where the entry is missing: other clusters lead to it already.
fn missing(cluster: &ClusterName, key: &ObjectKey, scene: &Scene<'_>, fleet: &FleetSnapshot) -> Option<Problem> {
    let Gateway::At { address, .. } = &scene.sites[cluster].gateway else { return None };
    let address = address.trim_end_matches('.');
    let leads_here = |facts: &BTreeMap<ObjectKey, OwnedObject>| {
        facts.get(key).is_some_and(|entry| {
            entry.spec.contains(&format!("\"{address}\"")) || entry.spec.contains(&format!("\"{address}.\""))
        })
    };
    let (other, _) = fleet.seen().find(|(other, facts)| *other != cluster && leads_here(&facts.owned))?;
    let what = format!("it is missing, and {other} leads requests here: connections are reset, 503 UF");
    Some(Problem::of_object(Code::EntryMissing, cluster, key, what))
}
