//! Whether a webhook refuses what it must, found out by asking the API server for a write of which nothing is stored; and
//! letting its configuration fail closed.

use std::collections::BTreeMap;

use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Namespace};
use mesh_model::owned::IDENTITY_LABEL;
use serde_json::{Value, json};

use super::{ADMISSION, VALIDATING, hooks_of, in_words, is_ours, list, text};
use crate::live::LiveFleet;
use crate::live::members::Place;
use crate::live::rest::{Rest, RestError, Write};
use crate::live::write::FIELD_MANAGER;
use crate::run::Run;

/// What came of a trial in one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// What must be refused was refused by our code, and what must pass passed.
    Refused,
    /// It was not so; why, as far as that can be told.
    Failed(String),
}

/// What came of letting a configuration fail closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// These configurations were changed.
    Changed(Vec<String>),
    /// It fails closed already.
    Same,
}

impl LiveFleet {
    /// Asks each of `members` to deploy what must be refused, and what must pass, in a namespace. Nothing is stored.
    pub fn try_webhooks(
        &self,
        members: &[&ClusterName],
        namespace: &Namespace,
        run: Run<'_>,
    ) -> BTreeMap<ClusterName, Result<Trial, String>> {
        let places = self.places_of(members);
        self.in_each(&places, "trying webhooks", run, |rest| async move { Ok(attempt(&rest, namespace).await) })
    }

    /// Lets our entries of the ValidatingWebhookConfigurations of `members` fail closed.
    pub fn close_webhooks(
        &self,
        members: &[&ClusterName],
        run: Run<'_>,
    ) -> BTreeMap<ClusterName, Result<Closed, String>> {
        let places = self.places_of(members);
        self.in_each(&places, "writing webhook configurations", run, |rest| async move { close(&rest).await })
    }

    fn places_of(&self, members: &[&ClusterName]) -> Vec<&Place> {
        self.places.iter().filter(|place| members.contains(&&place.name)).collect()
    }
}

async fn attempt(rest: &Rest, namespace: &Namespace) -> Trial {
    let dry = rest.clone().dry_run();
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments?fieldManager={FIELD_MANAGER}");
    // What must pass comes first: whoever may not deploy learns nothing of the webhook.
    if let Err(error) = dry.write(Write::Create, &path, &deployment(false)).await {
        let what = "a Deployment without an identity does not pass";
        return Trial::Failed(if error.is_forbidden() && !is_denied(&error) {
            in_words(
                &error,
                Kind::Deployment.group(),
                Kind::Deployment.plural(),
                "created, not even as a dry run",
                "create",
            )
        } else {
            format!("{what}: {error}")
        });
    }
    match dry.write(Write::Create, &path, &deployment(true)).await {
        Err(error) if is_denied(&error) && error.to_string().contains(&format!("[{REFUSAL}]")) => Trial::Refused,
        Err(error) => Trial::Failed(format!("a Deployment that must be refused is refused by something else: {error}")),
        Ok(_) => Trial::Failed(why_it_passed(rest, namespace).await),
    }
}

/// The code that a label of another identity is refused by.
const REFUSAL: &str = "MESH-E106";

/// A Deployment; or one with the label of another identity, which nobody but a webhook can tell: the API server's own rules
/// (`admission.engine: both`), which are asked before it, know no sha-256.
fn deployment(is_mismarked: bool) -> Value {
    let name = "mesh-webhook-trial";
    let (mut labels, mut own) = (json!({"app": name}), json!({}));
    if is_mismarked {
        labels["identity"] = name.into();
        own[IDENTITY_LABEL] = "0000000000000000".into();
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"generateName": format!("{name}-"), "labels": own},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": name, "image": name}]},
            },
        },
    })
}

/// Whether an admission webhook said no, and not RBAC.
fn is_denied(error: &RestError) -> bool {
    error.is_forbidden() && error.to_string().contains("denied the request")
}

/// Who may break the glass is never judged.
async fn why_it_passed(rest: &Rest, namespace: &Namespace) -> String {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"group": "kubectl-mesh.io", "resource": "globalnames", "verb": "breakglass"}},
    });
    let answer = rest.write(Write::Create, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &review).await;
    if answer.is_ok_and(|answer| answer["status"]["allowed"] == true) {
        return "you may break the glass, so that the webhook is not asked; try as somebody who may not".to_owned();
    }
    format!(
        "a Deployment that must be refused passes: the API server does not reach the webhook, or does not ask it about namespace {namespace}"
    )
}

async fn close(rest: &Rest) -> Result<Closed, String> {
    let mut changed = Vec::new();
    for there in list(rest, ADMISSION, VALIDATING, "").await? {
        if !hooks_of(&there).any(is_open) {
            continue;
        }
        let name = text(&there["metadata"]["name"]).to_owned();
        let path = format!("/apis/{ADMISSION}/v1/{VALIDATING}/{name}");
        // As it is now: lists may leave out kind and version.
        let refused = |error: &RestError, verb: &str| {
            if error.is_conflict() {
                format!("{name} is not as it was read; run again")
            } else {
                in_words(error, ADMISSION, VALIDATING, "changed", verb)
            }
        };
        let mut now = rest.get(&path).await.map_err(|error| refused(&error, "get"))?;
        for hook in now["webhooks"].as_array_mut().into_iter().flatten().filter(|hook| is_open(hook)) {
            hook["failurePolicy"] = "Fail".into();
        }
        rest.write(Write::Replace, &format!("{path}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict"), &now)
            .await
            .map_err(|error| refused(&error, "update"))?;
        changed.push(name);
    }
    Ok(if changed.is_empty() { Closed::Same } else { Closed::Changed(changed) })
}

fn is_open(hook: &Value) -> bool {
    is_ours(hook) && hook["failurePolicy"] == "Ignore"
}
