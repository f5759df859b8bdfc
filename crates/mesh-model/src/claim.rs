//! Claims: who holds a global name (`GlobalName`, `kubectl-mesh.io/v1alpha1`).
//!
//! A cluster has its own record of each name that was claimed in it, and sets with the records of every other member. The
//! winner is never stored: it is what [`merge`] makes of all records on a host, and everybody asks it. Records only get
//! stronger, so that syncs may be late, lost, repeated or out of order (docs/claims.md).

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::limits::MAX_EPOCH;

pub use handover::{By, ClaimError, admit, release, transfer};
pub use sync::{ClaimSet, MemberClaims, MemberWrites, OwnClaim, OwnWrite, SetWrite, Stored, member_of_set, sync};
pub use writer::{Place, Wish, claim};

#[cfg(test)]
mod arb;
#[cfg(test)]
mod guarantee;
mod handover;
mod sync;
mod writer;

/// The group and version of claims.
pub const API_VERSION: &str = "kubectl-mesh.io/v1alpha1";

/// Whether a name is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Held by its owner.
    Bound,
    /// Given up: a tombstone that keeps the epoch.
    Released,
}

/// One cluster's record of who holds a base host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The base host.
    pub host: Arc<str>,
    /// Who holds it.
    pub owner: Arc<str>,
    /// Further owners whose namespaces may serve it.
    #[serde(default)]
    pub also_owners: Vec<Arc<str>>,
    /// The identity.
    pub identity: Arc<str>,
    /// The env.
    pub env: Arc<str>,
    /// Raised by each release and transfer.
    pub epoch: u64,
    /// Held or released.
    pub phase: Phase,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// When more than half of the active members were seen to hold it.
    #[serde(default)]
    pub confirmed_at: Option<Timestamp>,
    /// UID of the cluster that it was claimed in.
    pub claimed_in: Arc<str>,
}

impl Claim {
    /// Whether namespaces of `owner` may serve the name.
    pub fn admits(&self, owner: &str) -> bool {
        self.phase == Phase::Released || &*self.owner == owner || self.also_owners.iter().any(|also| &**also == owner)
    }

    /// Whether both are one claim, confirmed or not.
    fn is_same_grant(&self, other: &Self) -> bool {
        let unconfirmed = |claim: &Self| Self { confirmed_at: None, ..claim.clone() };
        unconfirmed(self) == unconfirmed(other)
    }

    /// How strong the claim is, strongest first: higher epoch; Released over Bound; confirmed over not; earlier; smaller
    /// cluster UID; then, so that the order is total, the smaller content.
    fn strength(&self, other: &Self) -> Ordering {
        other
            .epoch
            .cmp(&self.epoch)
            .then(other.phase.cmp(&self.phase))
            .then(other.confirmed_at.is_some().cmp(&self.confirmed_at.is_some()))
            .then(self.claimed_at.cmp(&other.claimed_at))
            .then(self.claimed_in.cmp(&other.claimed_in))
            .then_with(|| self.cmp(other))
    }
}

/// The claim that counts of two on one host: commutative, associative and idempotent.
pub fn merge<'a>(a: &'a Claim, b: &'a Claim) -> &'a Claim {
    if b.strength(a) == Ordering::Less { b } else { a }
}

/// The claim that counts on a host, of every record on it that a cluster has: its own and those in sets, in any order.
pub fn view<'a>(records: impl IntoIterator<Item = &'a Claim>) -> Option<&'a Claim> {
    records.into_iter().reduce(merge)
}

/// The name of the `GlobalName` of a host: hosts that differ in case only are one name.
pub fn record_name(host: &Arc<str>) -> Arc<str> {
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) { host.to_ascii_lowercase().into() } else { host.clone() }
}

/// The next epoch, or none where it would leave [`MAX_EPOCH`].
fn raised(epoch: u64) -> Option<u64> {
    (epoch < MAX_EPOCH).then(|| epoch + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::arb::{bound, claims, record};
    use super::*;

    proptest! {
        #[test]
        fn merge_is_commutative_associative_and_idempotent(a in claims(), b in claims(), c in claims()) {
            prop_assert_eq!(merge(&a, &a), &a);
            prop_assert_eq!(merge(&a, &b), merge(&b, &a));
            prop_assert_eq!(merge(merge(&a, &b), &c), merge(&a, merge(&b, &c)));
        }

        #[test]
        fn the_view_does_not_depend_on_the_order_of_records(
            (all, shuffled) in prop::collection::vec(claims(), 0..6)
                .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
        ) {
            prop_assert_eq!(view(&all), view(&shuffled));
        }
    }

    #[test]
    fn each_rule_of_merge_goes_before_those_below_it() {
        // Each stronger than the next.
        let ladder = [
            record("late", 3, Phase::Bound, 9, None, "u9"),
            record("late", 2, Phase::Released, 9, None, "u9"),
            record("late", 2, Phase::Bound, 9, Some(9), "u9"),
            record("early", 2, Phase::Bound, 1, None, "u9"),
            record("low", 2, Phase::Bound, 2, None, "u1"),
            record("high", 2, Phase::Bound, 2, None, "u2"),
        ];
        for (at, strong) in ladder.iter().enumerate() {
            for weak in &ladder[at + 1..] {
                assert_eq!(merge(weak, strong), strong);
            }
        }
        assert_eq!(view(&ladder), Some(&ladder[0]));
        assert_eq!(view([]), None);
    }

    #[test]
    fn a_claim_admits_its_owners_and_a_tombstone_everybody() {
        let mut claim = bound("shop", 1, "u1");
        claim.also_owners = vec!["cart".into()];
        assert!(claim.admits("shop") && claim.admits("cart") && !claim.admits("pay"));
        claim.phase = Phase::Released;
        assert!(claim.admits("pay"));
    }

    #[test]
    fn hosts_that_differ_in_case_have_one_record() {
        assert_eq!(record_name(&"Stage.Pay.global".into()), record_name(&"stage.pay.global".into()));
    }
}
