//! What only a connection can tell: whether a gateway passes an SNI on, and who answers behind it.
//!
//! A client without a certificate gets to see the server's, and no more: servers of a mesh end the connection then.

use std::fmt;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::thread;

use jiff::Timestamp;
use mesh_model::mesh::Certificate;
use mesh_plan::trace::Handshake;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::decode::certificate;
use crate::limits::{CONNECT_TIMEOUT, PROBES_AT_ONCE, REQUEST_TIMEOUT};

/// The ALPN by which Istio's proxies ask gateways to pass on.
const ISTIO: &[u8] = b"istio";

/// Whom to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `host:port`.
    pub address: String,
    /// The SNI.
    pub sni: String,
    /// The roots that the client trusts.
    pub roots: Vec<Arc<Certificate>>,
}

/// Asks each target for its certificate, some at once, at the time `now`.
pub fn probe(targets: &[Target], now: Timestamp) -> Vec<Handshake> {
    let mut answers = Vec::with_capacity(targets.len());
    for some in targets.chunks(PROBES_AT_ONCE) {
        answers.extend(thread::scope(|scope| {
            let asked: Vec<_> = some.iter().map(|target| scope.spawn(move || ask(target, now))).collect();
            let joined =
                asked.into_iter().map(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            joined.collect::<Vec<_>>()
        }));
    }
    answers
}

fn ask(target: &Target, now: Timestamp) -> Handshake {
    let mut socket = match connect(&target.address) {
        Ok(socket) => socket,
        Err(error) => return Handshake::Unreached(error.to_string()),
    };
    let chain = match handshake(&mut socket, &target.sni) {
        Ok(chain) => chain,
        Err(why) => return Handshake::Reset(why),
    };
    let Some(first) = chain.first() else { return Handshake::Reset("no certificate was shown".to_owned()) };
    match certificate::read(first) {
        Ok(leaf) => {
            // Without any root nothing is known of trust.
            let distrust = vouch(&chain, &target.roots, now).err().filter(|_| !target.roots.is_empty());
            Handshake::Shown { leaf: Box::new(leaf), distrust }
        }
        Err(why) => Handshake::Reset(format!("a certificate was shown that cannot be read: {why}")),
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for one in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&one, CONNECT_TIMEOUT) {
            Ok(socket) => {
                socket.set_read_timeout(Some(REQUEST_TIMEOUT))?;
                socket.set_write_timeout(Some(REQUEST_TIMEOUT))?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The chain that is shown, the server's own certificate first.
fn handshake(socket: &mut TcpStream, sni: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Onlooker(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![ISTIO.to_vec()];
    let name = ServerName::try_from(sni.to_owned()).map_err(|_| format!("{sni:?} is no server name"))?;
    let mut session = ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())?;
    while session.is_handshaking() {
        if let Err(error) = session.complete_io(socket) {
            // A server that wants a certificate may end it as soon as it has shown its own.
            if session.peer_certificates().is_none() {
                return Err(error.to_string());
            }
            break;
        }
    }
    let chain = session.peer_certificates().unwrap_or_default();
    Ok(chain.iter().map(|certificate| certificate.clone().into_owned()).collect())
}

/// Whether one of the roots vouches for a chain.
pub(crate) fn vouch(chain: &[CertificateDer<'_>], roots: &[Arc<Certificate>], now: Timestamp) -> Result<(), String> {
    let Some((first, rest)) = chain.split_first() else { return Err("no certificate was shown".to_owned()) };
    let ders: Vec<CertificateDer<'_>> = roots.iter().map(|root| CertificateDer::from(&*root.der)).collect();
    let anchors: Vec<_> = ders.iter().filter_map(|der| anchor_from_trusted_cert(der).ok()).collect();
    let leaf = EndEntityCert::try_from(first).map_err(|error| error.to_string())?;
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
    leaf.verify_for_usage(algorithms, &anchors, rest, time, KeyUsage::server_auth(), None, None)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// Takes every certificate, since it only looks; but the server must hold its key.
struct Onlooker(Arc<CryptoProvider>);

impl fmt::Debug for Onlooker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Onlooker")
    }
}

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
