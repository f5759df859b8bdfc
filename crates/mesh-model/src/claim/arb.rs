//! Claims for tests: by hand and generated.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;

use super::{Claim, ClaimSet, MemberClaims, MemberWrites, OwnClaim, Phase, Place, Stored, Wish};

pub(super) type Members = BTreeMap<Arc<str>, Option<MemberClaims>>;

pub(super) fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn record(owner: &str, epoch: u64, phase: Phase, at: i64, confirmed: Option<i64>, cluster: &str) -> Claim {
    Claim {
        host: "stage.a.global".into(),
        owner: owner.into(),
        also_owners: vec![],
        identity: "a".into(),
        env: "stage".into(),
        epoch,
        phase,
        claimed_at: time(at),
        confirmed_at: confirmed.map(time),
        claimed_in: cluster.into(),
    }
}

/// A claim of epoch 1.
pub(super) fn bound(owner: &str, at: i64, cluster: &str) -> Claim {
    record(owner, 1, Phase::Bound, at, None, cluster)
}

pub(super) fn wish(owner: &str) -> Wish {
    Wish { host: "stage.a.global".into(), owner: owner.into(), identity: "a".into(), env: "stage".into() }
}

pub(super) fn place(cluster: &str, second: i64) -> Place {
    Place { cluster: cluster.into(), now: time(second) }
}

/// Claims on one host that are equal in most fields, so that every rule of the order gets to decide.
pub(super) fn claims() -> impl Strategy<Value = Claim> {
    let owner = prop::sample::select(vec!["shop", "pay"]);
    let also = prop::collection::vec(prop::sample::select(vec!["cart", "bill"]).prop_map(Arc::from), 0..2);
    let phase = prop::sample::select(vec![Phase::Bound, Phase::Released]);
    let cluster = prop::sample::select(UIDS.to_vec());
    (owner, also, 1..3_u64, phase, 0..2_i64, prop::option::of(0..2_i64), cluster).prop_map(
        |(owner, also_owners, epoch, phase, at, confirmed, cluster)| Claim {
            also_owners,
            ..record(owner, epoch, phase, at, confirmed, cluster)
        },
    )
}

const UIDS: [&str; 3] = ["u1", "u2", "u3"];

/// Fleets of three with a few names, some members unseen, and sets that lack some records, have old ones, or have one
/// twice.
pub(super) fn fleets() -> impl Strategy<Value = Members> {
    let hosts = || (prop::sample::select(vec!["stage.a.global", "stage.B.global", "qa.c.global"]), claims());
    let some =
        move || prop::collection::vec(hosts().prop_map(|(host, claim)| Claim { host: host.into(), ..claim }), 0..3);
    let member = (some(), prop::collection::vec((prop::sample::select(UIDS.to_vec()), 0..2, some()), 0..4), 0..5);
    prop::collection::vec(member, 3).prop_map(|members| {
        let mut fleet = Members::new();
        for (uid, (own, sets, sight)) in UIDS.into_iter().zip(members) {
            let mut claims = MemberClaims::default();
            for claim in own {
                put_own(&mut claims, claim);
            }
            for (of, number, entries) in sets {
                put_set(&mut claims, of, &format!("{of}-{number}"), entries);
            }
            fleet.insert(uid.into(), (sight > 0).then_some(claims));
        }
        fleet
    })
}

/// A record's version is its content.
pub(super) fn put_own(claims: &mut MemberClaims, claim: Claim) {
    let stored = Stored { version: format!("{claim:?}").into(), ..Stored::default() };
    claims.own.insert(super::record_name(&claim.host), OwnClaim { stored, claim });
}

pub(super) fn put_set(claims: &mut MemberClaims, of: &str, name: &str, entries: Vec<Claim>) {
    let stored = Stored { version: format!("{entries:?}").into(), ..Stored::default() };
    claims.sets.entry(of.into()).or_default().insert(name.into(), ClaimSet { stored, entries });
}

/// What a fleet has once everything that was to be written is.
pub(super) fn written(members: &Members, writes: &BTreeMap<Arc<str>, MemberWrites>) -> Members {
    let mut members = members.clone();
    for (uid, writes) in writes {
        let claims = members.get_mut(uid).and_then(Option::as_mut).expect("only seen members are written");
        for write in &writes.own {
            put_own(claims, write.claim.clone());
        }
        for write in &writes.sets {
            put_set(claims, &write.of, &write.name, write.entries.clone());
        }
    }
    members
}
