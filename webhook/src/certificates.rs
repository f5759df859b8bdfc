//! The certificate by which the webhook is known, swapped whole while connections go on. A pair that is torn, expired or does
//! not belong together changes nothing.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::Timestamp;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, crypto::CryptoProvider};
use thiserror::Error;
use x509_parser::parse_x509_certificate;

use crate::metrics::Metrics;

/// The files, as Kubernetes names them in a Secret of a certificate.
pub(crate) const CERTIFICATE: &str = "tls.crt";
pub(crate) const KEY: &str = "tls.key";
/// The longest chain that is told of, in bytes: it goes into a ConfigMap.
const MAX_SHOWN: usize = 32 << 10;
/// Length of a line of PEM.
const PEM_LINE: usize = 64;

/// Why a pair is not used.
#[derive(Debug, Error)]
pub(crate) enum BadPair {
    /// A file cannot be read.
    #[error("{file} cannot be read: {problem}")]
    Unreadable {
        /// Its name.
        file: &'static str,
        /// Why.
        problem: String,
    },
    /// What is in a file is not what it should be. The problem tells nothing of a key.
    #[error("{file} {problem}")]
    NotOne {
        /// Its name.
        file: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// The certificate has ended, or has not begun.
    #[error("the certificate counts from {from} to {to} only")]
    OutOfDate {
        /// Its first second.
        from: Timestamp,
        /// Its last second.
        to: Timestamp,
    },
    /// Key and certificate do not belong together.
    #[error("the key is not that of the certificate")]
    Strangers,
}

/// The certificate that new connections see.
#[derive(Default)]
pub(crate) struct Certificates(ArcSwapOption<CertifiedKey>);

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}

/// A certificate with its key, and when it ends.
pub(crate) struct Pair {
    key: CertifiedKey,
    pub(crate) ends: Timestamp,
}

impl Certificates {
    /// New connections see this one.
    pub(crate) fn use_from_now(&self, pair: Pair, metrics: &Metrics) {
        tracing::info!(ends = %pair.ends, "a certificate was taken up");
        metrics.not_after.set(pair.ends.as_second());
        self.0.store(Some(Arc::new(pair.key)));
    }
}

impl Certificates {
    /// What new connections see, in PEM; none before there is any, or where it is too long to be passed on.
    pub(crate) fn shown(&self) -> Option<String> {
        let chain = &self.0.load_full()?.cert;
        let pem: String = chain.iter().map(|one| pem("CERTIFICATE", one)).collect();
        (pem.len() <= MAX_SHOWN).then_some(pem)
    }
}

/// PEM (RFC 7468) of something in DER.
fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines = text.as_bytes().chunks(PEM_LINE).map(|line| str::from_utf8(line).expect("base64 is ASCII"));
    let body: String = lines.flat_map(|line| [line, "\n"]).collect();
    format!("-----BEGIN {label}-----\n{body}-----END {label}-----\n")
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}

/// How TLS is spoken: 1.2 and 1.3, HTTP/2 and HTTP/1.1.
pub(crate) fn config(certificates: Arc<Certificates>) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.expect("the provider knows both versions").with_no_client_auth();
    let mut config = builder.with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// When a certificate in DER begins and ends.
pub(crate) fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (_, parsed) = parse_x509_certificate(certificate).ok()?;
    let time = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).unwrap_or_default();
    Some((time(parsed.validity().not_before), time(parsed.validity().not_after)))
}

/// A certificate with its key, both in PEM.
pub(crate) fn pair(certificate: &[u8], key: &[u8], now: Timestamp) -> Result<Pair, BadPair> {
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let not_one = |file, problem| BadPair::NotOne { file, problem };
    let chain = chain.map_err(|_| not_one(CERTIFICATE, "is not PEM"))?;
    let leaf = chain.first().ok_or(not_one(CERTIFICATE, "has no certificate"))?;
    let (from, to) = validity(leaf).ok_or(not_one(CERTIFICATE, "has no certificate of X.509"))?;
    if now < from || now >= to {
        return Err(BadPair::OutOfDate { from, to });
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| not_one(KEY, "has no private key in PEM"))?;
    let key = aws_lc_rs::sign::any_supported_type(&key).map_err(|_| not_one(KEY, "is of no kind that is known"))?;
    let key = CertifiedKey::new(chain, key);
    key.keys_match().map_err(|_| BadPair::Strangers)?;
    Ok(Pair { key, ends: to })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn now() -> Timestamp {
        "2026-06-01T00:00:00Z".parse().unwrap()
    }

    /// A certificate that counts for a year from this one on, and its key.
    fn made(year: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["web".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(year, 1, 1), date_time_ymd(year + 1, 1, 1));
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn refused(certificate: &str, key: &str) -> String {
        let pair = pair(certificate.as_bytes(), key.as_bytes(), now());
        pair.err().map(|problem| problem.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_pair_that_belongs_together_and_counts_is_taken_up() {
        let (certificate, key) = made(2026);
        let pair = pair(certificate.as_bytes(), key.as_bytes(), now()).unwrap();
        assert_eq!(pair.ends.to_string(), "2027-01-01T00:00:00Z");
    }

    #[test]
    fn no_other_is_and_no_key_is_told() {
        let ((certificate, key), (_, other_key)) = (made(2026), made(2026));
        let half = |text: &str| text[..text.len() / 2].to_owned();
        for (certificate, key, words) in [
            (certificate.clone(), other_key, "not that of the certificate"),
            (certificate.clone(), half(&key), "tls.key has no private key"),
            (certificate.clone(), String::new(), "tls.key has no private key"),
            (half(&certificate), key.clone(), "tls.crt"),
            (String::new(), key.clone(), "tls.crt has no certificate"),
            (key.clone(), key.clone(), "tls.crt has no certificate"),
            (made(2020).0, key.clone(), "2021-01-01"),
            (made(2030).0, key.clone(), "2030-01-01"),
        ] {
            let problem = refused(&certificate, &key);
            assert!(problem.contains(words), "{problem:?}: {words}");
            assert!(
                !problem.contains("PRIVATE") && !problem.contains(key.lines().nth(1).unwrap_or("none")),
                "{problem}"
            );
        }
    }
}
