//! Connections: how a server is reached, or is not.

use std::future::poll_fn;
use std::net::TcpListener as StdListener;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;

use super::answer::{Abort, answer};
use super::body::{Answer, Cut};
use super::cluster::Cluster;
use super::log::InFlight;
use super::pki;

/// How clients find a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Door {
    /// HTTPS with a certificate of the CA that clients know.
    #[default]
    Tls,
    /// HTTPS with a certificate that ended long ago.
    ExpiredCertificate,
    /// HTTPS with a certificate of another CA.
    WrongCa,
    /// HTTP where HTTPS is expected: clients send a TLS greeting, and get an answer in plain text.
    PlainHttp,
    /// Connections are taken, and nothing is ever said.
    Mute,
    /// Nobody listens.
    Shut,
}

/// Takes connections until the task is aborted, and with it all of them.
pub(crate) async fn serve(listener: StdListener, door: watch::Receiver<Door>, cluster: Arc<Cluster>) {
    let listener = TcpListener::from_std(listener).expect("the listener does not block");
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, most likely: others need a moment to give theirs back.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (door, cluster) = (*door.borrow(), Arc::clone(&cluster));
        let tls = match door {
            Door::Tls => Some(pki::good()),
            Door::ExpiredCertificate => Some(pki::expired()),
            Door::WrongCa => Some(pki::of_a_strange_ca()),
            Door::PlainHttp | Door::Mute | Door::Shut => None,
        };
        let open = InFlight::on(std::slice::from_ref(&cluster.connections));
        connections.spawn(async move {
            let _open = open;
            match tls {
                Some(tls) => {
                    // A client that does not like the certificate goes away: that is its answer.
                    let Ok(stream) = tls.accept(stream).await else { return };
                    if stream.get_ref().1.alpn_protocol() == Some(pki::HTTP2) {
                        converse_in_streams(stream, cluster).await;
                    } else {
                        converse(stream, |stream: &TlsStream<TcpStream>| stream.get_ref().0, cluster).await;
                    }
                }
                None if door == Door::Mute => {
                    let _held = stream;
                    std::future::pending::<()>().await;
                }
                None => converse(stream, |stream| stream, cluster).await,
            }
        });
    }
}

async fn converse<S>(stream: S, tcp: fn(&S) -> &TcpStream, cluster: Arc<Cluster>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let reset = Arc::new(AtomicBool::new(false));
    let wants_reset = Arc::clone(&reset);
    let service = service_fn(move |request: Request<Incoming>| {
        let (cluster, reset) = (Arc::clone(&cluster), Arc::clone(&wants_reset));
        let answered = async move {
            answer(cluster, request).await.map_err(|abort| {
                reset.store(abort == Abort::Reset, Ordering::SeqCst);
                Cut
            })
        };
        Box::pin(answered) as Pin<Box<dyn Future<Output = Result<Response<Answer>, Cut>> + Send>>
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let mut stream = connection.into_parts().io.into_inner();
    if reset.load(Ordering::SeqCst) {
        let _ = tcp(&stream).set_zero_linger();
    } else if ended.is_ok() {
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
    }
}

/// HTTP/2, as clients of Kubernetes ask for it. An abort ends the whole connection, with all that is on it, and here a
/// reset is no more than that.
async fn converse_in_streams(stream: TlsStream<TcpStream>, cluster: Arc<Cluster>) {
    let aborted = Arc::new(Notify::new());
    let aborts = Arc::clone(&aborted);
    let service = service_fn(move |request: Request<Incoming>| {
        let (cluster, aborts) = (Arc::clone(&cluster), Arc::clone(&aborts));
        async move {
            answer(cluster, request).await.map_err(|_| {
                aborts.notify_one();
                Cut
            })
        }
    });
    let connection = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        biased;
        () = aborted.notified() => {}
        _ = connection => {}
    }
}
