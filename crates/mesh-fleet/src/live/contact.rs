//! First contact with a cluster: which one is it, and what policy does it store?

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mesh_model::kind::Kind;
use mesh_model::name::Namespace;
use mesh_model::policy::{self, MeshPolicy, PolicyError};
use serde_json::Value;
use tokio::time::Instant;

use super::named;
use super::rest::{Rest, RestError};
use super::rule::missing_rule_for;
use super::target::Target;
use crate::decode::KUBE_SYSTEM;

/// The ConfigMap that stores a policy, in the sync namespace (product contract §5).
pub const POLICY_CONFIG_MAP: &str = "mesh-policy";
/// The key in it.
pub const POLICY_KEY: &str = "mesh.yaml";
/// Annotation of that ConfigMap: the optional kinds that its cluster served when it was written. A kind that was served
/// once and is not any more is unknown, not empty: its CRD may have been removed by mistake.
pub(crate) const SERVED_KINDS: &str = "kubectl-mesh.io/served-kinds";

/// A cluster that answered.
#[derive(Clone)]
pub(crate) struct Contact {
    /// What the source calls it.
    pub(crate) target: Target,
    /// Its API server.
    pub(crate) rest: Rest,
    /// What is left of its share of time.
    pub(crate) left: Duration,
    /// UID of its `kube-system` namespace.
    pub(crate) uid: Arc<str>,
    /// The policies that it stores, at most one a namespace.
    pub(crate) stored: Vec<StoredPolicy>,
    /// Why it cannot be known whether it stores one: `cannot be read: …`.
    pub(crate) policy_unseen: Option<String>,
}

impl Contact {
    /// The text of the policy that it stores in a namespace.
    pub(crate) fn text_in(&self, namespace: &Namespace) -> Option<&str> {
        self.stored.iter().find(|stored| stored.namespace == *namespace).map(|stored| &*stored.text)
    }
}

/// A policy in a cluster.
#[derive(Debug, Clone)]
pub(crate) struct StoredPolicy {
    /// Where.
    pub(crate) namespace: Namespace,
    /// As it is written.
    pub(crate) text: String,
    /// As it reads.
    pub(crate) policy: Result<MeshPolicy, PolicyError>,
    /// The optional kinds that the cluster served when this was written.
    pub(crate) served_kinds: BTreeSet<Kind>,
}

/// Asks a cluster for its UID and its policy. A policy that is `known` already is not read anew: it may list hundreds of
/// members.
pub(crate) async fn contact(
    target: &Target,
    rest: Rest,
    deadline: Instant,
    namespaces: &[Namespace],
    known: &[StoredPolicy],
) -> Result<Contact, String> {
    let uid = uid(&rest).await?;
    let mut stored = Vec::new();
    let mut policy_unseen = None;
    for namespace in namespaces {
        match find_policy(&rest, namespace).await {
            Ok(None) => {}
            Ok(Some(config_map)) => stored.extend(stored_policy(namespace, &config_map, &target.name, known)),
            Err(error) => {
                policy_unseen = Some(if error.is_forbidden() {
                    let rule = missing_rule_for(Kind::ConfigMap, &["list"]);
                    format!("may not be read; {rule} ({error})")
                } else {
                    format!("cannot be read: {error}")
                });
            }
        }
    }
    let left = deadline.saturating_duration_since(Instant::now());
    Ok(Contact { target: target.clone(), rest, left, uid, stored, policy_unseen })
}

/// The ConfigMap that stores a policy in a namespace, if one does.
pub(crate) async fn find_policy(rest: &Rest, namespace: &Namespace) -> Result<Option<Value>, RestError> {
    named::find(rest, Kind::ConfigMap, &format!("/api/v1/namespaces/{namespace}"), POLICY_CONFIG_MAP).await
}

async fn uid(rest: &Rest) -> Result<Arc<str>, String> {
    let namespace = named::find(rest, Kind::Namespace, "/api/v1", KUBE_SYSTEM).await.map_err(|error| {
        if !error.is_forbidden() {
            return error.to_string();
        }
        let rule = missing_rule_for(Kind::Namespace, &["list"]);
        format!("namespaces may not be read; {rule} ({error}); `kubectl mesh permissions` prints the role")
    })?;
    let namespace = namespace.ok_or_else(|| format!("it has no {KUBE_SYSTEM} namespace, as every cluster has"))?;
    let uid = namespace.pointer("/metadata/uid").and_then(Value::as_str).filter(|uid| !uid.is_empty());
    uid.map(Arc::from)
        .ok_or_else(|| format!("its {KUBE_SYSTEM} namespace has no UID, so it cannot be told from others"))
}

fn stored_policy(
    namespace: &Namespace,
    config_map: &Value,
    cluster: &str,
    known: &[StoredPolicy],
) -> Option<StoredPolicy> {
    let text = config_map.get("data")?.get(POLICY_KEY)?.as_str()?.to_owned();
    let kinds = config_map.pointer("/metadata/annotations").and_then(|all| all.get(SERVED_KINDS)?.as_str());
    let same = known.iter().filter(|known| known.text == text).find_map(|known| known.policy.as_ref().ok());
    let read = || policy::parse(&text, &format!("{cluster}: ConfigMap {namespace}/{POLICY_CONFIG_MAP}"));
    Some(StoredPolicy {
        namespace: namespace.clone(),
        policy: same.cloned().map_or_else(read, Ok),
        text,
        served_kinds: kinds.unwrap_or_default().split(',').filter_map(Kind::parse).collect(),
    })
}
