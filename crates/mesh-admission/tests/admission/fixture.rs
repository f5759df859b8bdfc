//! A cluster, the objects that people deploy there, and the reviews of that.

use std::sync::Arc;

use json_patch::PatchOperation;
use mesh_admission::wire::{self, Hook};
use mesh_admission::{NamePolicy, PlainIndex, Refusal, RefusalCode, Use, Verdict, WarningCode, decide};
use mesh_model::claim::{Claim, Phase};
use mesh_model::facts::NamespaceFacts;
use mesh_model::name::{Env, Identity, Namespace};
use mesh_model::policy::MeshPolicy;
use serde_json::{Value, json};

pub(crate) const HOST: &str = "stage.checkout.global";
pub(crate) const GLOBAL_NAME: &str = "kubectl-mesh.io/global-name";
pub(crate) const IDENTITY: &str = "kubectl-mesh.io/identity";

/// A cluster with namespaces `shop` of team-shop, `more` of team-shop, and `pay` of team-pay.
pub(crate) fn cluster() -> PlainIndex {
    let mut index = PlainIndex::default();
    for (name, owner) in [("shop", "team-shop"), ("more", "team-shop"), ("pay", "team-pay"), ("mesh-sync", "platform")]
    {
        let facts =
            NamespaceFacts { injected: true, ambient: false, ignored: false, network: None, owner: Some(owner.into()) };
        index.namespaces.insert(Namespace::parse(name).unwrap(), Arc::new(facts));
    }
    index
}

pub(crate) fn policy() -> NamePolicy {
    NamePolicy::new(Arc::new(MeshPolicy::default()))
}

/// A claim on a host, by its identity and env.
pub(crate) fn claim(owner: &str, identity: &str, env: &str) -> Claim {
    Claim {
        host: format!("{env}.{identity}.global").to_lowercase().into(),
        owner: owner.into(),
        also_owners: Vec::new(),
        identity: identity.into(),
        env: env.into(),
        epoch: 1,
        phase: Phase::Bound,
        claimed_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        confirmed_at: None,
        claimed_in: "uid-1".into(),
    }
}

/// Who serves an identity in an env, from a namespace.
pub(crate) fn served(index: &mut PlainIndex, identity: &str, env: &str, namespace: &str) {
    served_in(index, None, (identity, env), namespace);
}

/// The same of an identity in a partition.
pub(crate) fn served_in(
    index: &mut PlainIndex,
    partition: Option<&str>,
    (identity, env): (&str, &str),
    namespace: &str,
) {
    let host = format!("{env}.{identity}.global").to_lowercase();
    index.uses.entry(host.into()).or_default().push(Use {
        identity: Identity::parse(identity).unwrap(),
        env: Env::parse(env).unwrap(),
        partition: partition.map(Into::into),
        namespace: Namespace::parse(namespace).unwrap(),
    });
}

/// A Deployment of an identity in env `stage`.
pub(crate) fn deployment(identity: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 1,
            "template": {
                "metadata": {"labels": {"app": "web", "identity": identity, "admiral.io/env": "stage"}},
                "spec": {"containers": [{"name": "app", "image": "app:1"}]},
            },
        },
    })
}

/// A review: what is done with which object in a namespace.
#[derive(Debug, Clone)]
pub(crate) struct Review {
    pub(crate) hook: Hook,
    pub(crate) request: Value,
}

pub(crate) fn creates(namespace: &str, object: &Value) -> Review {
    review(namespace, "CREATE", object, &Value::Null)
}

pub(crate) fn updates(namespace: &str, old: &Value, object: &Value) -> Review {
    review(namespace, "UPDATE", object, old)
}

fn review(namespace: &str, operation: &str, object: &Value, old: &Value) -> Review {
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let request = json!({
        "uid": "7c1f",
        "kind": {"group": group, "version": "v1", "kind": object["kind"]},
        "resource": {"group": group, "version": "v1", "resource": "any"},
        "namespace": namespace,
        "operation": operation,
        "userInfo": {"username": "somebody"},
        "object": object,
        "oldObject": old,
        "dryRun": false,
        "options": null,
    });
    Review { hook: Hook::Validate, request }
}

impl Review {
    pub(crate) fn mutating(self) -> Self {
        Self { hook: Hook::Mutate, ..self }
    }

    pub(crate) fn of_status(mut self) -> Self {
        self.request["subResource"] = "status".into();
        self
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": self.request});
        serde_json::to_vec(&review).unwrap()
    }

    pub(crate) fn verdict(&self, index: &PlainIndex, policy: &NamePolicy) -> Verdict {
        decide(self.hook, &wire::read(&self.body()).unwrap(), index, policy)
    }

    /// What it is refused by.
    #[track_caller]
    pub(crate) fn refused(&self, index: &PlainIndex, policy: &NamePolicy, code: RefusalCode) -> Refusal {
        match self.verdict(index, policy) {
            Verdict::Refused(refusal) if refusal.code == code => refusal,
            other => panic!("{code}, not {other:?}"),
        }
    }

    /// The warnings with which it is allowed.
    #[track_caller]
    pub(crate) fn allowed(&self, index: &PlainIndex, policy: &NamePolicy) -> Vec<WarningCode> {
        match self.verdict(index, policy) {
            Verdict::Allowed { warnings, .. } => warnings.into_iter().map(|warning| warning.code).collect(),
            Verdict::Refused(refusal) => panic!("{refusal}"),
        }
    }

    /// The object after it was mutated, with what was done to it.
    #[track_caller]
    pub(crate) fn mutated(&self, index: &PlainIndex, policy: &NamePolicy) -> (Value, Vec<PatchOperation>) {
        let Verdict::Allowed { patch, .. } = self.verdict(index, policy) else { panic!("a mutating webhook refuses") };
        let mut object = self.request["object"].clone();
        json_patch::patch(&mut object, &patch).unwrap_or_else(|error| panic!("{error}: {patch:?} of {object}"));
        (object, patch)
    }
}

/// What the mutating webhook makes of an object when it is created.
pub(crate) fn marked(namespace: &str, object: &Value) -> Value {
    creates(namespace, object).mutating().mutated(&cluster(), &policy()).0
}
