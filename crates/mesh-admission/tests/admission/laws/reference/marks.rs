//! What is written into a workload.

use serde_json::{Value, json};

use super::MARKS;
use super::naming::{name, template, wanted};

/// Marks that are missing are written, those that the old object had follow the name, and others stay.
pub(super) fn mark(new: &mut Value, old: &Value, namespace: &str, kind: &str) {
    let before = new.clone();
    let wanted = wanted(name(&before, namespace, kind).unwrap_or_default().as_ref());
    let at = if kind == "CronJob" { "/spec/jobTemplate/spec/template" } else { "/spec/template" };
    let is_template_changed = template(&before, kind) != template(old, kind);
    for (place, counts) in [("", true), (at, is_template_changed)] {
        for ((map, key), wanted) in MARKS.into_iter().zip(&wanted).filter(|_| counts) {
            let there = |object: &Value| object.pointer(place).map(|part| part["metadata"][map][key].clone());
            let (now, then) = (there(&before).unwrap_or_default(), there(old).unwrap_or_default());
            let metadata = &mut new.pointer_mut(place).unwrap()["metadata"];
            match wanted {
                Some(wanted) if now.is_null() || now == then => metadata[map][key] = json!(wanted),
                None if !now.is_null() && now == then => drop(metadata[map].as_object_mut().unwrap().remove(key)),
                _ => {}
            }
        }
    }
}
