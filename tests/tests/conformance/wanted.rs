//! Everything that we want in any step of any case, for suites that judge single objects.

use std::path::Path;

use mesh_fleet::directory::DirectoryFleet;
use mesh_plan::desire::desire;
use mesh_plan::manifest;
use mesh_plan::plan::plan;
use mesh_plan::scope::Scope;
use serde_json::Value;

use super::case::{Case, Step};
use super::folder::Folder;

/// What is wanted, each with where: every step from scratch, then again with each step's output live in the next.
pub(super) fn of_every_step(cases: &Path) -> Vec<(String, Value)> {
    let mut wanted = Vec::new();
    for case in Case::load_all(cases) {
        let live = Folder::of(&case);
        for (index, step) in case.steps.iter().enumerate() {
            let scratch = Folder::of(&case);
            case.steps[1..=index].iter().for_each(|earlier| scratch.change(earlier));
            if index > 0 {
                live.change(step);
            }
            for (way, folder) in [("from scratch", &scratch), ("live", &live)] {
                let place = format!("{} step{} {way}", case.name, step.number);
                wanted.extend(
                    of_step(step, folder).into_iter().map(|(what, object)| (format!("{place}: {what}"), object)),
                );
            }
        }
    }
    wanted
}

/// What is wanted of a fleet, which is written.
fn of_step(step: &Step, folder: &Folder) -> Vec<(String, Value)> {
    let fleet = DirectoryFleet::open(folder.path(), Some(step.policy.clone())).unwrap();
    let snapshot = fleet.observe();
    let now = "2025-11-01T00:00:00Z".parse().unwrap();
    let desired = desire(&snapshot, &step.policy, now);
    fleet.apply(&plan(&desired, &snapshot, &step.policy, &Scope::default()), &|| false);
    let objects = desired.objects.iter().flat_map(|(cluster, objects)| objects.values().map(move |o| (cluster, o)));
    objects
        .map(|(cluster, object)| (format!("{cluster} {}", object.body.key), manifest::created(&object.body)))
        .collect()
}
