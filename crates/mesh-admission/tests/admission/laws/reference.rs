//! The rules of product.md §7 once more, over plain values and as naively as they are written: what is expected of every review.
//! Nothing of mesh-admission is called.

mod marks;
mod naming;
mod traffic;
mod workload;

use mesh_admission::wire::Hook;
use serde_json::Value;

use super::scene::Scene;
use crate::fixture::{GLOBAL_NAME, IDENTITY};
use marks::mark;
use traffic::{hosts, traffic};
use workload::workload;

const MARKS: [(&str, &str); 2] = [("annotations", GLOBAL_NAME), ("labels", IDENTITY)];

/// What is to be answered.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    /// The code of the refusal.
    pub(super) refusal: Option<u16>,
    /// The codes of warnings, as many as an answer has.
    pub(super) warnings: Vec<u16>,
    /// The object as it goes on.
    pub(super) object: Value,
}

/// What is to be answered to a review.
pub(super) fn expected(scene: &Scene) -> Said {
    let (request, world) = (&scene.review.request, &scene.world);
    let (new, old) = (&request["object"], &request["oldObject"]);
    let namespace = request["namespace"].as_str().unwrap();
    let kind = new["kind"].as_str().unwrap();
    let is_status = request["subResource"] == "status";
    let mut said = Said { refusal: None, warnings: vec![], object: new.clone() };
    match (scene.review.hook, kind) {
        (Hook::Mutate, "GlobalTrafficPolicy" | "ServiceEntry" | "VirtualService") => {}
        (Hook::Mutate, _) if is_status => {}
        (Hook::Mutate, _) => mark(&mut said.object, old, namespace, kind),
        (_, "GlobalTrafficPolicy") => said.refusal = traffic(new, old, world),
        (_, "ServiceEntry" | "VirtualService") => said.refusal = hosts(new, old, namespace, world),
        _ if is_status => {
            let is_changed = MARKS.iter().any(|(map, key)| new["metadata"][*map][*key] != old["metadata"][*map][*key]);
            said.refusal = is_changed.then_some(106);
        }
        _ => match workload(new, old, namespace, kind, world) {
            Err(code) => said.refusal = Some(code),
            Ok(warnings) => said.warnings = warnings.into_iter().take(2).collect(),
        },
    }
    said
}
