//! The webhook, from its start to its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum_server::accept::DefaultAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use futures::FutureExt as _;
use kube::Client;
use mesh_admission::NamePolicy;
use mesh_model::policy::MeshPolicy;
use thiserror::Error;
use tokio::time::{sleep, timeout};
use tower::make::Shared;

use crate::admin::{self, Admin};
use crate::args::{CertificateSource, Disclosure, Mode, OnStale, ServeArgs};
use crate::body::Budget;
use crate::certificates::{self, Certificates};
use crate::claims;
use crate::connections::{self, Capped, HANDSHAKE, HEAD, MAX_ADMIN_CONNECTIONS, MAX_CONNECTIONS};
use crate::deadline::Ticks;
use crate::folder;
use crate::index::{self, LiveIndex};
use crate::metrics::Metrics;
use crate::ready::{Readiness, Token};
use crate::reviewers::{self, Caller, Dealt};
use crate::routes::{self, Reviews};
use crate::self_managed::{self, SelfManaged};
use crate::state::Saying;
use crate::stop::Stop;

/// How long requests may still take once no new ones are taken.
const DRAIN: Duration = Duration::from_secs(20);
/// How long it may take to take back what this replica said of itself.
const TAKE_BACK: Duration = Duration::from_secs(2);
/// Most requests at once over one connection.
const STREAMS: u32 = 256;
/// What the head of a request may take, in bytes.
const MAX_HEAD: usize = 16 << 10;

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
    let mut stop = Stop::watch().map_err(system("no signals"))?;
    let (readiness, metrics) = (Arc::new(Readiness::new()), Metrics::new());
    let (index, certificates) = (Arc::new(LiveIndex::default()), Arc::new(Certificates::default()));
    let policy = Arc::new(ArcSwap::from_pointee(policy_of(args, MeshPolicy::default())));

    let admin = Admin { readiness: Arc::clone(&readiness), metrics: Arc::clone(&metrics), index: Arc::clone(&index) };
    let admin_handle = Handle::new();
    let admin_server = admin_server(args.admin_listen, admin_handle.clone(), Arc::clone(&metrics));
    let admin_task = tokio::spawn(admin_server.serve(admin::router(admin).into_make_service()));
    admin_handle.listening().await.ok_or_else(|| taken(args.admin_listen))?;

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

    let handle = Handle::new();
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
    let listener = reviewers::listen(args.listen).await.map_err(|_| taken(args.listen))?;
    let address = listener.local_addr().map_err(system("no address"))?;
    let reviewers = reviewers::start(listener, {
        let (certificates, handle, readiness) = (Arc::clone(&certificates), handle.clone(), Arc::clone(&readiness));
        let ticks = Ticks::start();
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
            let server = server(dealt, Arc::clone(&certificates), handle.clone(), Arc::clone(&metrics));
            server.serve(Shared::new(service)).map(drop)
        }
    });
    let reviewers = reviewers.map_err(system("no threads"))?;
    readiness.give(Token::ListenerBound);
    tracing::info!(%address, "reviews are answered here");
    let state = saying.clone().map(|saying| tokio::spawn(async move { saying.go_on().await }));

    stop.asked().await;
    readiness.take(Token::NotStopping);
    tracing::info!(lame_duck = ?args.lame_duck, "asked to stop: no longer ready, still answering");
    let ends = async {
        sleep(args.lame_duck).await;
        handle.graceful_shutdown(Some(DRAIN));
        let _ = timeout(DRAIN + HEAD, reviewers).await;
    };
    tokio::select! {
        () = ends => tracing::info!("every request was answered"),
        () = stop.asked() => tracing::warn!("asked to stop once more: at once"),
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

fn server(
    dealt: Dealt,
    certificates: Arc<Certificates>,
    handle: Handle<Caller>,
    metrics: Arc<Metrics>,
) -> Server<Caller, Capped<RustlsAcceptor, Caller>> {
    let tls = RustlsConfig::from_config(certificates::config(certificates));
    let inner = RustlsAcceptor::new(tls).handshake_timeout(HANDSHAKE);
    let acceptor = Capped { inner, handle: handle.clone(), most: MAX_CONNECTIONS };
    let mut server = Server::from_listener(dealt)
        .handle(handle)
        .acceptor(acceptor)
        .first_request_timeout(HEAD)
        .accept_error_handler(connections::failures(metrics));
    let builder = server.http_builder();
    builder.http1().header_read_timeout(HEAD).max_buf_size(MAX_HEAD);
    builder
        .http2()
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD).expect("a small number"));
    server
}

fn admin_server(
    address: SocketAddr,
    handle: Handle<SocketAddr>,
    metrics: Arc<Metrics>,
) -> Server<SocketAddr, Capped<DefaultAcceptor, SocketAddr>> {
    let acceptor = Capped { inner: DefaultAcceptor::new(), handle: handle.clone(), most: MAX_ADMIN_CONNECTIONS };
    let mut server = axum_server::bind(address)
        .handle(handle)
        .acceptor(acceptor)
        .first_request_timeout(HEAD)
        .accept_error_handler(connections::failures(metrics));
    server.http_builder().http1().header_read_timeout(HEAD).max_buf_size(MAX_HEAD);
    server
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
