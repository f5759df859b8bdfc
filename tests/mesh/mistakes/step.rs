//! What somebody does to a cluster, and how it is taken back.

use std::collections::BTreeSet;
use std::time::Duration;

use mesh_testkit::rig::{Cluster, Verdict};
use mesh_testkit::servers::until;
use serde_json::Value;

use super::scene::Scene;

/// Until an object that is created again is a second younger.
const RENEWED: Duration = Duration::from_secs(10);

/// One thing that is done, in a cluster.
pub(super) enum Step {
    /// An object is created, given as YAML.
    Add(&'static str, &'static str),
    /// An object is created, given as YAML but for something.
    AddBut(&'static str, &'static str, fn(&mut Value)),
    /// The object at a path is changed.
    Edit(&'static str, &'static str, fn(&mut Value)),
    /// The object at a path is deleted.
    Take(&'static str, &'static str),
    /// The object at a path is deleted and created again, so that it is younger than all others.
    Renew(&'static str, &'static str),
    /// The Deployment at a path is changed, and so its pod replaced.
    Redeploy(&'static str, &'static str, fn(&mut Value)),
    /// The cluster gets a root of its own.
    LeaveRoot(&'static str),
    /// The program that the server's pod runs dies.
    Die(&'static str),
}

/// What was done. When it is dropped, it is taken back, the last first.
#[derive(Default)]
pub(super) struct Done<'f> {
    undo: Vec<Box<dyn FnOnce() + 'f>>,
    /// Where.
    pub(super) clusters: BTreeSet<&'static str>,
    /// What istiod's webhook said.
    verdicts: Vec<Verdict>,
    /// Whether something is dead that a client has to find out.
    pub(super) is_dead: bool,
}

impl Step {
    /// Does it.
    pub(super) fn take<'f>(&self, scene: &Scene<'f>, done: &mut Done<'f>) {
        let name = self.cluster();
        let cluster = scene.fleet.rig.cluster(name);
        done.clusters.insert(name);
        match self {
            Self::Add(_, text) => done.add(&scene.parse(text), cluster),
            Self::AddBut(_, text, edit) => {
                let mut object = scene.parse(text);
                edit(&mut object);
                done.add(&object, cluster);
            }
            Self::Edit(_, path, edit) => {
                let mut after = Value::Null;
                let change = cluster.server().edit(&scene.fill(path), |object| {
                    edit(object);
                    after = object.clone();
                });
                done.verdicts.push(cluster.verdict_on(&after));
                done.undo.push(Box::new(move || drop(change)));
            }
            Self::Take(_, path) => {
                let change = cluster.server().take(&scene.fill(path));
                done.undo.push(Box::new(move || drop(change)));
            }
            Self::Renew(_, path) => renew(scene, name, &scene.fill(path)),
            Self::Redeploy(_, path, edit) => {
                let change = cluster.server().edit(&scene.fill(path), edit);
                cluster.run();
                done.undo.push(Box::new(move || {
                    drop(change);
                    cluster.run();
                }));
            }
            Self::LeaveRoot(_) => {
                cluster.leave_root();
                done.undo.push(Box::new(|| cluster.return_to_root()));
            }
            Self::Die(_) => {
                let server = scene.server(name);
                server.kill_app();
                done.is_dead = true;
                done.undo.push(Box::new(move || server.start_again()));
            }
        }
    }

    fn cluster(&self) -> &'static str {
        match self {
            Self::Add(cluster, _)
            | Self::AddBut(cluster, _, _)
            | Self::Edit(cluster, _, _)
            | Self::Take(cluster, _)
            | Self::Renew(cluster, _)
            | Self::Redeploy(cluster, _, _)
            | Self::LeaveRoot(cluster)
            | Self::Die(cluster) => cluster,
        }
    }
}

/// Times of creation have whole seconds: it is done until there is a later one than the first.
fn renew(scene: &Scene<'_>, cluster: &str, path: &str) {
    let server = scene.fleet.rig.cluster(cluster).server();
    let created = || {
        drop(server.take(path));
        server.get(path).1["metadata"]["creationTimestamp"].clone()
    };
    let first = created();
    assert!(until(RENEWED, || created() != first), "{path}: it does not get younger");
}

impl<'f> Done<'f> {
    fn add(&mut self, object: &Value, cluster: &'f Cluster) {
        self.verdicts.push(cluster.verdict_on(object));
        let change = cluster.server().add(object);
        self.undo.push(Box::new(move || drop(change)));
    }

    /// What istiod said of all of it.
    pub(super) fn verdict(&self) -> String {
        let mut said = self.verdicts.iter().filter_map(|verdict| match verdict {
            Verdict::Accepts => None,
            Verdict::Warns(warnings) => Some(format!("warns: {}", warnings.join("; "))),
            Verdict::Refuses(why) => Some(format!("refuses: {why}")),
        });
        let quiet = if self.verdicts.is_empty() { super::NOT_ASKED } else { super::ACCEPTS };
        said.next().unwrap_or_else(|| quiet.to_owned())
    }
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        while let Some(undo) = self.undo.pop() {
            undo();
        }
    }
}
