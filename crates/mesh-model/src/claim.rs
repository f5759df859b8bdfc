//! Claims: who holds a global name (`GlobalName`, `kubectl-mesh.io/v1alpha1`).

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Whether a name is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// Held by its owner.
    Bound,
    /// Given up: a tombstone that keeps the epoch.
    Released,
}

/// One cluster's record of who holds a base host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Vec<Claim> {
        let mut all = Vec::new();
        for epoch in [1, 2] {
            for phase in [Phase::Bound, Phase::Released] {
                for (at, confirmed) in [(0, false), (0, true), (9, true)] {
                    for cluster in ["u1", "u2"] {
                        all.push(Claim {
                            host: "stage.a.global".into(),
                            owner: format!("{cluster}-{at}").into(),
                            also_owners: vec![],
                            identity: "a".into(),
                            env: "stage".into(),
                            epoch,
                            phase,
                            claimed_at: Timestamp::from_second(at).unwrap(),
                            confirmed_at: confirmed.then(|| Timestamp::from_second(at + 1).unwrap()),
                            claimed_in: cluster.into(),
                        });
                    }
                }
            }
        }
        all
    }

    #[test]
    fn merge_is_commutative_associative_and_idempotent() {
        let all = claims();
        for a in &all {
            assert_eq!(merge(a, a), a);
            for b in &all {
                assert_eq!(merge(a, b), merge(b, a));
                for c in &all {
                    assert_eq!(merge(merge(a, b), c), merge(a, merge(b, c)));
                }
            }
        }
    }
}
