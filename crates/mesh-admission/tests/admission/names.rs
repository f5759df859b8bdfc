//! Who may deploy which name.

use std::time::Duration;

use mesh_admission::{Disclosure, Mode, OnStale, RefusalCode, WarningCode};
use mesh_model::claim::Phase;
use mesh_model::policy::SanPolicy;
use serde_json::{Value, json};

use crate::fixture::{HOST, claim, cluster, creates, deployment, marked, policy, served, served_in, updates};

/// A Deployment as it is after it was mutated, and once more with another image.
fn deploys(namespace: &str, identity: &str) -> (Value, Value) {
    let old = marked(namespace, &deployment(identity));
    let mut new = old.clone();
    new["spec"]["template"]["spec"]["containers"][0]["image"] = "app:2".into();
    (old, new)
}

#[test]
fn the_first_to_deploy_a_name_gets_it_pending() {
    let (index, policy) = (cluster(), policy());
    let (new, _) = deploys("shop", "checkout");
    assert_eq!(creates("shop", &new).allowed(&index, &policy), [WarningCode::Pending]);
}

#[test]
fn the_holder_deploys_and_nobody_else_does() {
    let (mut index, policy) = (cluster(), policy());
    index.add_claim(&claim("team-shop", "checkout", "stage"));
    let (old, new) = deploys("shop", "checkout");
    assert_eq!(creates("shop", &new).allowed(&index, &policy), []);
    assert_eq!(updates("shop", &old, &new).allowed(&index, &policy), []);
    let (old, new) = deploys("pay", "checkout");
    let refusal = creates("pay", &new).refused(&index, &policy, RefusalCode::Held);
    for word in [HOST, "team-shop", "2026-01-01", "uid-1", "team-pay", "transfer"] {
        assert!(refusal.to_string().contains(word), "{refusal}");
    }
    updates("pay", &old, &new).refused(&index, &policy, RefusalCode::Held);
}

#[test]
fn what_runs_already_is_scaled_annotated_and_deleted_by_whoever_lost_the_name() {
    let (mut index, policy) = (cluster(), policy());
    index.add_claim(&claim("team-shop", "checkout", "stage"));
    let (old, _) = deploys("pay", "checkout");
    let mut new = old.clone();
    new["spec"]["replicas"] = 9.into();
    new["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "2".into();
    new["metadata"]["finalizers"] = json!([]);
    assert_eq!(updates("pay", &old, &new).allowed(&index, &policy), []);
    let mut dying = new.clone();
    dying["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    assert_eq!(updates("pay", &old, &dying).allowed(&index, &policy), []);
    // That it is being deleted lets nothing else through.
    dying["spec"]["template"]["spec"]["containers"][0]["image"] = "app:2".into();
    updates("pay", &old, &dying).refused(&index, &policy, RefusalCode::Held);
}

#[test]
fn a_rename_by_its_owner_passes_and_is_judged_by_the_new_name() {
    let (mut index, policy) = (cluster(), policy());
    index.add_claim(&claim("team-shop", "checkout", "stage"));
    index.add_claim(&claim("team-pay", "payments", "stage"));
    let old = marked("shop", &deployment("checkout"));
    let mut new = old.clone();
    new["spec"]["template"]["metadata"]["labels"]["identity"] = "till".into();
    let (renamed, _) = updates("shop", &old, &new).mutating().mutated(&index, &policy);
    assert_eq!(renamed["metadata"]["annotations"]["kubectl-mesh.io/global-name"], "stage.till.global");
    assert_eq!(updates("shop", &old, &renamed).allowed(&index, &policy), [WarningCode::Pending]);
    new["spec"]["template"]["metadata"]["labels"]["identity"] = "payments".into();
    let (taken, _) = updates("shop", &old, &new).mutating().mutated(&index, &policy);
    updates("shop", &old, &taken).refused(&index, &policy, RefusalCode::Held);
}

#[test]
fn several_workloads_of_one_owner_share_a_name() {
    let (mut index, policy) = (cluster(), policy());
    index.add_claim(&claim("team-shop", "checkout", "stage"));
    served(&mut index, "checkout", "stage", "shop");
    let mut rollout = marked("shop", &deployment("checkout"));
    rollout["apiVersion"] = "argoproj.io/v1alpha1".into();
    rollout["kind"] = "Rollout".into();
    assert_eq!(creates("shop", &rollout).allowed(&index, &policy), []);
    let other = marked("more", &deployment("checkout"));
    assert_eq!(creates("more", &other).allowed(&index, &policy), [WarningCode::SeveralNamespaces]);
    let mut shared = claim("team-shop", "checkout", "stage");
    (shared.epoch, shared.also_owners) = (2, vec!["team-pay".into()]);
    index.add_claim(&shared);
    assert_eq!(creates("pay", &marked("pay", &deployment("checkout"))).allowed(&index, &policy), []);
}

#[test]
fn strict_mode_wants_a_claim_first() {
    let (mut index, mut policy) = (cluster(), policy());
    policy.mode = Mode::Strict;
    let new = marked("shop", &deployment("checkout"));
    let refusal = creates("shop", &new).refused(&index, &policy, RefusalCode::Unclaimed);
    assert!(refusal.next.contains("kubectl mesh names claim stage.checkout.global --owner"), "{refusal}");
    let mut released = claim("team-pay", "checkout", "stage");
    released.phase = Phase::Released;
    index.add_claim(&released);
    creates("shop", &new).refused(&index, &policy, RefusalCode::Unclaimed);
    let mut again = claim("team-shop", "checkout", "stage");
    again.epoch = 2;
    index.add_claim(&again);
    assert_eq!(creates("shop", &new).allowed(&index, &policy), []);
}

#[test]
fn who_runs_a_name_that_nobody_claimed_yet_has_it() {
    let (mut index, policy) = (cluster(), policy());
    served(&mut index, "checkout", "stage", "shop");
    let refusal = creates("pay", &marked("pay", &deployment("checkout"))).refused(&index, &policy, RefusalCode::Held);
    assert!(refusal.what.contains("team-shop"), "{refusal}");
    assert_eq!(
        creates("more", &marked("more", &deployment("checkout"))).allowed(&index, &policy),
        [WarningCode::Pending, WarningCode::SeveralNamespaces]
    );
}

#[test]
fn two_identities_of_one_host_are_refused_also_of_one_owner() {
    let policy = policy();
    for (identity, other) in [("Checkout", ("checkout", "stage")), ("b", ("b.b", "stage")), ("a.b", ("b", "stage.a"))] {
        let mut new = deployment(identity);
        if identity == "b" {
            new["spec"]["template"]["metadata"]["labels"]["admiral.io/env"] = "stage.b".into();
        }
        let new = marked("shop", &new);
        for is_claimed in [true, false] {
            let mut index = cluster();
            if is_claimed {
                index.add_claim(&claim("team-shop", other.0, other.1));
            } else {
                served(&mut index, other.0, other.1, "shop");
            }
            let refusal = creates("shop", &new).refused(&index, &policy, RefusalCode::OneHostTwoIdentities);
            assert!(refusal.what.contains(&format!("{:?}", other.0)), "{refusal}");
        }
    }
    let mut reserved = deployment("checkout");
    reserved["spec"]["template"]["metadata"]["labels"]["admiral.io/env"] = "preview.stage".into();
    creates("shop", &marked("shop", &reserved)).refused(&cluster(), &policy, RefusalCode::OneHostTwoIdentities);
}

#[test]
fn one_identity_in_two_partitions_is_two_identities_of_one_host() {
    let policy = policy();
    let of = |partition: Option<&str>| {
        let mut new = deployment("checkout");
        if let Some(partition) = partition {
            new["spec"]["template"]["metadata"]["annotations"] = json!({"admiral.io/identityPartition": partition});
        }
        marked("shop", &new)
    };
    for (own, other, named) in [
        (Some("retail"), Some("business"), "\"business.checkout\""),
        (Some("retail"), None, "\"checkout\""),
        (None, Some("business"), "\"business.checkout\""),
    ] {
        let mut index = cluster();
        // Claims do not tell a partition.
        index.add_claim(&claim("team-shop", "checkout", "stage"));
        assert_eq!(creates("shop", &of(own)).allowed(&index, &policy), []);
        served_in(&mut index, other, ("checkout", "stage"), "shop");
        let refusal = creates("shop", &of(own)).refused(&index, &policy, RefusalCode::OneHostTwoIdentities);
        assert!(refusal.what.contains(named), "{refusal}");
        assert_eq!(creates("shop", &of(other)).allowed(&index, &policy), []);
        // What it was itself stands against nothing; what others are does.
        assert_eq!(updates("shop", &of(other), &of(own)).allowed(&index, &policy), []);
        served_in(&mut index, other, ("checkout", "stage"), "shop");
        updates("shop", &of(other), &of(own)).refused(&index, &policy, RefusalCode::OneHostTwoIdentities);
    }
}

#[test]
fn what_took_no_part_does_not_stand_for_somebody_who_does() {
    let (mut index, policy) = (cluster(), policy());
    served_in(&mut index, Some("retail"), ("checkout", "stage"), "shop");
    let of = |partition: &str, injected: &str| {
        let mut new = deployment("checkout");
        let annotations = json!({"admiral.io/identityPartition": partition, "sidecar.istio.io/inject": injected});
        new["spec"]["template"]["metadata"]["annotations"] = annotations;
        marked("shop", &new)
    };
    let (old, new) = (of("retail", "false"), of("business", "true"));
    updates("shop", &old, &new).refused(&index, &policy, RefusalCode::OneHostTwoIdentities);
}

#[test]
fn a_name_that_is_a_prefix_host_of_another_is_refused() {
    let (mut index, policy) = (cluster(), policy());
    index.prefixes.insert("west.stage.checkout.global".into(), HOST.into());
    let mut new = deployment("checkout");
    new["spec"]["template"]["metadata"]["labels"]["admiral.io/env"] = "west.stage".into();
    creates("shop", &marked("shop", &new)).refused(&index, &policy, RefusalCode::PrefixCollision);
}

#[test]
fn names_that_are_not_legal_are_refused_where_they_are_deployed() {
    let (index, policy) = (cluster(), policy());
    for (identity, env) in [("a_b", "stage"), ("a..b", "stage"), ("ä", "stage"), (&"x".repeat(64), "stage"), ("a", "-")]
    {
        let mut old = deployment(identity);
        old["spec"]["template"]["metadata"]["labels"]["admiral.io/env"] = env.into();
        let (marked, patch) = creates("shop", &old).mutating().mutated(&index, &policy);
        assert_eq!((&marked, patch.len()), (&old, 0), "it has no marks");
        let refusal = creates("shop", &old).refused(&index, &policy, RefusalCode::IllegalHost);
        assert!(refusal.to_string().is_ascii(), "{refusal}");
        let mut scaled = old.clone();
        scaled["spec"]["replicas"] = 3.into();
        assert_eq!(updates("shop", &old, &scaled).allowed(&index, &policy), []);
    }
}

#[test]
fn whoever_takes_no_part_neither_claims_nor_conflicts() {
    let (mut index, policy) = (cluster(), policy());
    index.add_claim(&claim("team-shop", "checkout", "stage"));
    let labels = |more: &[(&str, &str)]| {
        let mut new = deployment("checkout");
        for (key, value) in more {
            new["spec"]["template"]["metadata"]["labels"][*key] = (*value).into();
        }
        marked("pay", &new)
    };
    for more in [("sidecar.istio.io/inject", "false"), ("admiral-ignore", "true"), ("identity", "")] {
        assert_eq!(creates("pay", &labels(&[more])).allowed(&index, &policy), [], "{more:?}");
    }
    let mut ignored = labels(&[]);
    ignored["metadata"]["annotations"]["admiral.io/ignore"] = "true".into();
    assert_eq!(creates("pay", &ignored).allowed(&index, &policy), []);
    // It counts from the moment that it takes part.
    let part = labels(&[]);
    updates("pay", &ignored, &part).refused(&index, &policy, RefusalCode::Held);
    for (kind, api_version) in [("Job", "batch/v1"), ("CronJob", "batch/v1")] {
        let mut new = labels(&[]);
        (new["kind"], new["apiVersion"]) = (kind.into(), api_version.into());
        assert_eq!(creates("pay", &new).allowed(&index, &policy), [], "{kind}");
    }
}

#[test]
fn a_namespace_wants_an_owner_and_must_be_known() {
    let (mut index, policy) = (cluster(), policy());
    let new = marked("shop", &deployment("checkout"));
    creates("new", &new).refused(&index, &policy, RefusalCode::Undecided);
    let mut unowned = (*index.namespaces["shop"]).clone();
    unowned.owner = None;
    index.namespaces.insert("shop".to_owned().try_into().unwrap(), unowned.into());
    creates("shop", &new).refused(&index, &policy, RefusalCode::NoOwner);
}

#[test]
fn an_old_view_is_said_and_may_be_refused_for_names_that_it_does_not_know() {
    let (mut index, mut policy) = (cluster(), policy());
    index.age = Duration::from_secs(310);
    let new = marked("shop", &deployment("checkout"));
    assert_eq!(creates("shop", &new).allowed(&index, &policy), [WarningCode::Pending, WarningCode::StaleView]);
    policy.on_stale = OnStale::Refuse;
    creates("shop", &new).refused(&index, &policy, RefusalCode::StaleView);
    index.add_claim(&claim("team-shop", "checkout", "stage"));
    assert_eq!(creates("shop", &new).allowed(&index, &policy), [WarningCode::StaleView]);
}

#[test]
fn how_much_is_told_of_the_holder_is_a_setting() {
    let (mut index, mut policy) = (cluster(), policy());
    index.add_claim(&claim("team-shop", "checkout", "stage"));
    let new = marked("pay", &deployment("checkout"));
    for (disclosure, tells_owner, tells_cluster) in
        [(Disclosure::Owner, true, true), (Disclosure::Cluster, false, true), (Disclosure::None, false, false)]
    {
        policy.disclosure = disclosure;
        let text = creates("pay", &new).refused(&index, &policy, RefusalCode::Held).to_string();
        assert_eq!((text.contains("team-shop"), text.contains("uid-1")), (tells_owner, tells_cluster), "{text}");
    }
}

#[test]
fn a_service_account_that_callers_do_not_accept_yet_is_said() {
    let (mut index, mut policy) = (cluster(), policy());
    index.add_claim(&claim("team-shop", "checkout", "stage"));
    let warned = [WarningCode::AccountNotAccepted];
    let mut new = marked("shop", &deployment("checkout"));
    let accepts = |ids: &[&str]| ids.iter().map(|id| (*id).into()).collect();
    index.accepted.insert(HOST.into(), accepts(&["spiffe://cluster.local/ns/shop/sa/web"]));
    assert_eq!(creates("shop", &new).allowed(&index, &policy), [], "where policies do not say so, nobody asks");
    let mut mesh = (*policy.mesh).clone();
    mesh.sans = SanPolicy::ServiceAccounts;
    policy.mesh = mesh.into();
    assert_eq!(creates("shop", &new).allowed(&index, &policy), warned, "its account is `default`");
    new["spec"]["template"]["spec"]["serviceAccountName"] = "web".into();
    assert_eq!(creates("shop", &new).allowed(&index, &policy), []);
    new["spec"]["template"]["spec"] = json!({"serviceAccountName": "", "serviceAccount": "eb"});
    assert_eq!(creates("shop", &new).allowed(&index, &policy), warned, "an end of a name is none");
    // Everybody is accepted, or nobody calls it yet.
    index.accepted.insert(HOST.into(), accepts(&[]));
    assert_eq!(creates("shop", &new).allowed(&index, &policy), []);
    index.accepted.clear();
    assert_eq!(creates("shop", &new).allowed(&index, &policy), []);
}
