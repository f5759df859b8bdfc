//! Certificates: the roots of a bundle, and what a server shows.

use std::fmt::Display;
use std::sync::Arc;

use jiff::Timestamp;
use mesh_model::mesh::{Certificate, TrustBundle};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

use crate::limits::{MAX_CERTIFICATES, MAX_PROBLEM};
use crate::store::digest;

/// The label of a certificate in PEM (RFC 7468).
const CERTIFICATE: &str = "CERTIFICATE";

/// The roots of a bundle in PEM. Those that do not read are left out, and said to be.
pub(crate) fn bundle(text: &str) -> TrustBundle {
    let mut roots = Vec::new();
    let mut problem = None;
    let blocks = pem::parse_many(text).unwrap_or_else(|error| {
        problem = Some(format!("cannot be read as PEM: {error}"));
        Vec::new()
    });
    if blocks.len() > MAX_CERTIFICATES {
        problem = Some(format!("has more than {MAX_CERTIFICATES} certificates"));
    }
    for block in blocks.iter().filter(|block| block.tag() == CERTIFICATE).take(MAX_CERTIFICATES) {
        match read(block.contents()) {
            Ok(root) => roots.push(Arc::new(root)),
            Err(why) => problem = Some(format!("has a certificate that cannot be read: {why}")),
        }
    }
    if roots.is_empty() && problem.is_none() {
        problem = Some("has no certificate".to_owned());
    }
    roots.sort();
    roots.dedup();
    TrustBundle { roots, problem: problem.map(|text| bounded(&text)) }
}

/// A certificate in DER.
pub(crate) fn read(der: &[u8]) -> Result<Certificate, String> {
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err("something follows it".to_owned());
    }
    let not_after = Timestamp::from_second(certificate.validity().not_after.timestamp())
        .map_err(|_| "its end is out of range".to_owned())?;
    let names = certificate.subject_alternative_name().ok().flatten();
    let uris = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::URI(uri) => Some(bounded(uri)),
        _ => None,
    });
    Ok(Certificate {
        fingerprint: digest(der).into(),
        subject: named(certificate.subject()),
        issuer: named(certificate.issuer()),
        uris: uris.collect(),
        not_after,
        der: der.into(),
    })
}

fn named(name: &X509Name<'_>) -> Arc<str> {
    bounded(name)
}

fn bounded(text: &dyn Display) -> Arc<str> {
    text.to_string().chars().take(MAX_PROBLEM).collect::<String>().into()
}
