//! The claim writer: what a cluster records for a workload that was persisted in it (create-once).

use std::sync::Arc;

use jiff::Timestamp;

use super::{Claim, Phase, raised};

/// A name that a workload uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The base host.
    pub host: Arc<str>,
    /// Owner of the workload's namespace.
    pub owner: Arc<str>,
    /// The identity.
    pub identity: Arc<str>,
    /// The env.
    pub env: Arc<str>,
}

/// Where and when a record is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// UID of the cluster that will have the record as its own.
    pub cluster: Arc<str>,
    /// The time there.
    pub now: Timestamp,
}

/// The claim to record for `wish` as the cluster's own, given the claim that counts there; none where the name is held,
/// by whomever.
///
/// A claim that holds is never changed. What the new one takes the place of, if the cluster has a record of its own, has
/// been superseded: a tombstone, or what lost to one. At the last epoch a released name cannot be claimed again.
pub fn claim(view: Option<&Claim>, wish: &Wish, at: &Place) -> Option<Claim> {
    let epoch = match view {
        None => 1,
        Some(Claim { phase: Phase::Released, epoch, .. }) => raised(*epoch)?,
        Some(Claim { phase: Phase::Bound, .. }) => return None,
    };
    Some(Claim {
        host: wish.host.clone(),
        owner: wish.owner.clone(),
        also_owners: vec![],
        identity: wish.identity.clone(),
        env: wish.env.clone(),
        epoch,
        phase: Phase::Bound,
        claimed_at: at.now,
        confirmed_at: None,
        claimed_in: at.cluster.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::arb::{bound, place, record, wish};
    use super::*;
    use crate::limits::MAX_EPOCH;

    #[test]
    fn a_name_that_nobody_holds_is_claimed() {
        let claimed = claim(None, &wish("shop"), &place("u1", 5)).unwrap();
        assert_eq!(claimed, record("shop", 1, Phase::Bound, 5, None, "u1"));
    }

    #[test]
    fn a_name_that_is_held_is_left_alone_whoever_holds_it() {
        for owner in ["shop", "pay"] {
            assert_eq!(claim(Some(&bound(owner, 1, "u2")), &wish("shop"), &place("u1", 5)), None);
        }
    }

    #[test]
    fn a_claim_after_a_tombstone_is_stronger_than_it() {
        let tombstone = record("pay", 4, Phase::Released, 3, None, "u2");
        let claimed = claim(Some(&tombstone), &wish("shop"), &place("u1", 5)).unwrap();
        assert_eq!(claimed, record("shop", 5, Phase::Bound, 5, None, "u1"));
        assert_eq!(super::super::merge(&tombstone, &claimed), &claimed);
        let last = Claim { epoch: MAX_EPOCH, ..tombstone };
        assert_eq!(claim(Some(&last), &wish("shop"), &place("u1", 5)), None);
    }
}
