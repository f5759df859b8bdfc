//! A connection over TLS for whatever a test wants to send, and when.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::io::AsyncWriteExt as _;
use tokio::net;

use crate::runtime::runtime;

/// How servers are verified whose certificates are from these CAs alone. No session is taken up again, so that every connection
/// sees a certificate.
///
/// # Panics
/// If the CAs do not read.
pub fn trusting(ca_pem: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for ca in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(ca.expect("the CA is PEM")).expect("the CA is a certificate");
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("the provider speaks the default versions");
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    config
}

/// Connects to a server whose certificate is from one of these CAs; nothing is read for longer than `patience`.
///
/// # Panics
/// If the CAs do not read, or nobody listens.
pub fn connect(address: SocketAddr, ca_pem: &str, patience: Duration) -> impl Read + Write {
    let config = Arc::new(trusting(ca_pem));
    let session = ClientConnection::new(config, ServerName::from(address.ip())).expect("a sound configuration");
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(patience)).expect("a patience of more than nothing");
    StreamOwned::new(session, stream)
}

/// Connects, sends this, and resets the connection.
///
/// # Errors
/// If it does not get so far.
pub fn reset_after(address: SocketAddr, sent: &[u8]) -> io::Result<()> {
    runtime().block_on(async {
        let mut stream = net::TcpStream::connect(address).await?;
        stream.write_all(sent).await?;
        stream.set_zero_linger()
    })
}
