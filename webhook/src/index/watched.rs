//! The watches that keep the index: of this cluster alone, and of what reviews are answered by.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::ApiResource;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Config};
use mesh_admission::NamePolicy;
use mesh_model::kind::Kind;
use mesh_model::policy::{self, MeshPolicy, SanPolicy};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::beat::until_it_went_back;
use super::contribution::{self, Facts};
use super::live::LiveIndex;
use super::source::{Source, Uid};
use super::watched_object::WatchedObject;
use crate::metrics::Metrics;
use crate::ready::{Readiness, Token};

/// The ConfigMap with the policy, and its key.
const POLICY_CONFIG_MAP: &str = "mesh-policy";
const POLICY_KEY: &str = "mesh.yaml";
/// A connection to the API server that brings nothing for so long is given up. Watches bring a bookmark every minute.
const SILENCE: Duration = Duration::from_mins(3);
/// Objects that are read at once.
const PAGE: u32 = 500;
/// Sets that are read at once: each is as large as a thousand others.
const PAGE_OF_SETS: u32 = 4;
/// The workloads that serve.
pub(super) const SERVING: [Kind; 4] = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Rollout];

/// What is kept, and by what.
pub(crate) struct Watched {
    pub(crate) client: Client,
    pub(crate) sync_namespace: String,
    pub(crate) index: Arc<LiveIndex>,
    pub(crate) policy: Arc<ArcSwap<NamePolicy>>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) metrics: Arc<Metrics>,
}

/// A client of the API server: by a kubeconfig, else by the pod's service account.
pub(crate) async fn client(kubeconfig: Option<&Path>) -> Result<Client, String> {
    let mut config = match kubeconfig {
        Some(path) => {
            let read = Kubeconfig::read_from(path).map_err(|error| error.to_string())?;
            let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
            config.map_err(|error| error.to_string())?
        }
        None => Config::incluster().map_err(|error| error.to_string())?,
    };
    (config.read_timeout, config.reset_reader_on_write) = (Some(SILENCE), true);
    Client::try_from(config).map_err(|error| error.to_string())
}

/// Keeps the index, until this is dropped.
pub(crate) async fn follow(watched: Watched, make: impl Fn(MeshPolicy) -> NamePolicy) {
    loop {
        tokio::select! {
            () = until_it_went_back(watched.client.clone(), Arc::clone(&watched.index)) => drop(watched.metrics.restarts.inc()),
            () = watch(&watched, &make) => {}
        }
    }
}

/// Watches all by the policy that counts. One that changes begins it anew: reviews are answered by the old one meanwhile.
async fn watch(watched: &Watched, make: &impl Fn(MeshPolicy) -> NamePolicy) {
    let mut tasks = JoinSet::new();
    let (tell, mut told) = mpsc::channel(1);
    tasks.spawn(policies(watched.client.clone(), watched.sync_namespace.clone(), tell));
    let mut current = JoinSet::new();
    // The first word is the policy that counts, or that there is none.
    while let Some(mesh) = told.recv().await {
        current.shutdown().await;
        let name_policy = Arc::new(make(mesh));
        watched.policy.store(Arc::clone(&name_policy));
        let seen = Seen { index: Arc::clone(&watched.index), metrics: Arc::clone(&watched.metrics) };
        let mesh = Arc::clone(&name_policy.mesh);
        if mesh.sans == SanPolicy::ServiceAccounts {
            let entries =
                Api::namespaced_with(watched.client.clone(), &watched.sync_namespace, &resource_of(Kind::ServiceEntry));
            let policy = Arc::clone(&mesh);
            let facts = move |object: &WatchedObject| contribution::of_entry(object, &policy);
            // Nothing is refused by them, and so nobody waits for them.
            current.spawn(objects(entries, Kind::ServiceEntry, seen.clone(), facts, None));
        } else {
            watched.index.keep_only(Kind::ServiceEntry, &BTreeSet::new());
        }
        current.spawn(watch_all(watched.client.clone(), seen, mesh, Arc::clone(&watched.readiness)));
    }
}

/// Tells of each policy that counts: the stored one, else the default.
async fn policies(client: Client, namespace: String, tell: mpsc::Sender<MeshPolicy>) {
    let api: Api<ConfigMap> = Api::namespaced(client, &namespace);
    let config = watcher::Config::default().fields(&format!("metadata.name={POLICY_CONFIG_MAP}"));
    let mut events = Box::pin(watcher(api, config).default_backoff());
    let mut told: Option<MeshPolicy> = None;
    let mut found = None;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => {
                found = None;
                continue;
            }
            Ok(Event::InitApply(map)) => {
                found = Some(text_of(map));
                continue;
            }
            Ok(Event::Apply(map)) => found = Some(text_of(map)),
            Ok(Event::Delete(_)) => found = None,
            Ok(Event::InitDone) => {}
            Err(error) => {
                tracing::warn!(%error, "the policy cannot be watched");
                continue;
            }
        }
        let mesh = match found.as_deref().map(|text| policy::parse(text, POLICY_CONFIG_MAP)) {
            None => MeshPolicy::default(),
            Some(Ok(mesh)) => mesh,
            Some(Err(error)) => {
                // The one that counted goes on.
                tracing::error!(%error, "the stored policy does not read");
                continue;
            }
        };
        if told.as_ref() != Some(&mesh) {
            told = Some(mesh.clone());
            if tell.send(mesh).await.is_err() {
                return;
            }
        }
    }
}

fn text_of(map: ConfigMap) -> String {
    map.data.and_then(|mut data| data.remove(POLICY_KEY)).unwrap_or_default()
}

/// Where it goes what watches tell, and that they fail.
#[derive(Clone)]
struct Seen {
    index: Arc<LiveIndex>,
    metrics: Arc<Metrics>,
}

impl Seen {
    fn failed(&self, kind: &'static str, error: &watcher::Error) {
        tracing::warn!(%error, kind, "cannot be watched");
        self.metrics.watch_failed(kind);
        // What is generated only warns: the view is no older without it.
        if kind != Kind::ServiceEntry.as_str() {
            self.index.is_seen(kind, false);
        }
    }
}

/// Watches everything, and says when all of it is known.
async fn watch_all(client: Client, seen: Seen, policy: Arc<MeshPolicy>, readiness: Arc<Readiness>) {
    seen.index.set_policy(Arc::clone(&policy));
    let mut tasks = JoinSet::new();
    let mut known: Vec<oneshot::Receiver<()>> = Vec::new();
    let mut once = || {
        let (tell, told) = oneshot::channel();
        known.push(told);
        Some(tell)
    };
    tasks.spawn(namespaces(Api::all(client.clone()), seen.clone(), Arc::clone(&policy), once()));
    for kind in SERVING {
        let (policy, index) = (Arc::clone(&policy), Arc::clone(&seen.index));
        let facts = move |object: &WatchedObject| {
            let (facts, label) = contribution::of_workload(object, &policy);
            index.set_label(&source_of(kind, object), label);
            facts
        };
        tasks.spawn(objects(all(&client, kind), kind, seen.clone(), facts, once()));
    }
    let kind = Kind::GlobalTrafficPolicy;
    let facts = move |object: &WatchedObject| contribution::of_traffic_policy(object, &policy);
    tasks.spawn(objects(all(&client, kind), kind, seen.clone(), facts, once()));
    let names = all(&client, Kind::GlobalName);
    tasks.spawn(objects(names, Kind::GlobalName, seen.clone(), contribution::of_name, once()));
    let sets = all(&client, Kind::GlobalNameSet);
    tasks.spawn(objects(sets, Kind::GlobalNameSet, seen.clone(), contribution::of_set, once()));
    for told in known {
        if told.await.is_err() {
            return;
        }
    }
    readiness.give(Token::IndexSynced);
    tracing::info!(hosts = seen.index.hosts(), "what the cluster holds is known");
    while tasks.join_next().await.is_some() {}
}

/// Says once that a kind is known.
fn tell(known: &mut Option<oneshot::Sender<()>>) {
    // Whoever asked may be gone: a policy may have changed meanwhile.
    known.take().map(|known| known.send(()));
}

/// How a kind of ours is asked for.
pub(crate) fn resource_of(kind: Kind) -> ApiResource {
    let group = kind.group();
    let version = if matches!(group, "apps" | "networking.istio.io") { "v1" } else { "v1alpha1" };
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: format!("{group}/{version}"),
        kind: kind.as_str().to_owned(),
        plural: kind.plural().to_owned(),
    }
}

/// Every object of a kind of ours.
fn all(client: &Client, kind: Kind) -> Api<WatchedObject> {
    Api::all_with(client.clone(), &resource_of(kind))
}

async fn namespaces(api: Api<Namespace>, seen: Seen, policy: Arc<MeshPolicy>, mut known: Option<oneshot::Sender<()>>) {
    let kind = Kind::Namespace.as_str();
    let index = &seen.index;
    let mut events = Box::pin(watcher(api, watcher::Config::default()).default_backoff());
    let set = |object: &Namespace| -> Arc<str> {
        let name = object.metadata.name.as_deref().unwrap_or_default();
        let (labels, annotations) = (object.metadata.labels.as_ref(), object.metadata.annotations.as_ref());
        index.set_namespace(name, contribution::namespace(labels, annotations, name, &policy));
        name.into()
    };
    let mut there = BTreeSet::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => {
                there.clear();
                continue;
            }
            Ok(Event::InitApply(object)) => drop(there.insert(set(&object))),
            Ok(Event::InitDone) => {
                index.keep_only_namespaces(&there);
                there.clear();
                tell(&mut known);
            }
            Ok(Event::Apply(object)) => drop(set(&object)),
            Ok(Event::Delete(object)) => index.remove_namespace(object.metadata.name.as_deref().unwrap_or_default()),
            Err(error) => {
                seen.failed(kind, &error);
                continue;
            }
        }
        index.is_seen(kind, true);
    }
}

fn source_of(kind: Kind, object: &WatchedObject) -> Source {
    (kind, Uid::of(object.metadata.uid.as_deref().unwrap_or_default()))
}

/// Keeps what objects of a kind tell. A kind that is not served has none.
async fn objects(
    api: Api<WatchedObject>,
    kind: Kind,
    seen: Seen,
    facts: impl Fn(&WatchedObject) -> Facts,
    mut known: Option<oneshot::Sender<()>>,
) {
    let index = &seen.index;
    let page = if kind == Kind::GlobalNameSet { PAGE_OF_SETS } else { PAGE };
    let mut events = Box::pin(watcher(api, watcher::Config::default().page_size(page)).default_backoff());
    let source = |object: &WatchedObject| source_of(kind, object);
    let mut there = BTreeSet::new();
    let mut is_served = true;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => {
                there.clear();
                continue;
            }
            Ok(Event::InitApply(object)) => {
                let source = source(&object);
                index.set(&source, facts(&object));
                there.insert(source.1);
            }
            Ok(Event::InitDone) => {
                index.keep_only(kind, &there);
                there.clear();
                is_served = true;
                tell(&mut known);
            }
            Ok(Event::Apply(object)) => index.set(&source(&object), facts(&object)),
            Ok(Event::Delete(object)) => index.remove(&source(&object)),
            Err(watcher::Error::InitialListFailed(kube::Error::Api(status))) if status.code == 404 => {
                index.keep_only(kind, &BTreeSet::new());
                tell(&mut known);
                if std::mem::take(&mut is_served) {
                    tracing::info!(kind = kind.as_str(), "is not served here");
                }
            }
            Err(error) => {
                seen.failed(kind.as_str(), &error);
                continue;
            }
        }
        index.is_seen(kind.as_str(), true);
    }
}
