//! A certificate authority of one cluster, its server's certificate, and the keys that sign service account tokens. All are
//! made anew for each run.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// The files that kube-apiserver wants.
pub(super) struct Certificates {
    /// Of the authority.
    pub(super) ca_pem: String,
    /// The same, in DER.
    pub(super) ca_der: Vec<u8>,
    /// Of the server.
    pub(super) certificate: PathBuf,
    /// Of the server.
    pub(super) key: PathBuf,
    /// Checks service account tokens.
    pub(super) tokens_public: PathBuf,
    /// Signs service account tokens.
    pub(super) tokens_private: PathBuf,
}

impl Certificates {
    /// Makes them for a server on the loopback address.
    pub(super) fn make(cluster: &str, folder: &Path) -> Self {
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            fs::write(&path, text).expect("a file of our own");
            path
        };
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, format!("{cluster} CA"));
        let authority_key = KeyPair::generate().expect("a key");
        let ca = authority.self_signed(&authority_key).expect("valid parameters");
        let issuer = Issuer::new(authority, authority_key);

        let mut server = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).expect("valid names");
        server.distinguished_name.push(DnType::CommonName, format!("{cluster} API server"));
        let server_key = KeyPair::generate().expect("a key");
        let certificate = server.signed_by(&server_key, &issuer).expect("valid parameters");
        let tokens = KeyPair::generate().expect("a key");
        Self {
            ca_pem: ca.pem(),
            ca_der: ca.der().to_vec(),
            certificate: write("server.crt", certificate.pem()),
            key: write("server.key", server_key.serialize_pem()),
            tokens_public: write("tokens.pub", tokens.public_key_pem()),
            tokens_private: write("tokens.key", tokens.serialize_pem()),
        }
    }
}
