//! Claims are recorded for workloads that were persisted: created once, by whichever replica is first, and never changed.
//!
//! Not while a review is answered: what a review lets through may still be refused by somebody else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DynamicObject, PostParams};
use kube::{Api, Client};
use mesh_admission::{Index as _, Mode, NamePolicy};
use mesh_model::claim::{self, Claim, Place, Wish};
use mesh_model::kind::Kind;
use serde_json::json;
use tokio::time::sleep;

use crate::index::{LiveIndex, resource_of};
use crate::ready::{Readiness, Token};

/// How often it is looked whether there is something to record.
const LOOK: Duration = Duration::from_millis(500);
/// How long nothing is tried after something failed.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// The namespace whose UID is the cluster's.
const KUBE_SYSTEM: &str = "kube-system";
/// The field manager of what is recorded.
const FIELD_MANAGER: &str = "mesh-webhook";

/// Records claims until this is dropped.
pub(crate) async fn record(
    client: Client,
    index: Arc<LiveIndex>,
    policy: Arc<ArcSwap<NamePolicy>>,
    readiness: Arc<Readiness>,
) {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource_of(Kind::GlobalName));
    let mut cluster = None;
    loop {
        sleep(LOOK).await;
        if !readiness.has(Token::IndexSynced) {
            continue;
        }
        if cluster.is_none() {
            cluster = uid_of(&client).await;
        }
        let Some(cluster) = &cluster else {
            sleep(AFTER_FAILURE).await;
            continue;
        };
        let hosts = index.take_served();
        // In strict mode a name is claimed before it is deployed, by somebody who may.
        if policy.load().mode == Mode::Strict {
            continue;
        }
        let mut left = BTreeSet::new();
        for host in hosts {
            let Some(claim) = wanted(&host, &index, cluster) else { continue };
            if let Err(error) = create(&api, &claim).await {
                tracing::warn!(%error, host = %host.escape_debug(), "a claim is not recorded");
                left.insert(host);
            }
        }
        if !left.is_empty() {
            index.put_served(left);
            sleep(AFTER_FAILURE).await;
        }
    }
}

async fn uid_of(client: &Client) -> Option<Arc<str>> {
    let api: Api<Namespace> = Api::all(client.clone());
    match api.get(KUBE_SYSTEM).await {
        Ok(namespace) => namespace.metadata.uid.map(Into::into),
        Err(error) => {
            tracing::warn!(%error, "the cluster's UID cannot be read");
            None
        }
    }
}

/// The claim to record of a host that is served; none where it is held, or nobody can hold it.
fn wanted(host: &Arc<str>, index: &LiveIndex, cluster: &Arc<str>) -> Option<Claim> {
    let used = index.oldest_use(host)?;
    let owner = index.namespace(&used.namespace)?.owner.clone()?;
    let wish =
        Wish { host: Arc::clone(host), owner, identity: used.identity.as_str().into(), env: used.env.as_str().into() };
    claim::claim(index.claim(host).as_ref(), &wish, &Place { cluster: Arc::clone(cluster), now: Timestamp::now() })
}

async fn create(api: &Api<DynamicObject>, claim: &Claim) -> Result<(), kube::Error> {
    let mut object = DynamicObject::new(&claim::record_name(&claim.host), &resource_of(Kind::GlobalName));
    object.data = json!({ "spec": claim });
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match api.create(&params, &object).await {
        Ok(_) => {
            tracing::info!(host = %claim.host.escape_debug(), owner = %claim.owner.escape_debug(), "claimed");
            Ok(())
        }
        // Another replica was faster, or there is a record that only a person may change.
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(error),
    }
}
