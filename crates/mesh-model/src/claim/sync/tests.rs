use proptest::prelude::*;

use super::*;
use crate::claim::arb::{Members, bound, fleets, put_own, put_set, record, time, written};
use crate::claim::{Phase, view};
use crate::limits::MAX_SET_ENTRIES;

fn host() -> Arc<str> {
    "stage.a.global".into()
}

/// Members u1, u2, … with own records.
fn fleet<const N: usize>(own: [Option<Claim>; N]) -> Members {
    let members = own.into_iter().enumerate().map(|(at, claim)| {
        let mut claims = MemberClaims::default();
        if let Some(claim) = claim {
            put_own(&mut claims, claim);
        }
        (format!("u{}", at + 1).into(), Some(claims))
    });
    members.collect()
}

fn after(members: &Members, rounds: usize) -> Members {
    (0..rounds).fold(members.clone(), |members, _| written(&members, &sync(&members, time(50))))
}

fn member<'a>(members: &'a Members, uid: &str) -> &'a MemberClaims {
    members[uid].as_ref().unwrap()
}

#[test]
fn every_other_member_gets_a_claim_and_then_it_is_confirmed() {
    let start = fleet([Some(bound("shop", 1, "u1")), None, None]);
    let first = sync(&start, time(50));
    assert_eq!(first.keys().map(|uid| &**uid).collect::<Vec<_>>(), ["u2", "u3"]);
    let write = &first["u2"].sets[0];
    assert_eq!((&*write.name, &*write.of, &write.replaces), ("u1-0", "u1", &None));
    assert_eq!(write.entries, [bound("shop", 1, "u1")]);
    // printf '[{"alsoOwners":[],"claimedAt":"1970-01-01T00:00:01Z","claimedIn":"u1","confirmedAt":null,"env":"stage",
    // "epoch":1,"host":"stage.a.global","identity":"a","owner":"shop","phase":"Bound"}]' (in one line) | sha256sum
    assert_eq!(write.digest, "a8fcc413da87200ce09f9457dd0e5dd233d4d1e39d385afe5cf1d5388acd8cc9");
    let confirmed = record("shop", 1, Phase::Bound, 1, Some(50), "u1");
    let end = after(&start, 2);
    for uid in ["u1", "u2", "u3"] {
        assert_eq!(view(member(&end, uid).records(&host())), Some(&confirmed), "{uid}");
    }
    assert!(sync(&end, time(60)).is_empty());
}

#[test]
fn half_of_the_active_members_is_no_majority() {
    let mut half = after(&fleet([Some(bound("shop", 1, "u1")), None]), 1);
    half.insert("u3".into(), None);
    half.insert("u4".into(), None);
    assert!(sync(&half, time(60)).is_empty());
    half.remove("u4");
    assert_eq!(sync(&half, time(60))["u1"].own[0].claim.confirmed_at, Some(time(60)));
}

#[test]
fn a_rival_of_the_same_epoch_keeps_both_unconfirmed_also_the_stronger() {
    let end = after(&fleet([Some(bound("shop", 1, "u1")), Some(bound("pay", 2, "u2")), None]), 4);
    for uid in ["u1", "u2", "u3"] {
        assert_eq!(view(member(&end, uid).records(&host())), Some(&bound("shop", 1, "u1")), "{uid}");
    }
}

#[test]
fn a_claim_of_an_earlier_epoch_is_no_rival() {
    let transferred = record("pay", 2, Phase::Bound, 5, None, "u2");
    let end = after(&fleet([Some(bound("shop", 1, "u1")), Some(transferred), None]), 3);
    assert!(member(&end, "u2").own[&host()].claim.confirmed_at.is_some());
    assert_eq!(member(&end, "u1").own[&host()].claim, bound("shop", 1, "u1"), "what lost stays what it is");
}

#[test]
fn a_member_restored_from_a_backup_gets_its_later_record_back() {
    let tombstone = record("shop", 2, Phase::Released, 5, None, "u1");
    let mut fleet = after(&fleet([Some(tombstone.clone()), None]), 1);
    put_own(fleet.get_mut("u1").unwrap().as_mut().unwrap(), bound("shop", 1, "u1"));
    let writes = sync(&fleet, time(60));
    let was = member(&fleet, "u1").own[&host()].clone();
    assert_eq!(writes["u1"].own, [OwnWrite { replaces: Some(was), claim: tombstone }]);
    assert!(!writes.contains_key("u2"), "the restored record does not get into sets");
}

#[test]
fn what_is_known_of_an_unseen_member_stays_and_reaches_the_others() {
    let mut fleet = after(&fleet([Some(bound("shop", 1, "u1")), None]), 1);
    fleet.insert("u1".into(), None);
    fleet.insert("u3".into(), Some(MemberClaims::default()));
    let writes = sync(&fleet, time(60));
    assert_eq!(writes.keys().map(|uid| &**uid).collect::<Vec<_>>(), ["u3"]);
    assert_eq!(writes["u3"].sets[0].entries, [bound("shop", 1, "u1")]);
}

#[test]
fn a_full_set_is_followed_by_another_and_no_host_moves() {
    let mut first = MemberClaims::default();
    let named = |number: usize| Claim { host: format!("h{number:05}.global").into(), ..bound("shop", 1, "u1") };
    // Every other host first, then those between.
    for number in 0..=MAX_SET_ENTRIES {
        put_own(&mut first, named(number * 2));
    }
    // Half of the members are unseen, so that nothing is confirmed.
    let seen = [("u1".into(), Some(first)), ("u2".into(), Some(MemberClaims::default()))];
    let mut fleet: Members = seen.into_iter().chain([("u3".into(), None), ("u4".into(), None)]).collect();
    let writes = sync(&fleet, time(50));
    let sizes = |writes: &BTreeMap<Arc<str>, MemberWrites>| {
        writes["u2"].sets.iter().map(|set| (set.name.to_string(), set.entries.len())).collect::<Vec<_>>()
    };
    assert_eq!(sizes(&writes), [("u1-0".into(), MAX_SET_ENTRIES), ("u1-1".into(), 1)]);

    fleet = written(&fleet, &writes);
    put_own(fleet.get_mut("u1").unwrap().as_mut().unwrap(), named(1));
    let sets: Vec<_> = sync(&fleet, time(50))["u2"].sets.iter().map(|set| set.name.to_string()).collect();
    assert_eq!(sets, ["u1-1"], "the full set is left alone");
}

#[test]
fn hosts_that_differ_in_case_are_one_name() {
    let upper = Claim { host: "Stage.A.global".into(), ..record("pay", 2, Phase::Bound, 5, None, "u1") };
    let mut fleet = after(&fleet([Some(bound("shop", 1, "u1")), None]), 1);
    put_own(fleet.get_mut("u1").unwrap().as_mut().unwrap(), upper.clone());
    assert_eq!(sync(&fleet, time(50))["u2"].sets[0].entries, [upper]);
}

/// Whether `claims` has, for each record in `before`, one that is at least as strong in the same place.
fn has_at_least(claims: &MemberClaims, before: &MemberClaims) -> bool {
    let own =
        before.own.iter().all(|(name, own)| merge(&claims.own[name].claim, &own.claim) == &claims.own[name].claim);
    let sets = before.sets.iter().all(|(of, sets)| {
        sets.iter().all(|(name, set)| {
            let now = &claims.sets[of][name].entries;
            set.entries.iter().all(|entry| {
                now.iter().any(|now| now.host.eq_ignore_ascii_case(&entry.host) && merge(now, entry) == now)
            })
        })
    });
    own && sets
}

proptest! {
    #[test]
    fn sync_never_weakens_a_record(fleet in fleets()) {
        let after = written(&fleet, &sync(&fleet, time(50)));
        for (uid, before) in &fleet {
            match (before, &after[uid]) {
                (None, None) => {}
                (Some(before), Some(after)) => prop_assert!(has_at_least(after, before)),
                _ => prop_assert!(false, "{uid} was seen or not"),
            }
        }
    }

    /// The first run carries, the second confirms what the first has carried, and carries that.
    #[test]
    fn nothing_is_left_to_write_after_two_runs(fleet in fleets()) {
        let writes = sync(&after(&fleet, 2), time(60));
        prop_assert!(writes.is_empty(), "{writes:#?}");
    }

    /// But for confirmations, one run is enough.
    #[test]
    fn what_a_run_wrote_is_not_written_again(fleet in fleets()) {
        let once = after(&fleet, 1);
        for (uid, writes) in sync(&once, time(60)) {
            let there = member(&once, &uid);
            for write in writes.own {
                prop_assert!(there.own[&record_name(&write.claim.host)].claim.is_same_grant(&write.claim));
            }
            for write in writes.sets {
                let there = &there.sets[&write.of][&write.name].entries;
                prop_assert_eq!(there.len(), write.entries.len());
                prop_assert!(there.iter().zip(&write.entries).all(|(there, entry)| there.is_same_grant(entry)));
            }
        }
    }

    #[test]
    fn seen_members_have_one_view_after_two_runs(fleet in fleets()) {
        let end = after(&fleet, 2);
        for host in ["stage.a.global", "stage.b.global", "qa.c.global"].map(Arc::from) {
            let mut views: Vec<_> = end.values().flatten().map(|claims| view(claims.records(&host))).collect();
            views.dedup();
            prop_assert!(views.len() <= 1, "{views:#?}");
        }
    }

    /// Neither in which set an entry lies nor where in it.
    #[test]
    fn the_order_of_records_does_not_matter(fleet in fleets()) {
        let mut turned = fleet.clone();
        for claims in turned.values_mut().flatten() {
            for (of, sets) in std::mem::take(&mut claims.sets) {
                let names: Vec<_> = sets.keys().cloned().rev().collect();
                for (name, mut set) in names.into_iter().zip(sets.into_values()) {
                    set.entries.reverse();
                    put_set(claims, &of, &name, set.entries);
                }
            }
        }
        let (end, turned) = (after(&fleet, 2), after(&turned, 2));
        for (uid, claims) in end.iter().filter_map(|(uid, claims)| Some((uid, claims.as_ref()?))) {
            for host in ["stage.a.global", "stage.b.global", "qa.c.global"].map(Arc::from) {
                prop_assert_eq!(view(claims.records(&host)), view(member(&turned, uid).records(&host)));
            }
        }
    }
}
