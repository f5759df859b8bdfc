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
        self.held().is_none_or(|held| held.admits(owner))
    }

    /// What it holds: what was released is free.
    pub fn held(&self) -> Option<Held<'_>> {
        let Self { host, owner, also_owners, identity, env, phase, claimed_at, claimed_in, .. } = self;
        let (claimed_at, bound) = (*claimed_at, *phase == Phase::Bound);
        bound.then_some(Held { host, owner, also_owners, identity, env, claimed_at, claimed_in })
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

/// A name that is held, by the claim that counts: looked at where that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held<'c> {
    /// Its base host, as it was claimed.
    pub host: &'c str,
    /// Who holds it.
    pub owner: &'c str,
    /// Who may serve it as well.
    pub also_owners: &'c [Arc<str>],
    /// Whose name it is.
    pub identity: &'c str,
    /// Its env.
    pub env: &'c str,
    /// Since when it is held.
    pub claimed_at: Timestamp,
    /// The UID of the cluster that it was claimed in.
    pub claimed_in: &'c str,
}

impl Held<'_> {
    /// Whether namespaces of `owner` may serve it.
    pub fn admits(&self, owner: &str) -> bool {
        self.owner == owner || self.also_owners.iter().any(|also| **also == *owner)
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
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    use super::arb::{bound, claims, record};
    use super::*;

    proptest! {
        #[test]
        fn merge_is_commutative_associative_and_idempotent(a in claims(), b in claims(), c in claims()) {
            for law in LAWS {
                prop_assert!((law.holds)(|a, b| merge(a, b).clone(), [&a, &b, &c]), "it is not {}", law.name);
            }
        }

        #[test]
        fn the_view_does_not_depend_on_the_order_of_records(
            (all, shuffled) in prop::collection::vec(claims(), 0..6)
                .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
        ) {
            prop_assert_eq!(view(&all), view(&shuffled));
        }
    }

    /// A way to make one claim of two.
    type Merged = fn(&Claim, &Claim) -> Claim;

    /// What every merge must be, by three claims.
    struct MergeLaw {
        name: &'static str,
        holds: fn(Merged, [&Claim; 3]) -> bool,
        /// Merges that are not.
        broken: &'static [(&'static str, Merged)],
    }

    const LAWS: [MergeLaw; 3] = [
        MergeLaw {
            name: "commutative",
            holds: |merge, [a, b, _]| merge(a, b) == merge(b, a),
            broken: &[
                ("the first one counts", |a, _| a.clone()),
                ("the last one counts", |_, b| b.clone()),
                ("nothing decides between equal strengths", |a, b| {
                    let strength = |claim: &Claim| (claim.epoch, claim.phase, claim.confirmed_at.is_some());
                    if strength(b) > strength(a) { b.clone() } else { a.clone() }
                }),
            ],
        },
        MergeLaw {
            name: "associative",
            holds: |merge, [a, b, c]| merge(&merge(a, b), c) == merge(a, &merge(b, c)),
            broken: &[
                ("clusters go before each other in a ring", |a, b| {
                    let ring = |claim: &Claim| claim.claimed_in.bytes().last().map_or(0, |byte| byte % 3);
                    match (ring(b) + 3 - ring(a)) % 3 {
                        0 => merge(a, b).clone(),
                        1 => b.clone(),
                        _ => a.clone(),
                    }
                }),
                ("what is confirmed counts only among equals", |a, b| match (a.confirmed_at, b.confirmed_at) {
                    (Some(_), Some(_)) => {
                        if a.claimed_at < b.claimed_at {
                            a.clone()
                        } else {
                            b.clone()
                        }
                    }
                    _ => {
                        if a.owner < b.owner {
                            a.clone()
                        } else {
                            b.clone()
                        }
                    }
                }),
            ],
        },
        MergeLaw {
            name: "idempotent",
            holds: |merge, [a, ..]| merge(a, a) == *a,
            broken: &[
                ("each merge is an epoch", |a, b| Claim { epoch: a.epoch.max(b.epoch) + 1, ..merge(a, b).clone() }),
                ("owners add up", |a, b| {
                    let also_owners = [&*a.also_owners, &*b.also_owners].concat();
                    Claim { also_owners, ..merge(a, b).clone() }
                }),
            ],
        },
    ];

    #[test]
    fn each_law_of_merge_rejects_what_is_broken_in_its_way() {
        let (mut runner, claims) = (TestRunner::deterministic(), (claims(), claims(), claims()));
        let triples: Vec<_> = (0..500).map(|_| claims.new_tree(&mut runner).unwrap().current()).collect();
        for law in LAWS {
            for (name, merge) in law.broken {
                let is_rejected = triples.iter().any(|(a, b, c)| !(law.holds)(*merge, [a, b, c]));
                assert!(is_rejected, "{name} is taken for {}", law.name);
            }
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
