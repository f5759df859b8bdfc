//! Writes of claims as steps of a plan.

use std::sync::Arc;

use mesh_model::claim::{Claim, ClaimSet, OwnClaim, OwnWrite, SetWrite, Stored, record_name};
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::Origin;
use mesh_model::owned::{DIGEST, Mark, ObjectKey, OwnedObject, Pairs};
use serde_json::json;

use super::Members;
use crate::because::Because;
use crate::desired::Body;
use crate::plan::{Action, Class, Step};

/// Writes a record of a cluster's own.
pub(super) fn own(cluster: &ClusterName, replaces: Option<&OwnClaim>, claim: &Claim, because: Because) -> Step {
    let key = ObjectKey::of_cluster(Kind::GlobalName, record_name(&claim.host));
    let base = replaces.map(|own| object(&own.stored, &spec_of(&own.claim)));
    step(cluster, key, base, &spec_of(claim), Pairs::new(), because)
}

/// Writes a record of a cluster's own that the fleet has made stronger, or knows and the cluster does not.
pub(super) fn carried(cluster: &ClusterName, write: OwnWrite, members: &Members<'_>) -> Step {
    let OwnWrite { replaces, claim } = write;
    let is_same = replaces.as_ref().is_some_and(|own| unconfirmed(&own.claim) == unconfirmed(&claim));
    let because = if is_same {
        let rule = format!("more than half of {} members hold it, and no rival is seen", members.by_uid.len());
        Because::whole(rule, vec![origin(cluster, &claim)])
    } else {
        Because::whole("other members know this record of it, and it does not", vec![])
    };
    own(cluster, replaces.as_ref(), &claim, because)
}

/// Writes a set of another member's records.
pub(super) fn set(cluster: &ClusterName, write: SetWrite, members: &Members<'_>) -> Step {
    let key = ObjectKey::of_cluster(Kind::GlobalNameSet, write.name);
    let base = write.replaces.map(|set| object(&set.stored, &spec_of_set(&set)));
    let because = Because::whole(format!("it carries what is claimed in {}", members.name_of(&write.of)), vec![]);
    let annotations = Pairs::from([(DIGEST.into(), write.digest.into())]);
    step(cluster, key, base, &json!({"entries": write.entries}).to_string(), annotations, because)
}

/// What others keep in the metadata of a record stays.
fn step(
    cluster: &ClusterName,
    key: ObjectKey,
    base: Option<OwnedObject>,
    spec: &str,
    annotations: Pairs,
    because: Because,
) -> Step {
    let labels = base.as_ref().map(|base| Arc::clone(&base.labels)).unwrap_or_default();
    let mut kept = base.as_ref().map(|base| (*base.annotations).clone()).unwrap_or_default();
    kept.extend(annotations);
    let body = Arc::new(Body {
        key: key.clone(),
        labels,
        annotations: kept.into(),
        spec: spec.into(),
        origins: Arc::default(),
        from_text: None,
    });
    let class = if base.is_some() { Class::Neutral } else { Class::Additive };
    let action = match base {
        None => Action::Create { body },
        Some(base) => Action::Update { base: Arc::new(base), body },
    };
    Step {
        cluster: cluster.clone(),
        key,
        host: None,
        base: None,
        identity: None,
        role: None,
        is_called: false,
        action,
        class,
        because: vec![because],
    }
}

/// The object that was read, put together again.
fn object(stored: &Stored, spec: &str) -> OwnedObject {
    OwnedObject {
        uid: stored.uid.clone(),
        created: None,
        version: Arc::clone(&stored.version),
        mark: Mark::Ours,
        spec: spec.into(),
        labels: Arc::clone(&stored.labels),
        annotations: Arc::clone(&stored.annotations),
        origins: Arc::default(),
        from_text: None,
        changed_by: None,
    }
}

fn unconfirmed(claim: &Claim) -> Claim {
    Claim { confirmed_at: None, ..claim.clone() }
}

fn origin(cluster: &ClusterName, claim: &Claim) -> Origin {
    Origin { cluster: cluster.clone(), kind: Kind::GlobalName, name: record_name(&claim.host) }
}

/// Canonical: maps of a JSON value are sorted.
fn spec_of(claim: &Claim) -> String {
    json!(claim).to_string()
}

fn spec_of_set(set: &ClaimSet) -> String {
    json!({"entries": set.entries}).to_string()
}
