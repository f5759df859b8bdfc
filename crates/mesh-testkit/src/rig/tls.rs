//! A stranger at a gateway: TLS without a certificate of the mesh, to see what is shown and what is refused.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, Stream};

use super::limits::REQUEST;

/// What a stranger got to see.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The first certificate of whoever ended the TLS, in DER.
    pub certificate: Vec<u8>,
    /// What came back for a request: its bytes, or why there was no answer.
    pub answer: Result<Vec<u8>, String>,
}

impl Shown {
    /// Whether the certificate is for this SPIFFE id.
    pub fn is_of(&self, id: &str) -> bool {
        self.certificate.windows(id.len()).any(|part| part == id.as_bytes())
    }
}

/// Asks for a TLS session by this SNI, with this ALPN if any, and sends a request.
///
/// # Errors
/// If the connection ends before a certificate was shown.
pub fn knock(address: SocketAddr, sni: &str, alpn: Option<&str>) -> Result<Shown, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider speaks the default versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    config.alpn_protocols = alpn.map(|alpn| alpn.as_bytes().to_vec()).into_iter().collect();
    let name = ServerName::try_from(sni.to_owned()).expect("a host name");
    let mut session = ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())?;
    let mut socket = TcpStream::connect_timeout(&address, REQUEST).map_err(|error| error.to_string())?;
    socket.set_read_timeout(Some(REQUEST)).map_err(|error| error.to_string())?;
    while session.is_handshaking() {
        session.complete_io(&mut socket).map_err(|error| error.to_string())?;
    }
    let certificate = session.peer_certificates().and_then(<[_]>::first).expect("a server shows one").to_vec();
    let mut stream = Stream::new(&mut session, &mut socket);
    let mut answer = Vec::new();
    let answer = stream
        .write_all(format!("GET / HTTP/1.1\r\nHost: {sni}\r\nConnection: close\r\n\r\n").as_bytes())
        .and_then(|()| stream.read_to_end(&mut answer))
        .map(|_| answer)
        .map_err(|error| error.to_string());
    Ok(Shown { certificate, answer })
}

/// Whether plain HTTP gets an answer at this address: its bytes.
///
/// # Errors
/// If the connection is refused, or ends without an answer.
pub fn speak_plainly(address: SocketAddr) -> Result<Vec<u8>, String> {
    let mut socket = TcpStream::connect_timeout(&address, REQUEST).map_err(|error| error.to_string())?;
    socket.set_read_timeout(Some(REQUEST)).map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    socket
        .write_all(b"GET / HTTP/1.1\r\nHost: anybody\r\nConnection: close\r\n\r\n")
        .and_then(|()| socket.read_to_end(&mut answer))
        .map_err(|error| error.to_string())?;
    if answer.is_empty() { Err("the connection ended without an answer".to_owned()) } else { Ok(answer) }
}

/// Takes every certificate: a stranger only looks.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
