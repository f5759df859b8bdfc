//! What a fleet of the model is at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::shared::Shared;
use crate::claim::arb::Members;
use crate::claim::sync::Merge;
use crate::claim::{Claim, ClaimSet, MemberClaims, MemberWrites, OwnClaim, Stored};

/// The one name that everything is about.
pub(super) const HOST: &str = "stage.a.global";
/// Who wants it.
pub(super) const OWNERS: [&str; 2] = ["shop", "pay"];
/// UIDs of the clusters.
pub(super) const UIDS: [&str; 3] = ["u1", "u2", "u3"];

/// The fleet, and what has happened to it as far as a property asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) nodes: Vec<Node>,
    /// Decided, not written yet. Sorted: the order in which it was decided does not matter.
    pub(super) flight: Vec<Shared<Write>>,
    /// A member as a sync has read it that has not read the others yet.
    pub(super) read: Option<(usize, Shared<Records>)>,
    /// A backup that one cluster can be restored from.
    pub(super) backup: Option<(usize, Node)>,
    /// How often somebody decided to make a record: also the time.
    pub(super) decisions: u8,
    pub(super) restores: u8,
    /// Every release and transfer that was written.
    pub(super) handovers: Vec<Shared<Handover>>,
    /// Whether an endpoint that was live was taken away.
    pub(super) was_cut_off: bool,
}

/// One cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Node {
    pub(super) records: Shared<Records>,
    /// Which of [`OWNERS`] have live endpoints.
    pub(super) live: [bool; 2],
    /// Which of the handovers it has had a record of.
    pub(super) knew: Vec<usize>,
    /// The highest epoch in which the claim that counts here was a confirmed one; 0 before.
    pub(super) confirmed: u64,
}

/// The records of one cluster.
#[derive(Debug, Clone, Default, Hash)]
pub(super) struct Records {
    pub(super) claims: MemberClaims,
    /// The one that counts.
    pub(super) view: Option<Claim>,
}

/// A release or transfer: the claim it was about, and its record if it left one.
#[derive(Debug, Hash)]
pub(super) struct Handover {
    pub(super) left: Claim,
    pub(super) by: Option<Claim>,
}

/// A write under way.
#[derive(Debug, Hash)]
pub(super) struct Write {
    pub(super) node: usize,
    pub(super) what: What,
    /// The claim that is released or transferred by it.
    pub(super) leaves: Option<Claim>,
}

/// What is written.
#[derive(Debug, Hash)]
pub(super) enum What {
    /// A record of the cluster's own, or none any more, which only a broken rule wants.
    Own { replaces: Option<Arc<str>>, claim: Option<Claim> },
    /// A set of another's records.
    Set { of: Arc<str>, name: Arc<str>, replaces: Option<Arc<str>>, entries: Vec<Claim> },
}

impl Records {
    pub(super) fn new(claims: MemberClaims, merge: Merge) -> Shared<Self> {
        let view = claims.records(&HOST.into()).reduce(merge).cloned();
        Shared::new(Self { claims, view })
    }

    pub(super) fn all(&self) -> Vec<&Claim> {
        self.claims.records(&HOST.into()).collect()
    }

    pub(super) fn has(&self, claim: &Claim) -> bool {
        self.all().into_iter().any(|record| record.is_same_grant(claim))
    }

    pub(super) fn own(&self) -> Option<&OwnClaim> {
        self.claims.own.get(HOST)
    }
}

impl What {
    /// Whether what the write was based on is still there.
    pub(super) fn is_up_to_date(&self, claims: &MemberClaims) -> bool {
        match self {
            Self::Own { replaces, .. } => claims.own.get(HOST).map(|own| &own.stored.version) == replaces.as_ref(),
            Self::Set { of, name, replaces, .. } => {
                let there = claims.sets.get(of).and_then(|sets| sets.get(name));
                there.map(|set| &set.stored.version) == replaces.as_ref()
            }
        }
    }

    pub(super) fn put(&self, claims: &mut MemberClaims) {
        match self {
            Self::Own { claim: None, .. } => {
                claims.own.remove(HOST);
            }
            Self::Own { claim: Some(claim), .. } => {
                let stored = stored(std::slice::from_ref(claim));
                claims.own.insert(HOST.into(), OwnClaim { stored, claim: claim.clone() });
            }
            Self::Set { of, name, entries, .. } => {
                let set = ClaimSet { stored: stored(entries), entries: entries.clone() };
                claims.sets.entry(of.clone()).or_default().insert(name.clone(), set);
            }
        }
    }
}

/// Everything that a sync wants to write.
pub(super) fn writes(decided: BTreeMap<Arc<str>, MemberWrites>) -> Vec<Shared<Write>> {
    let mut writes = Vec::new();
    for (uid, decided) in decided {
        let node = UIDS.iter().position(|known| **known == *uid).expect("only members are written");
        let own = decided
            .own
            .into_iter()
            .map(|own| What::Own { replaces: own.replaces.map(|own| own.stored.version), claim: Some(own.claim) });
        let sets = decided.sets.into_iter().map(|set| What::Set {
            of: set.of,
            name: set.name,
            replaces: set.replaces.map(|set| set.stored.version),
            entries: set.entries,
        });
        writes.extend(own.chain(sets).map(|what| Shared::new(Write { node, what, leaves: None })));
    }
    writes
}

/// The members as a sync knows them that has read some.
pub(super) fn members(read: &[Option<Shared<Records>>]) -> Members {
    let claims = read.iter().map(|records| records.as_ref().map(|records| records.claims.clone()));
    UIDS.into_iter().map(Arc::from).zip(claims).collect()
}

/// Records have the same version when they are the same, so that more writes find what they want than in a real cluster,
/// where a version never comes back.
fn stored(claims: &[Claim]) -> Stored {
    let texts = claims.iter().map(|Claim { owner, epoch, phase, claimed_at, confirmed_at, claimed_in, .. }| {
        let confirmed = confirmed_at.is_some();
        format!("{owner} {epoch} {phase:?} {} {confirmed} {claimed_in}", claimed_at.as_second())
    });
    Stored { version: texts.collect::<Vec<_>>().join(",").into(), ..Stored::default() }
}
