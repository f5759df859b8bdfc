//! How a name leaves its owner: by release or transfer, never by a deletion.
//!
//! Both make a record of the next epoch for the cluster they are done in to have as its own. It wins over every record of
//! the old owner, also over those that some sync, backup or unreachable cluster brings back later.

use std::sync::Arc;

use jiff::Timestamp;
use thiserror::Error;

use super::{Claim, Phase, Place, raised};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    /// An owner, for itself.
    Owner(&'a str),
    /// Somebody who may do it for any owner.
    Admin,
}

/// Why a name cannot be released or transferred.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClaimError {
    /// It was released already.
    #[error("{host} is held by nobody: {owner} released it; claim it instead")]
    NotHeld {
        /// The base host.
        host: Arc<str>,
        /// Who held it last.
        owner: Arc<str>,
    },
    /// Another owner holds it.
    #[error("{host} is held by {owner} since {since} (cluster {cluster}); ask them to transfer it")]
    HeldByAnother {
        /// The base host.
        host: Arc<str>,
        /// Who holds it.
        owner: Arc<str>,
        /// UID of the cluster that it was claimed in.
        cluster: Arc<str>,
        /// Since when.
        since: Timestamp,
    },
    /// It is to go to whoever holds it already.
    #[error("{host} is held by {owner} already; nothing to do")]
    SameOwner {
        /// The base host.
        host: Arc<str>,
        /// Who holds it.
        owner: Arc<str>,
    },
    /// Its epoch cannot be raised: only a record written by hand gets there.
    #[error("{host} has epoch {epoch}, the last one; correct the record by hand in every cluster")]
    LastEpoch {
        /// The base host.
        host: Arc<str>,
        /// Its epoch.
        epoch: u64,
    },
}

/// The tombstone of a name that is given up. `held` is the claim that counts.
pub fn release(held: &Claim, by: By<'_>, at: &Place) -> Result<Claim, ClaimError> {
    next(held, by, at).map(|next| Claim { phase: Phase::Released, ..next })
}

/// The claim of the owner `to` that a name is handed to. `held` is the claim that counts.
///
/// The further owners were let in by the old owner, and the new one has promised them nothing: they are dropped. Their
/// live endpoints stay, as those of everybody who loses a name.
pub fn transfer(held: &Claim, to: &Arc<str>, by: By<'_>, at: &Place) -> Result<Claim, ClaimError> {
    let next = next(held, by, at)?;
    if held.owner == *to {
        return Err(ClaimError::SameOwner { host: held.host.clone(), owner: to.clone() });
    }
    Ok(Claim { owner: to.clone(), ..next })
}

/// The claim of the same owner that lets the namespaces of `also_owners` serve the name too. `held` is the claim that
/// counts.
///
/// A record of the next epoch, so that the old one does not come back: two that differ in nothing else are equally strong.
pub fn admit(held: &Claim, also_owners: &[Arc<str>], by: By<'_>, at: &Place) -> Result<Claim, ClaimError> {
    next(held, by, at).map(|next| Claim { also_owners: also_owners.to_vec(), ..next })
}

/// What all have in common: the record of the next epoch, not confirmed yet.
fn next(held: &Claim, by: By<'_>, at: &Place) -> Result<Claim, ClaimError> {
    let (host, owner) = (held.host.clone(), held.owner.clone());
    if held.phase == Phase::Released {
        return Err(ClaimError::NotHeld { host, owner });
    }
    if let By::Owner(asking) = by
        && *asking != *owner
    {
        return Err(ClaimError::HeldByAnother {
            host,
            owner,
            cluster: held.claimed_in.clone(),
            since: held.claimed_at,
        });
    }
    let epoch = raised(held.epoch).ok_or(ClaimError::LastEpoch { host, epoch: held.epoch })?;
    Ok(Claim {
        epoch,
        also_owners: vec![],
        claimed_at: at.now,
        confirmed_at: None,
        claimed_in: at.cluster.clone(),
        ..held.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::super::arb::{bound, place, record};
    use super::super::merge;
    use super::*;
    use crate::limits::MAX_EPOCH;

    fn held() -> Claim {
        Claim { also_owners: vec!["cart".into()], ..record("shop", 3, Phase::Bound, 1, Some(2), "u1") }
    }

    #[test]
    fn a_release_leaves_a_tombstone_that_wins() {
        for by in [By::Owner("shop"), By::Admin] {
            let released = release(&held(), by, &place("u2", 9)).unwrap();
            assert_eq!(released, record("shop", 4, Phase::Released, 9, None, "u2"));
            assert_eq!(merge(&held(), &released), &released);
        }
    }

    #[test]
    fn a_transfer_wins_and_drops_further_owners_and_confirmation() {
        let transferred = transfer(&held(), &"pay".into(), By::Owner("shop"), &place("u2", 9)).unwrap();
        assert_eq!(transferred, record("pay", 4, Phase::Bound, 9, None, "u2"));
        assert_eq!(merge(&held(), &transferred), &transferred);
    }

    #[test]
    fn nobody_gives_away_what_is_anothers() {
        for other in ["pay", "cart"] {
            let error = release(&held(), By::Owner(other), &place("u2", 9)).unwrap_err();
            assert_eq!(
                error.to_string(),
                "stage.a.global is held by shop since 1970-01-01T00:00:01Z (cluster u1); ask them to transfer it"
            );
            assert_eq!(transfer(&held(), &other.into(), By::Owner(other), &place("u2", 9)).unwrap_err(), error);
        }
    }

    #[test]
    fn what_nobody_holds_cannot_be_given_up() {
        let tombstone = release(&held(), By::Admin, &place("u2", 9)).unwrap();
        let error = ClaimError::NotHeld { host: "stage.a.global".into(), owner: "shop".into() };
        assert_eq!(release(&tombstone, By::Admin, &place("u2", 9)), Err(error.clone()));
        assert_eq!(transfer(&tombstone, &"pay".into(), By::Admin, &place("u2", 9)), Err(error));
    }

    #[test]
    fn a_transfer_to_the_holder_and_an_epoch_past_the_last_are_errors() {
        let same = transfer(&held(), &"shop".into(), By::Admin, &place("u2", 9)).unwrap_err();
        assert!(matches!(same, ClaimError::SameOwner { .. }));
        let last = Claim { epoch: MAX_EPOCH, ..bound("shop", 1, "u1") };
        let error = release(&last, By::Admin, &place("u2", 9)).unwrap_err();
        assert_eq!(error, ClaimError::LastEpoch { host: last.host, epoch: MAX_EPOCH });
    }
}
