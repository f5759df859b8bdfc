//! The root certificate authority of a mesh, and one between for each cluster, as istiod wants them.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// A root.
pub(super) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one.
    pub(super) fn new() -> Self {
        let parameters = parameters("root of the test mesh", BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = parameters.self_signed(&key).expect("valid parameters").pem();
        Self { pem, issuer: Issuer::new(parameters, key) }
    }

    /// Writes what istiod's `ROOT_CA_DIR` holds for a cluster. Returns the root's certificate.
    pub(super) fn write_for(&self, cluster: &str, folder: &Path) -> &str {
        let between = parameters(&format!("authority of {cluster}"), BasicConstraints::Constrained(0));
        let key = KeyPair::generate().expect("a key");
        let certificate = between.signed_by(&key, &self.issuer).expect("valid parameters").pem();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a folder of our own");
        write("ca-cert.pem", &certificate);
        write("ca-key.pem", &key.serialize_pem());
        write("cert-chain.pem", &format!("{certificate}{}", self.pem));
        write("root-cert.pem", &self.pem);
        &self.pem
    }
}

fn parameters(name: &str, constraints: BasicConstraints) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(constraints);
    parameters.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.distinguished_name.push(DnType::OrganizationName, "kubectl-mesh tests");
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters
}
