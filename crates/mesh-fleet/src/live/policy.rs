//! The policy in the clusters: a ConfigMap in the sync namespace of each member.

use std::collections::BTreeSet;

use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Namespace};
use mesh_model::policy::{self, MemberState, MeshPolicy};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::LiveFleet;
use super::contact::{Contact, POLICY_CONFIG_MAP, POLICY_KEY, SERVED_KINDS, find_policy};
use super::crowd::each;
use super::discovery::Served;
use super::members::Place;
use super::rest::{Rest, RestError, Write};
use super::rule::{missing_rule, missing_rule_for};
use super::write::FIELD_MANAGER;
use crate::limits::WRITE_TIMEOUT;
use crate::run::Run;

/// What came of storing a policy in one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyResult {
    /// The cluster.
    pub cluster: ClusterName,
    /// What was done, or why nothing was: lower case, no final period.
    pub outcome: Result<PolicyOutcome, String>,
}

/// What was done to store a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyOutcome {
    /// The ConfigMap is new.
    Created,
    /// It was replaced.
    Updated,
    /// It was as it should be.
    Same,
}

/// The API group of Roles.
const RBAC: &str = "rbac.authorization.k8s.io";

/// The Role by which somebody else may be let write generated objects and the policy, and nothing else.
pub const WRITER_ROLE: &str = "kubectl-mesh-writer";

impl LiveFleet {
    /// Stores `text` in the sync namespace of every reached, active member. Members that [`Self::under`] prepares get that
    /// namespace and the Role [`WRITER_ROLE`] first, where they are missing.
    pub fn store_policy(&self, text: &str, run: Run<'_>) -> Vec<PolicyResult> {
        let reached = |place: &&Place| {
            place.contact.is_ok() && place.member.as_ref().is_none_or(|member| member.state == MemberState::Active)
        };
        let places: Vec<&Place> = self.places.iter().filter(reached).collect();
        self.store_in(&places, text, false, run)
    }

    /// Stores the policy that counts in every reached member that has an older one, or none.
    pub fn spread_policy(&self, run: Run<'_>) -> Vec<PolicyResult> {
        self.spread(false, run)
    }

    /// Asks what [`Self::spread_policy`] would come to. Nothing is stored.
    pub fn rehearse_policy(&self, run: Run<'_>) -> Vec<PolicyResult> {
        self.spread(true, run)
    }

    fn spread(&self, is_dry: bool, run: Run<'_>) -> Vec<PolicyResult> {
        let Some(text) = &self.policy_state.text else { return Vec::new() };
        // A policy that stands for the stored one in this run is nobody else's business.
        if policy::parse(text, POLICY_CONFIG_MAP).as_ref() != Ok(&self.policy) {
            return Vec::new();
        }
        let is_older = |place: &&Place| {
            let stored = self.policy_state.stored.get(&place.name);
            let is_active = place.member.as_ref().is_some_and(|member| member.state == MemberState::Active);
            // What cannot be read is unknown, not older.
            let is_known = place.contact.as_ref().is_ok_and(|contact| contact.policy_unseen.is_none());
            is_active && is_known && stored.is_none_or(|(_, revision)| *revision < self.policy.revision)
        };
        let places: Vec<&Place> = self.places.iter().filter(is_older).collect();
        self.store_in(&places, text, is_dry, run)
    }

    /// Whether a reached member stores another policy by now than when the fleet was opened. What cannot be read again
    /// tells nothing: it is the reading of facts that says so.
    pub fn policy_has_changed(&self, run: Run<'_>) -> bool {
        let reached: Vec<&Place> = self.places.iter().filter(|place| place.contact.is_ok()).collect();
        let places = reached.as_slice();
        let name = |place: &&Place| place.name.to_string();
        let changed = each(places, self.limits.parallel, "reading the policy again", run, name, |index| async move {
            let Ok(contact) = &places[index].contact else { return false };
            let rest = contact.rest.until(Instant::now() + self.limits.cluster_timeout);
            for namespace in self.policy_namespaces(contact) {
                let Ok(now) = find_policy(&rest, namespace).await else { continue };
                let now = now.as_ref().and_then(text_of);
                // What could not be read then is news only where no other member stores the same.
                let is_known = |text| {
                    let mut others = places.iter().filter_map(|place| place.contact.as_ref().ok());
                    others.any(|other| other.text_in(namespace) == Some(text))
                };
                let was_unseen = contact.policy_unseen.is_some() && now.is_none_or(is_known);
                if now != contact.text_in(namespace) && !was_unseen {
                    return true;
                }
            }
            false
        });
        self.runtime.block_on(changed).into_iter().any(|changed| changed == Some(true))
    }

    /// Where a cluster may store a policy that counts: where it did, and where one is stored now.
    fn policy_namespaces<'a>(&'a self, contact: &'a Contact) -> BTreeSet<&'a Namespace> {
        contact.stored.iter().map(|stored| &stored.namespace).chain([&self.policy.sync_namespace]).collect()
    }

    fn store_in(&self, places: &[&Place], text: &str, is_dry: bool, run: Run<'_>) -> Vec<PolicyResult> {
        let namespace = &self.policy.sync_namespace;
        let name = |place: &&Place| place.name.to_string();
        let stored = each(places, self.limits.parallel, "storing the policy", run, name, |index| async move {
            let contact = places[index].contact.as_ref().map_err(Clone::clone)?;
            let rest = contact.rest.until(Instant::now() + WRITE_TIMEOUT);
            let rest = if is_dry { rest.dry_run() } else { rest };
            if self.prepared.contains(&places[index].name) {
                prepare_namespace(&rest, namespace).await?;
            }
            store(&rest, namespace, contact.text_in(namespace), text).await
        });
        let stored = self.runtime.block_on(stored);
        let result = |(place, outcome): (&&Place, Option<Result<PolicyOutcome, String>>)| PolicyResult {
            cluster: place.name.clone(),
            outcome: outcome.unwrap_or_else(|| Err("interrupted".to_owned())),
        };
        places.iter().zip(stored).map(result).collect()
    }

    /// The kinds that were served when the policy was stored, by cluster: what [`SERVED_KINDS`] says.
    pub(super) fn served_once(contact: &Contact, kind: Kind) -> bool {
        contact.stored.iter().any(|stored| stored.served_kinds.contains(&kind))
    }

    /// The same clusters under another policy: its members, its sync namespace. Where a member is `prepared`, that
    /// namespace is going to be made, so that its absence means nothing.
    #[must_use]
    pub fn under(mut self, policy: MeshPolicy, prepared: BTreeSet<ClusterName>) -> Self {
        self.prepared = prepared;
        let joined = super::members::join(&policy, &self.contacts, &self.unreached);
        (self.places, self.strangers) = (joined.places, joined.strangers);
        self.policy = policy;
        self
    }
}

/// Stores `text` in the place of `before`, which is what was there when the fleet was opened.
async fn store(rest: &Rest, namespace: &Namespace, before: Option<&str>, text: &str) -> Result<PolicyOutcome, String> {
    let served = Served::ask(rest).await.map_err(|error| error.to_string())?;
    let kinds: Vec<&str> = served.optional_kinds().map(Kind::as_str).collect();
    let kinds = kinds.join(",");
    let list = format!("/api/v1/namespaces/{namespace}/configmaps");
    let path = format!("{list}/{POLICY_CONFIG_MAP}");
    let query = format!("fieldManager={FIELD_MANAGER}&fieldValidation=Strict");
    let wanted = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": POLICY_CONFIG_MAP, "namespace": &**namespace, "annotations": {SERVED_KINDS: &kinds}},
        "data": {POLICY_KEY: text},
    });
    match rest.get(&path).await {
        Ok(mut there) => {
            let now = text_of(&there);
            if now != before && now != Some(text) {
                return Err(MEANWHILE.to_owned());
            }
            let is_same = now == Some(text)
                && there.pointer("/metadata/annotations").and_then(|all| all.get(SERVED_KINDS)?.as_str())
                    == Some(&*kinds);
            if is_same {
                return Ok(PolicyOutcome::Same);
            }
            there["data"][POLICY_KEY] = json!(text);
            there["metadata"]["annotations"][SERVED_KINDS] = json!(kinds);
            // At the version that was read: of two people who store a policy at once one is told.
            rest.write(Write::Replace, &format!("{path}?{query}"), &there)
                .await
                .map_err(|error| refused(&error, "update"))?;
            Ok(PolicyOutcome::Updated)
        }
        Err(error) if error.is_not_found() => {
            rest.write(Write::Create, &format!("{list}?{query}"), &wanted)
                .await
                .map_err(|error| refused(&error, "create"))?;
            Ok(PolicyOutcome::Created)
        }
        Err(error) => Err(refused(&error, "get")),
    }
}

/// Makes what is missing; what is there stays as it is.
async fn prepare_namespace(rest: &Rest, namespace: &Namespace) -> Result<(), String> {
    let query = format!("fieldManager={FIELD_MANAGER}");
    let made = [
        (
            format!("/api/v1/namespaces?{query}"),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": &**namespace}}),
        ),
        (format!("/apis/{RBAC}/v1/namespaces/{namespace}/roles?{query}"), writer_role(namespace)),
    ];
    for (path, manifest) in made {
        let kind = manifest["kind"].as_str().unwrap_or_default();
        match rest.write(Write::Create, &path, &manifest).await {
            Ok(_) => {}
            Err(error) if error.is_conflict() => {}
            // The server names the rule itself: nobody may make a Role that allows more than they may do themselves.
            Err(error) if error.is_escalation() => {
                return Err(format!("{kind} cannot be made, since it allows what you may not do yourself: {error}"));
            }
            Err(error) if error.is_forbidden() => {
                let (group, plural) = if kind == "Role" { (RBAC, "roles") } else { ("", "namespaces") };
                return Err(format!("{kind} cannot be made; {} ({error})", missing_rule(group, plural, &["create"])));
            }
            Err(error) => return Err(format!("{kind} cannot be made: {error}")),
        }
    }
    Ok(())
}

fn writer_role(namespace: &Namespace) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": WRITER_ROLE, "namespace": &**namespace},
        "rules": [
            {"apiGroups": ["networking.istio.io"], "resources": ["serviceentries", "destinationrules"], "verbs": ["create", "get", "update", "delete"]},
            {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [POLICY_CONFIG_MAP], "verbs": ["get", "update"]},
            // A name cannot be told while an object is created (Kubernetes' RBAC page), so this rule has none.
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
        ],
    })
}

/// The policy in its ConfigMap.
fn text_of(config_map: &Value) -> Option<&str> {
    config_map.get("data")?.get(POLICY_KEY)?.as_str()
}

/// Why a policy is not stored: the one that it would replace is not the one that was read.
const MEANWHILE: &str = "somebody else stored a policy meanwhile; run again";

fn refused(error: &RestError, verb: &str) -> String {
    match error {
        error if error.is_forbidden() => {
            format!("forbidden; {} ({error})", missing_rule_for(Kind::ConfigMap, &[verb]))
        }
        error if error.is_conflict() => MEANWHILE.to_owned(),
        error => error.to_string(),
    }
}
