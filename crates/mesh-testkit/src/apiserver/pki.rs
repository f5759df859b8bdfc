//! Certificates, made when a process first asks: a CA that clients trust, and what goes wrong with certificates.

use std::sync::{Arc, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

/// How TLS calls HTTP/2.
pub(crate) const HTTP2: &[u8] = b"h2";

/// The PEM of the CA that signs every good server of this process.
pub(crate) fn ca_pem() -> String {
    trusted().pem()
}

/// Speaks TLS with a good certificate. One key for all servers: making one takes longer than starting a server.
pub(crate) fn good() -> TlsAcceptor {
    static GOOD: OnceLock<TlsAcceptor> = OnceLock::new();
    GOOD.get_or_init(|| acceptor(trusted(), &leaf())).clone()
}

/// Speaks TLS with a certificate of the right CA that ended years ago.
pub(crate) fn expired() -> TlsAcceptor {
    static EXPIRED: OnceLock<TlsAcceptor> = OnceLock::new();
    EXPIRED
        .get_or_init(|| {
            let mut leaf = leaf();
            leaf.not_before = rcgen::date_time_ymd(2001, 1, 1);
            leaf.not_after = rcgen::date_time_ymd(2002, 1, 1);
            acceptor(trusted(), &leaf)
        })
        .clone()
}

/// Speaks TLS with a certificate of a CA of the same name that nobody was told of.
pub(crate) fn of_a_strange_ca() -> TlsAcceptor {
    static STRANGE: OnceLock<TlsAcceptor> = OnceLock::new();
    STRANGE.get_or_init(|| acceptor(&ca(), &leaf())).clone()
}

type Ca = CertifiedIssuer<'static, KeyPair>;

fn trusted() -> &'static Ca {
    static CA: OnceLock<Ca> = OnceLock::new();
    CA.get_or_init(ca)
}

fn ca() -> Ca {
    let mut params = CertificateParams::new(Vec::new()).expect("no names are valid names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "kubernetes");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ca::self_signed(params, key()).expect("a CA signs itself")
}

fn leaf() -> CertificateParams {
    let names = ["127.0.0.1", "localhost", "kubernetes", "kubernetes.default.svc"];
    let mut params = CertificateParams::new(names.map(str::to_owned).to_vec()).expect("these are valid names");
    params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    params.use_authority_key_identifier_extension = true;
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the machine has randomness")
}

fn acceptor(ca: &Ca, leaf: &CertificateParams) -> TlsAcceptor {
    let key = key();
    let certificate = leaf.signed_by(&key, ca).expect("our CA signs");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("rcgen writes PKCS#8");
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider speaks the default versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("the certificate belongs to the key");
    config.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
