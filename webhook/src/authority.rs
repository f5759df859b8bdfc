//! The authority that webhooks share where they see to their certificates themselves: in a Secret, made once by whichever is
//! first. Each signs a short certificate of its own with it, which is nowhere but in its memory.
//!
//! A new authority takes over in three steps, so that at no time a certificate is shown that somebody cannot verify: it is
//! put beside the old one; both are told to the webhook configurations; then it signs, and the old one stays told.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::certificates::{self, Pair, validity};

/// How long an authority counts; at two thirds of it a new one is made.
const AUTHORITY_DAYS: u64 = 365;
/// How long a certificate counts; at half of it a new one is made.
const LEAF_DAYS: u64 = 7;
/// Clocks may differ by so much.
const SKEW: Duration = Duration::from_mins(10);

/// What is in the Secret.
const CURRENT: Keys = Keys { certificate: "ca.crt", key: "ca.key" };
const NEXT: Keys = Keys { certificate: "next.crt", key: "next.key" };
const OLD: &str = "old.crt";

struct Keys {
    certificate: &'static str,
    key: &'static str,
}

/// The data of the Secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Authority(BTreeMap<String, String>);

impl Authority {
    /// A new one.
    pub(crate) fn new(now: Timestamp) -> Result<Self, rcgen::Error> {
        let mut authority = Self(BTreeMap::new());
        authority.put(&CURRENT, now)?;
        Ok(authority)
    }

    /// As a Secret has it; none where it has none that can be used.
    pub(crate) fn of(secret: &Secret) -> Option<Self> {
        let data = secret.data.clone().unwrap_or_default();
        let texts = data.into_iter().map(|(key, ByteString(bytes))| Some((key, String::from_utf8(bytes).ok()?)));
        let authority = Self(texts.collect::<Option<_>>()?);
        authority.issuer().is_some().then_some(authority)
    }

    /// As it goes into a Secret.
    pub(crate) fn data(&self) -> BTreeMap<String, ByteString> {
        self.0.iter().map(|(key, text)| (key.clone(), ByteString(text.clone().into_bytes()))).collect()
    }

    /// What configurations are told: all that certificates may be signed by, now or soon.
    pub(crate) fn bundle(&self) -> String {
        [CURRENT.certificate, NEXT.certificate, OLD].into_iter().filter_map(|key| self.0.get(key)).cloned().collect()
    }

    /// What signs now.
    pub(crate) fn current(&self) -> &str {
        self.0.get(CURRENT.certificate).map_or("", String::as_str)
    }

    /// Whether one is there that takes over when it is known.
    pub(crate) fn has_next(&self) -> bool {
        self.0.contains_key(NEXT.certificate)
    }

    /// The same with a new authority beside the current one, if it is time for that.
    pub(crate) fn with_next(&self, now: Timestamp) -> Result<Option<Self>, rcgen::Error> {
        if self.has_next() || !is_worn(self.current(), now, (2, 3)) {
            return Ok(None);
        }
        let mut next = self.clone();
        next.put(&NEXT, now)?;
        Ok(Some(next))
    }

    /// The same once the new authority signs, and the one before stays told.
    pub(crate) fn promoted(&self) -> Option<Self> {
        let mut promoted = self.clone();
        let (certificate, key) = (promoted.0.remove(NEXT.certificate)?, promoted.0.remove(NEXT.key)?);
        let before = promoted.0.insert(CURRENT.certificate.to_owned(), certificate)?;
        promoted.0.insert(CURRENT.key.to_owned(), key);
        promoted.0.insert(OLD.to_owned(), before);
        Some(promoted)
    }

    /// A certificate for these names.
    pub(crate) fn sign(&self, names: &[String], now: Timestamp) -> Result<Pair, String> {
        let problem = |error: rcgen::Error| error.to_string();
        let issuer = self.issuer().ok_or("the authority does not read")?;
        let mut params = CertificateParams::new(names).map_err(problem)?;
        params.distinguished_name.push(DnType::CommonName, names.first().cloned().unwrap_or_default());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        count(&mut params, now, LEAF_DAYS);
        let key = KeyPair::generate().map_err(problem)?;
        let leaf = params.signed_by(&key, &issuer).map_err(problem)?;
        let pair = certificates::pair(leaf.pem().as_bytes(), key.serialize_pem().as_bytes(), now);
        pair.map_err(|error| error.to_string())
    }

    fn issuer(&self) -> Option<Issuer<'static, KeyPair>> {
        let key = KeyPair::from_pem(self.0.get(CURRENT.key)?).ok()?;
        Issuer::from_ca_cert_pem(self.current(), key).ok()
    }

    fn put(&mut self, keys: &Keys, now: Timestamp) -> Result<(), rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        // Its own name each time: who verifies looks for an issuer by name.
        params.distinguished_name.push(DnType::CommonName, format!("mesh-webhook {}", now.as_second()));
        count(&mut params, now, AUTHORITY_DAYS);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        self.0.insert(keys.certificate.to_owned(), authority.pem());
        self.0.insert(keys.key.to_owned(), authority.key().serialize_pem());
        Ok(())
    }
}

/// Whether so much of a certificate's time is over, or it does not read.
fn is_worn(pem: &str, now: Timestamp, (part, of): (i64, i64)) -> bool {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok();
    let Some((from, to)) = der.and_then(|der| validity(&der)) else { return true };
    (now.as_second() - from.as_second()) * of >= (to.as_second() - from.as_second()) * part
}

/// Whether a certificate that ends then is due for a new one.
pub(crate) fn is_leaf_worn(ends: Timestamp, now: Timestamp) -> bool {
    let left = Duration::from_secs(u64::try_from(ends.as_second() - now.as_second()).unwrap_or_default());
    left < Duration::from_hours(24 * LEAF_DAYS) / 2
}

/// Lets a certificate count from now on, for so many days.
fn count(params: &mut CertificateParams, now: Timestamp, days: u64) {
    let now = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default());
    let at = |since: Duration| date_time_ymd(1970, 1, 1) + since;
    (params.not_before, params.not_after) = (at(now.saturating_sub(SKEW)), at(now + Duration::from_hours(24 * days)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + day * 86_400).unwrap()
    }

    #[test]
    fn it_signs_certificates_that_its_bundle_vouches_for() {
        let authority = Authority::new(at(0)).unwrap();
        let pair = authority.sign(&["web.ns.svc".to_owned()], at(0)).unwrap();
        assert!(!is_leaf_worn(pair.ends, at(3)) && is_leaf_worn(pair.ends, at(4)));
        assert_eq!(authority.bundle(), authority.current());
        let secret = Secret { data: Some(authority.data()), ..Secret::default() };
        assert!(Authority::of(&secret) == Some(authority));
    }

    #[test]
    fn a_new_one_is_told_before_it_signs_and_the_old_one_stays_told() {
        let first = Authority::new(at(0)).unwrap();
        assert!(first.with_next(at(243)).unwrap().is_none());
        assert!(first.promoted().is_none());
        let both = first.with_next(at(244)).unwrap().unwrap();
        assert_eq!(both.current(), first.current(), "the first one signs until the next is known");
        assert!(both.with_next(at(300)).unwrap().is_none());
        let second = both.promoted().unwrap();
        assert_ne!(second.current(), first.current());
        assert!(second.bundle().contains(first.current()) && second.bundle().contains(second.current()));
        assert!(both.bundle().contains(second.current()), "it was told before");
        let third = second.with_next(at(600)).unwrap().unwrap().promoted().unwrap();
        assert!(!third.bundle().contains(first.current()), "nobody shows a certificate of it any more");
    }

    #[test]
    fn what_does_not_read_is_none() {
        for data in [BTreeMap::new(), BTreeMap::from([("ca.crt".to_owned(), ByteString(vec![0xff]))])] {
            assert!(Authority::of(&Secret { data: Some(data), ..Secret::default() }).is_none());
        }
    }
}
