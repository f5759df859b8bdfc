//! What people do to generated objects by hand.

use std::sync::Arc;

use mesh_model::facts::ClusterFacts;
use mesh_model::owned::{ADMIRAL_MARK, CREATED_BY, EX_SOURCE, IDENTITY_LABEL, MANAGED_BY, Mark, OUR_MARK, OwnedObject};
use serde_json::{Value, json};

/// One change by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// The first endpoint goes.
    LoseEndpoint,
    /// An endpoint of nobody's comes.
    AddEndpoint,
    /// The port's number and protocol change.
    ChangePort,
    /// The virtual address changes to one of a few, so that two objects may get the same.
    ChangeAddress(u8),
    /// Our labels go.
    LoseLabels,
    /// The origins go.
    LoseOrigins,
    /// The origins become unreadable.
    GarbleOrigins,
    /// A label and an annotation of somebody else's come.
    AddLabel,
    /// The time of an ex-source becomes unreadable.
    GarbleExSource,
    /// The object carries Admiral's mark instead of ours, as if Admiral had made it.
    BecomeAdmirals,
    /// The object carries our mark, as if we had made it.
    BecomeOurs,
}

impl Drift {
    /// Every change.
    pub const ALL: [Self; 12] = [
        Self::LoseEndpoint,
        Self::AddEndpoint,
        Self::ChangePort,
        Self::ChangeAddress(7),
        Self::ChangeAddress(8),
        Self::LoseLabels,
        Self::LoseOrigins,
        Self::GarbleOrigins,
        Self::AddLabel,
        Self::GarbleExSource,
        Self::BecomeAdmirals,
        Self::BecomeOurs,
    ];

    /// Changes the generated object number `index`, modulo how many there are.
    pub fn happen(self, facts: &mut ClusterFacts, index: usize) {
        let count = facts.owned.len().max(1);
        if let Some(object) = facts.owned.values_mut().nth(index % count) {
            self.change(object);
            object.version = next_version(&object.version);
        }
    }

    fn change(self, object: &mut OwnedObject) {
        match self {
            Self::LoseEndpoint => change_list(object, "endpoints", |list| {
                if !list.is_empty() {
                    list.remove(0);
                }
            }),
            Self::AddEndpoint => change_list(object, "endpoints", |list| {
                list.push(json!({"address": "nobody.example", "labels": {"type": "deployment"}}));
            }),
            Self::ChangePort => change_list(object, "ports", |list| {
                *list = vec![json!({"name": "grpc", "number": 8099, "protocol": "grpc"})];
            }),
            Self::ChangeAddress(last) => {
                change_list(object, "addresses", |list| *list = vec![json!(format!("240.64.0.{last}"))]);
            }
            Self::LoseLabels => {
                Arc::make_mut(&mut object.labels).remove(MANAGED_BY);
                Arc::make_mut(&mut object.labels).remove(IDENTITY_LABEL);
            }
            Self::LoseOrigins => forget_origins(object, None),
            Self::GarbleOrigins => forget_origins(object, Some("{")),
            Self::AddLabel => {
                Arc::make_mut(&mut object.labels).insert("team".into(), "theirs".into());
                Arc::make_mut(&mut object.annotations).insert("note".into(), "by hand".into());
            }
            Self::GarbleExSource => {
                if object.annotations.contains_key(EX_SOURCE) {
                    Arc::make_mut(&mut object.annotations).insert(EX_SOURCE.into(), "yesterday".into());
                }
            }
            Self::BecomeAdmirals => {
                object.mark = Mark::Admiral;
                Arc::make_mut(&mut object.labels).remove(MANAGED_BY);
                Arc::make_mut(&mut object.labels).remove(IDENTITY_LABEL);
                Arc::make_mut(&mut object.annotations).insert(CREATED_BY.into(), ADMIRAL_MARK.into());
                forget_origins(object, None);
            }
            Self::BecomeOurs => {
                object.mark = Mark::Ours;
                Arc::make_mut(&mut object.annotations).insert(CREATED_BY.into(), OUR_MARK.into());
            }
        }
    }
}

fn forget_origins(object: &mut OwnedObject, text: Option<&str>) {
    object.origins = Arc::default();
    object.from_text = text.map(Arc::from);
}

/// Changes a list of a `ServiceEntry`'s spec; objects without it stay as they are.
fn change_list(object: &mut OwnedObject, field: &str, change: impl FnOnce(&mut Vec<Value>)) {
    let Ok(mut spec) = serde_json::from_str::<Value>(&object.spec) else { return };
    if let Some(list) = spec.get_mut(field).and_then(Value::as_array_mut) {
        change(list);
        object.spec = spec.to_string().into();
    }
}

/// Versions are numbers; those of hand-made objects become one.
fn next_version(version: &str) -> Arc<str> {
    (version.parse::<u64>().unwrap_or(0) + 1_000).to_string().into()
}
