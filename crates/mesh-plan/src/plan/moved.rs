//! Objects in a former sync namespace: what takes their place is written, then they go.

use std::collections::BTreeMap;

use mesh_model::name::Namespace;
use mesh_model::owned::ObjectKey;

use super::{Class, Step};
use crate::because::Because;
use crate::desired::DesiredObject;

/// Gives a deleting step its reason where the object only moves: one of its kind and name is desired in the sync
/// namespace. Its host stays, so that it takes nothing away.
pub(super) fn explain_move(step: &mut Step, objects: &BTreeMap<ObjectKey, DesiredObject>, sync: &Namespace) {
    let successor = ObjectKey { namespace: sync.clone(), ..step.key.clone() };
    if step.key.namespace == *sync || !objects.contains_key(&successor) {
        return;
    }
    step.class = Class::Neutral;
    let sources = step.because.iter().flat_map(|because| because.sources.clone()).collect();
    let rule = format!("it moves from {} to {sync}, which is the sync namespace now", step.key.namespace);
    step.because = vec![Because::whole(rule, sources)];
}
