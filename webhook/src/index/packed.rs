//! Claims in little room: what many of them tell is held once, and what the host tells is not held twice.

use std::sync::Arc;

use jiff::Timestamp;
use mesh_model::claim::{Claim, Held, Phase};

use super::shared::Shared;

/// A claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed {
    grant: Arc<Grant>,
    identity: Identity,
    /// The host as it is claimed, where its key is another: one in lower case.
    host: Option<Arc<str>>,
    claimed_at: Timestamp,
    confirmed_at: Option<Timestamp>,
}

/// What many claims have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Grant {
    owner: Arc<str>,
    also_owners: Vec<Arc<str>>,
    env: Arc<str>,
    claimed_in: Arc<str>,
    epoch: u64,
    phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Identity {
    /// What follows the env in the host, of so many bytes.
    InHost(u8),
    /// One that is written otherwise there.
    Apart(Arc<str>),
}

/// Grants that are held.
pub(super) type Grants = Shared<Grant>;

impl Packed {
    /// The claim, known by its host in lower case.
    pub(super) fn of(claim: Claim, key: &str, grants: &Grants) -> Self {
        let Claim { host, owner, also_owners, identity, env, epoch, phase, claimed_at, confirmed_at, claimed_in } =
            claim;
        let identity = match u8::try_from(identity.len()) {
            Ok(length) if in_host(&host, &env, length) == Some(&*identity) => Identity::InHost(length),
            _ => Identity::Apart(identity),
        };
        let grant = grants.held(Grant { owner, also_owners, env, claimed_in, epoch, phase });
        Self { grant, identity, host: (*host != *key).then_some(host), claimed_at, confirmed_at }
    }

    /// What it holds, where it was not released.
    pub(super) fn held<'c>(&'c self, key: &'c str) -> Option<Held<'c>> {
        let Grant { owner, also_owners, env, claimed_in, phase, .. } = &*self.grant;
        let (host, identity, claimed_at) = (self.host(key), self.identity(key), self.claimed_at);
        (*phase == Phase::Bound).then_some(Held { host, owner, also_owners, identity, env, claimed_at, claimed_in })
    }

    fn host<'c>(&'c self, key: &'c str) -> &'c str {
        self.host.as_deref().unwrap_or(key)
    }

    fn identity<'c>(&'c self, key: &'c str) -> &'c str {
        match &self.identity {
            Identity::InHost(length) => in_host(self.host(key), &self.grant.env, *length).unwrap_or_default(),
            Identity::Apart(identity) => identity,
        }
    }

    /// The claim as it was.
    pub(super) fn unpacked(&self, key: &str) -> Claim {
        let Grant { owner, also_owners, env, claimed_in, epoch, phase } = (*self.grant).clone();
        let (host, identity) = (self.host(key).into(), self.identity(key).into());
        let (claimed_at, confirmed_at) = (self.claimed_at, self.confirmed_at);
        Claim { host, owner, also_owners, identity, env, epoch, phase, claimed_at, confirmed_at, claimed_in }
    }
}

/// So many bytes of a host, after its env.
fn in_host<'h>(host: &'h str, env: &str, length: u8) -> Option<&'h str> {
    host.get(env.len() + 1..)?.get(..length.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(host: &str, identity: &str, env: &str) -> Claim {
        Claim {
            host: host.into(),
            owner: "team-shop".into(),
            also_owners: vec!["team-pay".into()],
            identity: identity.into(),
            env: env.into(),
            epoch: 3,
            phase: Phase::Bound,
            claimed_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            confirmed_at: "2026-01-02T00:00:00Z".parse().ok(),
            claimed_in: "uid-1".into(),
        }
    }

    #[test]
    fn a_claim_is_what_it_was() {
        let grants = Grants::default();
        let long = "x".repeat(300);
        for (host, identity, env) in [
            ("stage.checkout.global", "checkout", "stage"),
            ("stage.Checkout.global", "Checkout", "stage"),
            ("stage.checkout.global", "Checkout", "stage"),
            ("stage.checkout.global", "ä", "stage"),
            ("stage.checkout.global", "", ""),
            ("s", "checkout", "stage"),
            ("stage.checkout.global", &long, "stage"),
            ("west.stage.checkout.global", "stage.checkout", "west"),
        ] {
            let (claim, key) = (claim(host, identity, env), host.to_lowercase());
            let packed = Packed::of(claim.clone(), &key, &grants);
            assert_eq!((packed.held(&key), packed.unpacked(&key)), (claim.held(), claim.clone()));
        }
    }

    #[test]
    fn what_claims_have_in_common_is_held_once() {
        let grants = Grants::default();
        let packed = |identity: &str| {
            let host = format!("stage.{identity}.global");
            Packed::of(claim(&host, identity, "stage"), &host, &grants)
        };
        assert!(Arc::ptr_eq(&packed("one").grant, &packed("other").grant));
        assert_eq!(size_of::<Packed>(), 80);
    }
}
