//! A connection over TLS for whatever a test wants to send, and when.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Connects to a server whose certificate is from this CA alone; nothing is read for longer than `patience`.
///
/// # Panics
/// If the CA does not read, or nobody listens.
pub fn connect(address: SocketAddr, ca_pem: &str, patience: Duration) -> impl Read + Write {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("the CA is PEM");
    roots.add(ca).expect("the CA is a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("the provider speaks the default versions");
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let session =
        ClientConnection::new(Arc::new(config), ServerName::from(address.ip())).expect("a sound configuration");
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(patience)).expect("a patience of more than nothing");
    StreamOwned::new(session, stream)
}
