//! Reading the members of a directory fleet.

use std::sync::Arc;
use std::thread;

use mesh_model::finding::{Code, Finding, Severity};
use mesh_model::fleet::{ClusterView, FleetSnapshot, Unseen};

use super::DirectoryFleet;
use super::members::{self, Folders, Place};
use super::read;
use crate::decode::Interner;
use crate::limits::MAX_READERS;

pub(super) fn observe(fleet: &DirectoryFleet) -> FleetSnapshot {
    let mut snapshot = FleetSnapshot::default();
    match members::folders(&fleet.root) {
        Ok(folders) => {
            let places = members::members(&fleet.policy, &folders);
            for (place, (view, findings)) in places.iter().zip(read_all(fleet, &places)) {
                snapshot.members.insert(place.name.clone(), view);
                snapshot.findings.extend(findings);
            }
            strangers(fleet, &folders, &mut snapshot);
            share_claims(&mut snapshot);
        }
        Err(error) => {
            // It could be listed when the fleet was opened. Nothing is known now.
            let why = format!("the fleet's folder cannot be read: {error}");
            for name in fleet.policy.fleet.members.iter().map(|member| &member.name) {
                snapshot.findings.push(Finding::new(Code::ClusterUnseen, Some(name), &**name, why.clone()));
                snapshot.members.insert(name.clone(), ClusterView::Unseen(Unseen { why: why.clone() }));
            }
        }
    }
    snapshot.findings.sort();
    snapshot
}

/// Reads the members, as many at once as the machine can, in the order given. Each reader shares texts among the
/// clusters that it reads.
fn read_all(fleet: &DirectoryFleet, places: &[Place<'_>]) -> Vec<(ClusterView, Vec<Finding>)> {
    let readers = thread::available_parallelism().map_or(1, usize::from).min(MAX_READERS).min(places.len()).max(1);
    let read_every = |first: usize| {
        let mut interner = Interner::default();
        let mine = places.iter().skip(first).step_by(readers);
        mine.map(|place| read::member(fleet, *place, &mut interner)).collect::<Vec<_>>()
    };
    let mut read: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = (1..readers).map(|first| scope.spawn(move || read_every(first))).collect();
        let mut read = vec![read_every(0).into_iter()];
        for reader in running {
            // A bug in one reader is a bug of the whole run.
            read.push(reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).into_iter());
        }
        read
    });
    (0..places.len()).map(|at| read[at % readers].next().expect("each reader reads its share")).collect()
}

/// A folder takes any kind. Claims are kept in all of them as soon as there is one.
fn share_claims(snapshot: &mut FleetSnapshot) {
    if !snapshot.reached().any(|(_, facts)| facts.keeps_claims) {
        return;
    }
    for view in snapshot.members.values_mut() {
        if let ClusterView::Seen(facts) = view {
            Arc::make_mut(facts).keeps_claims = true;
        }
    }
}

fn strangers(fleet: &DirectoryFleet, folders: &Folders, snapshot: &mut FleetSnapshot) {
    for name in folders.clusters.keys().filter(|name| !snapshot.members.contains_key(*name)) {
        let message = "has a folder but is not a member".to_owned();
        snapshot.findings.push(Finding::new(Code::Stranger, Some(name), &**name, message));
        snapshot.strangers.push(name.clone());
    }
    for error in &folders.misnamed {
        let place = format!("{}/{}", fleet.root.display(), error.text);
        let mut finding = Finding::new(Code::Stranger, None, place, error.to_string());
        if fleet.policy.fleet.members.is_empty() {
            finding.severity = Severity::Error;
        }
        "rename the folder; until then it is not read".clone_into(&mut finding.next);
        snapshot.findings.push(finding);
    }
}
