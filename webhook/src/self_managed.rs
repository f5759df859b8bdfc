//! Certificates that the webhooks see to themselves: the authority in its Secret, told to the webhook configurations, and this
//! process's own certificate.
//!
//! Every replica does all of it. What two do at once is settled by the API server: a Secret is created once, and replaced at
//! the version that was read.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::authority::{Authority, is_leaf_worn};
use crate::certificates::Certificates;
use crate::metrics::{Metrics, ResultLabels};
use crate::ready::{Readiness, Token};

/// How often it is looked whether all is as it should be.
const LOOK: Duration = Duration::from_secs(5);
/// How long a new authority is told before it signs: API servers hear of configurations with a delay.
const TOLD: Duration = Duration::from_mins(1);
/// The field manager of what is told.
const FIELD_MANAGER: &str = "mesh-webhook";

/// Where the authority is, and who is told of it.
pub(crate) struct SelfManaged {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) secret: String,
    /// Of the certificate.
    pub(crate) names: Vec<String>,
    pub(crate) mutating: Option<String>,
    pub(crate) validating: Option<String>,
}

/// Sees to it until this is dropped.
pub(crate) async fn follow(
    own: SelfManaged,
    certificates: Arc<Certificates>,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
) {
    let mut signed: Option<(String, Timestamp)> = None;
    let mut told_since: Option<(String, Instant)> = None;
    loop {
        match own.look(&mut told_since).await {
            Ok(authority) => {
                readiness.give(Token::CaPublished);
                let now = Timestamp::now();
                let is_good =
                    signed.as_ref().is_some_and(|(by, ends)| by == authority.current() && !is_leaf_worn(*ends, now));
                if !is_good {
                    let pair = authority.sign(&own.names, now);
                    let result = if pair.is_ok() { "ok" } else { "refused" };
                    metrics.reloads.get_or_create(&ResultLabels { result }).inc();
                    match pair {
                        Ok(pair) => {
                            signed = Some((authority.current().to_owned(), pair.ends));
                            certificates.use_from_now(pair, &metrics);
                            readiness.give(Token::TlsLoaded);
                        }
                        Err(problem) => tracing::error!(problem, "no certificate can be signed"),
                    }
                }
            }
            Err(problem) => tracing::warn!(problem, "the authority is not as it should be"),
        }
        sleep(LOOK).await;
    }
}

impl SelfManaged {
    /// The authority that signs, once every configuration is told of it.
    async fn look(&self, told_since: &mut Option<(String, Instant)>) -> Result<Authority, String> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let now = Timestamp::now();
        let (secret, mut authority) = self.authority(&secrets, now).await?;
        if let Some(next) = authority.with_next(now).map_err(|error| error.to_string())? {
            self.replace(&secrets, &secret, &next).await?;
            tracing::info!("a new authority is made: it signs once it is known");
            authority = next;
        }
        let bundle = authority.bundle();
        self.tell(&bundle).await?;
        let since = match told_since {
            Some((told, since)) if *told == bundle => *since,
            _ => {
                let now = Instant::now();
                *told_since = Some((bundle, now));
                now
            }
        };
        if since.elapsed() >= TOLD
            && let Some(promoted) = authority.promoted()
        {
            // By the version that it has now: this process may have put the new one in.
            let (secret, there) = self.authority(&secrets, now).await?;
            if there == authority {
                self.replace(&secrets, &secret, &promoted).await?;
                tracing::info!("the new authority signs");
                return Ok(promoted);
            }
        }
        Ok(authority)
    }

    /// The Secret and the authority in it, which is made where there is none.
    async fn authority(&self, secrets: &Api<Secret>, now: Timestamp) -> Result<(Secret, Authority), String> {
        let read = |secret: Secret| match Authority::of(&secret) {
            Some(authority) => Ok((secret, authority)),
            None => Err(format!("Secret {} holds no authority; delete it, and a new one is made", self.secret)),
        };
        if let Some(secret) = secrets.get_opt(&self.secret).await.map_err(|error| error.to_string())? {
            return read(secret);
        }
        let authority = Authority::new(now).map_err(|error| error.to_string())?;
        let secret = Secret {
            metadata: ObjectMeta { name: Some(self.secret.clone()), ..ObjectMeta::default() },
            data: Some(authority.data()),
            ..Secret::default()
        };
        match secrets.create(&params(), &secret).await {
            Ok(secret) => read(secret),
            // Another replica was first: its authority counts.
            Err(kube::Error::Api(status)) if status.code == 409 => {
                read(secrets.get(&self.secret).await.map_err(|error| error.to_string())?)
            }
            Err(error) => Err(error.to_string()),
        }
    }

    async fn replace(&self, secrets: &Api<Secret>, secret: &Secret, authority: &Authority) -> Result<(), String> {
        let secret = Secret { data: Some(authority.data()), ..secret.clone() };
        secrets.replace(&self.secret, &params(), &secret).await.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Tells every configuration of the authorities, where it does not know them.
    async fn tell(&self, bundle: &str) -> Result<(), String> {
        if let Some(name) = &self.mutating {
            tell_one::<MutatingWebhookConfiguration>(&Api::all(self.client.clone()), name, bundle).await?;
        }
        if let Some(name) = &self.validating {
            tell_one::<ValidatingWebhookConfiguration>(&Api::all(self.client.clone()), name, bundle).await?;
        }
        Ok(())
    }
}

async fn tell_one<K>(api: &Api<K>, name: &str, bundle: &str) -> Result<(), String>
where
    K: Resource + Clone + Debug + DeserializeOwned + serde::Serialize,
{
    let problem = |error: kube::Error| format!("webhook configuration {name}: {error}");
    let there = serde_json::to_value(api.get(name).await.map_err(problem)?).map_err(|error| error.to_string())?;
    let bundle = BASE64_STANDARD.encode(bundle);
    let webhooks = there["webhooks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_told = |webhook: &&Value| webhook["clientConfig"]["caBundle"] == bundle;
    let untold = webhooks.iter().filter(|webhook| !is_told(webhook));
    let entries: Vec<Value> =
        untold.map(|webhook| json!({"name": webhook["name"], "clientConfig": {"caBundle": bundle}})).collect();
    if entries.is_empty() {
        return Ok(());
    }
    let patch = Patch::Strategic(json!({ "webhooks": entries }));
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    api.patch(name, &params, &patch).await.map_err(problem)?;
    tracing::info!(name, "a webhook configuration was told of the authority");
    Ok(())
}

fn params() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}
