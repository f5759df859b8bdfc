//! The webhook, from its start to its end.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper_util::service::TowerToHyperService;
use kube::Client;
use mesh_admission::NamePolicy;
use mesh_model::policy::MeshPolicy;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::admin::{self, Admin};
use crate::args::{CertificateSource, Disclosure, Mode, OnStale, ServeArgs};
use crate::body::Budget;
use crate::certificates::{self, Certificates};
use crate::claims;
use crate::connections::{Capacity, DRAIN, Failures, Port};
use crate::deadline::Ticks;
use crate::folder;
use crate::index::{self, LiveIndex};
use crate::listener::{MOST_DEALT, deal, listen};
use crate::metrics::Metrics;
use crate::overseer::Patience;
use crate::ready::{Readiness, Token};
use crate::reviewers;
use crate::routes::{self, Reviews};
use crate::self_managed::{self, SelfManaged};
use crate::state::Saying;
use crate::stop::Stop;

/// Most connections for reviews at once: systems let a process have 1,024 files, and its watches and its logs are some.
const MAX_CONNECTIONS: usize = 768;
/// Most connections to the admin port at once.
const MAX_ADMIN_CONNECTIONS: usize = 64;
/// How much longer than connections a thread may take to end.
const SLACK: Duration = Duration::from_secs(5);
/// How long it may take to take back what this replica said of itself.
const TAKE_BACK: Duration = Duration::from_secs(2);

/// Why the webhook cannot go on.
#[derive(Debug, Error)]
pub(crate) enum ServeError {
    /// The system does not let it.
    #[error("{what}: {source}")]
    System {
        /// What it wanted.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// How the API server is reached cannot be told.
    #[error("the API server cannot be reached: {0}")]
    NoCluster(String),
}

/// Serves until it is told to stop.
pub(crate) fn run(args: &ServeArgs) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| ServeError::System { what: "no threads".to_owned(), source })?;
    runtime.block_on(serve(args))
}

async fn serve(args: &ServeArgs) -> Result<(), ServeError> {
    let system = |what: &str| {
        let what = what.to_owned();
        move |source| ServeError::System { what, source }
    };
    let mut signals = Stop::watch().map_err(system("no signals"))?;
    let (readiness, metrics) = (Arc::new(Readiness::new()), Metrics::new());
    let (index, certificates) = (Arc::new(LiveIndex::default()), Arc::new(Certificates::default()));
    let policy = Arc::new(ArcSwap::from_pointee(policy_of(args, MeshPolicy::default())));

    let admin = Admin { readiness: Arc::clone(&readiness), metrics: Arc::clone(&metrics), index: Arc::clone(&index) };
    let failures = Failures::new(Arc::clone(&metrics));
    let admin_listener = listen(args.admin_listen).await.map_err(|_| taken(args.admin_listen))?;
    let admin_task = tokio::spawn(serve_admin(admin_listener, admin, Arc::clone(&failures)));

    let client = index::client(args.kubeconfig.as_deref()).await.map_err(ServeError::NoCluster)?;
    let make_policy = {
        let args = args.clone();
        move |mesh| policy_of(&args, mesh)
    };
    let recording = claims::record(client.clone(), Arc::clone(&index), Arc::clone(&policy), Arc::clone(&readiness));
    let recorder = tokio::spawn(recording);
    let watched = index::Watched {
        client: client.clone(),
        sync_namespace: args.sync_namespace.clone(),
        index: Arc::clone(&index),
        policy: Arc::clone(&policy),
        readiness: Arc::clone(&readiness),
        metrics: Arc::clone(&metrics),
    };
    let watch = tokio::spawn(index::follow(watched, make_policy));
    let certificate_task = match args.certificates {
        CertificateSource::Folder => {
            // Whoever sees to the folder sees to what is told of it.
            readiness.give(Token::CaPublished);
            let folder = args.certificate_folder.clone().expect("clap asks for it");
            let (certificates, readiness) = (Arc::clone(&certificates), Arc::clone(&readiness));
            tokio::spawn(folder::follow(folder, certificates, readiness, Arc::clone(&metrics)))
        }
        CertificateSource::SelfManaged => {
            let own = self_managed(args, client.clone());
            let (certificates, readiness) = (Arc::clone(&certificates), Arc::clone(&readiness));
            tokio::spawn(self_managed::follow(own, certificates, readiness, Arc::clone(&metrics)))
        }
    };

    let saying = args.namespace.clone().map(|namespace| {
        Arc::new(Saying {
            client,
            namespace,
            replica: args.replica.clone(),
            configuration: args.validating_configuration.clone(),
            listens: args.listen,
            index: Arc::clone(&index),
            certificates: Arc::clone(&certificates),
            readiness: Arc::clone(&readiness),
        })
    });
    let listener = listen(args.listen).await.map_err(|_| taken(args.listen))?;
    let address = listener.local_addr().map_err(system("no address"))?;
    let (stopping, stop) = watch::channel(());
    let reviewers = reviewers::start(listener, {
        let (readiness, ticks) = (Arc::clone(&readiness), Ticks::start());
        let tls = TlsAcceptor::from(certificates::config(Arc::clone(&certificates)));
        let room = Capacity::new(MAX_CONNECTIONS);
        // Once they have stopped nobody listens: whoever comes is turned away, and does not wait.
        move |dealt| {
            let service = routes::service(Reviews {
                index: Arc::clone(&index),
                policy: Arc::clone(&policy),
                metrics: Arc::clone(&metrics),
                readiness: Arc::clone(&readiness),
                ticks: ticks.clone(),
                tally: metrics.tallies.another(),
                budget: Budget::shared_by(reviewers::count()),
            });
            let (tls, room, failures) = (Some(tls.clone()), room.clone(), Arc::clone(&failures));
            let mut stop = stop.clone();
            let stopped = async move { drop(stop.changed().await) };
            Port { service, tls, room, patience: Patience::USUAL, failures }.serve(dealt, stopped)
        }
    });
    let reviewers = reviewers.map_err(system("no threads"))?;
    readiness.give(Token::ListenerBound);
    tracing::info!(%address, "reviews are answered here");
    let state = saying.clone().map(|saying| tokio::spawn(async move { saying.go_on().await }));

    signals.asked().await;
    readiness.take(Token::NotStopping);
    tracing::info!(lame_duck = ?args.lame_duck, "asked to stop: no longer ready, still answering");
    let ends = async {
        sleep(args.lame_duck).await;
        drop(stopping);
        let _ = timeout(DRAIN + SLACK, reviewers).await;
    };
    tokio::select! {
        () = ends => tracing::info!("every request was answered"),
        () = signals.asked() => tracing::warn!("asked to stop once more: at once"),
    }
    for task in [watch, certificate_task, recorder].into_iter().chain(state) {
        task.abort();
    }
    if let Some(saying) = saying {
        // It is gone either way, and what it said is taken away by others.
        let _ = timeout(TAKE_BACK, saying.take_back()).await;
    }
    admin_task.abort();
    Ok(())
}

/// Serves the admin port, to the end.
async fn serve_admin(listener: TcpListener, admin: Admin, failures: Arc<Failures>) {
    let service = TowerToHyperService::new(admin::router(admin));
    let (room, patience) = (Capacity::new(MAX_ADMIN_CONNECTIONS), Patience::USUAL);
    let (sender, dealt) = mpsc::channel(MOST_DEALT);
    let served = Port { service, tls: None, room, patience, failures }.serve(dealt, pending());
    tokio::join!(deal(listener, vec![sender]), served);
}

fn self_managed(args: &ServeArgs, client: Client) -> SelfManaged {
    let told = |text: &Option<String>| text.clone().expect("clap asks for it");
    let (service, namespace) = (told(&args.service), told(&args.namespace));
    let by_service = [format!("{service}.{namespace}.svc"), format!("{service}.{namespace}.svc.cluster.local")];
    SelfManaged {
        client,
        secret: told(&args.secret),
        names: by_service.into_iter().chain(args.name.iter().cloned()).collect(),
        mutating: args.mutating_configuration.clone(),
        validating: args.validating_configuration.clone(),
        namespace,
    }
}

fn taken(address: SocketAddr) -> ServeError {
    ServeError::System { what: format!("{address} cannot be listened on"), source: io::ErrorKind::AddrInUse.into() }
}

fn policy_of(args: &ServeArgs, mesh: MeshPolicy) -> NamePolicy {
    NamePolicy {
        mesh: Arc::new(mesh),
        mode: match args.mode {
            Mode::Optimistic => mesh_admission::Mode::Optimistic,
            Mode::Strict => mesh_admission::Mode::Strict,
        },
        max_view_age: args.max_view_age,
        on_stale: match args.on_stale {
            OnStale::Warn => mesh_admission::OnStale::Warn,
            OnStale::Refuse => mesh_admission::OnStale::Refuse,
        },
        disclosure: match args.disclosure {
            Disclosure::Owner => mesh_admission::Disclosure::Owner,
            Disclosure::Cluster => mesh_admission::Disclosure::Cluster,
            Disclosure::None => mesh_admission::Disclosure::None,
        },
    }
}
