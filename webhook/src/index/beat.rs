//! Whether the API server is there, and whether it is still further than it was.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::{Api, Client};
use tokio::time::{Instant, sleep, timeout};

use super::live::LiveIndex;

/// How often the API server is asked, and how long it may take to answer.
const BEAT: Duration = Duration::from_secs(5);

/// An API server that was away for so long may have been put back to an older state, and have come further since.
const AWAY: Duration = Duration::from_secs(15);

/// Says again and again that the API server is there, until it is, or may be, behind where it was: its store was put back to
/// an older state. Watches from before wait for versions that are still to come, and never tell of what is gone.
pub(super) async fn until_it_went_back(client: Client, index: Arc<LiveIndex>) {
    let namespaces: Api<Namespace> = Api::all(client);
    // A list that names no version is of now, and has the version of now.
    let one = ListParams::default().limit(1);
    let (mut furthest, mut reached) = (0, Instant::now());
    loop {
        match timeout(BEAT, namespaces.list(&one)).await {
            Ok(Ok(list)) => {
                index.reached();
                // Versions are numbers that grow; one that is none tells nothing.
                let version = list.metadata.resource_version.and_then(|version| version.parse::<u64>().ok());
                let is_behind = version.is_some_and(|version| version < furthest);
                if is_behind || reached.elapsed() > AWAY {
                    tracing::warn!(is_behind, "all of the cluster is read anew: it may be in an older state");
                    return;
                }
                (furthest, reached) = (version.unwrap_or(furthest), Instant::now());
            }
            Ok(Err(error)) => tracing::warn!(%error, "the API server is not reached"),
            Err(_) => tracing::warn!("the API server is not reached: it does not answer"),
        }
        sleep(BEAT).await;
    }
}
