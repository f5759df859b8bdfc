//! Where connections come from: one task takes those of a port, and deals them to whoever serves them.

use std::io;
use std::net::{self, SocketAddr};
use std::time::Duration;

use futures::future::join_all;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// Most connections that wait for one thread to take them up. Others wait in the kernel, where they take no file.
pub(crate) const MOST_DEALT: usize = 32;
/// How long it takes until it is tried again after a connection could not be taken, as no file was left.
const PAUSE: Duration = Duration::from_millis(50);
/// How long nothing may come over a connection before it is asked whether there is still somebody, and how long then until
/// it is asked once more.
const SILENCE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(5));
/// How often it is asked in vain.
const TRIES: u32 = 3;

/// A connection that nobody serves yet, or why there is none.
pub(crate) type Undealt = io::Result<net::TcpStream>;

/// Listens here. That callers are still there is found out by TCP: of HTTP/2 that takes a look at the clock for each frame.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address).await?;
    let (idle, interval) = SILENCE;
    let keep_alive = TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(TRIES);
    // Connections have both of the listener.
    let socket = SockRef::from(&listener);
    socket.set_tcp_keepalive(&keep_alive)?;
    socket.set_tcp_nodelay(true)?;
    Ok(listener)
}

/// Deals connections in turn for as long as somebody takes some. One task takes them from the kernel: where
/// threads did so in turn, a crowd would wait for a change of threads for each, which takes long where processors are busy.
pub(crate) async fn deal(listener: TcpListener, to: Vec<mpsc::Sender<Undealt>>) {
    let go_on = async {
        for taker in to.iter().cycle() {
            let come = listener.accept().await;
            let failed = come.is_err();
            let undealt = come.and_then(|(stream, _)| stream.into_std());
            // Who ends takes no more: whoever came is turned away.
            let _ = taker.send(undealt).await;
            if failed {
                sleep(PAUSE).await;
            }
        }
    };
    tokio::select! {
        () = go_on => {}
        _ = join_all(to.iter().map(mpsc::Sender::closed)) => {}
    }
}
