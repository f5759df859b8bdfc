//! Every refusal in words, as people read it.

use std::fmt::Write as _;

use mesh_admission::{Mode, OnStale, RefusalCode, Verdict, WarningCode};
use mesh_model::policy::SanPolicy;
use serde_json::json;

use crate::fixture::{claim, cluster, creates, deployment, marked, policy, served, updates};

#[test]
fn every_code_has_a_message_that_says_what_and_what_next() {
    let mut texts = String::new();
    let mut say = |refusal: mesh_admission::Refusal| {
        let text = refusal.to_string();
        assert!(text.len() <= 512 && text.is_ascii(), "{text}");
        let _ = writeln!(texts, "{text}");
        refusal.code
    };
    let (mut held, optimistic) = (cluster(), policy());
    held.add_claim(&claim("team-shop", "checkout", "stage"));
    let new = marked("pay", &deployment("checkout"));
    let mut strict = policy();
    strict.mode = Mode::Strict;
    let mut stale = policy();
    stale.on_stale = OnStale::Refuse;
    let mut old_view = cluster();
    old_view.age = std::time::Duration::from_secs(400);
    let mut unowned = cluster();
    let mut facts = (*unowned.namespaces["pay"]).clone();
    facts.owner = None;
    unowned.namespaces.insert("pay".to_owned().try_into().unwrap(), facts.into());
    let mut other = cluster();
    other.add_claim(&claim("team-pay", "Checkout", "stage"));
    let mut prefix = cluster();
    prefix.prefixes.insert("stage.checkout.global".into(), "checkout.b.global".into());
    let mut foreign = new.clone();
    foreign["metadata"]["annotations"]["kubectl-mesh.io/global-name"] = "stage.other.global".into();
    let entry = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": {},
        "spec": {"hosts": ["stage.checkout.global"]},
    });
    let said = [
        say(creates("pay", &new).refused(&held, &optimistic, RefusalCode::Held)),
        say(creates("pay", &new).refused(&cluster(), &strict, RefusalCode::Unclaimed)),
        say(creates("pay", &new).refused(&unowned, &optimistic, RefusalCode::NoOwner)),
        say(creates("pay", &deployment("a_b")).refused(&held, &optimistic, RefusalCode::IllegalHost)),
        say(updates("pay", &new, &foreign).refused(&held, &optimistic, RefusalCode::WrongMark)),
        say(creates("pay", &new).refused(&old_view, &stale, RefusalCode::StaleView)),
        say(creates("nowhere", &new).refused(&held, &optimistic, RefusalCode::Undecided)),
        say(creates("pay", &entry).refused(&held, &optimistic, RefusalCode::HostTaken)),
        say(creates("pay", &new).refused(&prefix, &optimistic, RefusalCode::PrefixCollision)),
        say(creates("pay", &new).refused(&other, &optimistic, RefusalCode::OneHostTwoIdentities)),
    ];
    assert_eq!(said, RefusalCode::ALL);
    insta::assert_snapshot!(texts);
}

#[test]
fn every_warning_has_a_message() {
    let (mut index, mut policy) = (cluster(), policy());
    index.age = std::time::Duration::from_secs(400);
    let mut mesh = (*policy.mesh).clone();
    mesh.sans = SanPolicy::ServiceAccounts;
    policy.mesh = mesh.into();
    index.accepted.insert("stage.checkout.global".into(), ["spiffe://cluster.local/ns/pay/sa/till".into()].into());
    let unmarked = deployment("checkout");
    let mut warnings = said(&creates("pay", &unmarked).verdict(&index, &policy));
    index.add_claim(&claim("team-shop", "checkout", "stage"));
    served(&mut index, "checkout", "stage", "more");
    warnings.extend(said(&creates("shop", &unmarked).verdict(&index, &policy)));
    warnings.sort();
    warnings.dedup();
    let texts: Vec<&str> = warnings.iter().map(|(_, text)| text.as_str()).collect();
    let texts = texts.join("\n");
    assert!(texts.lines().all(|text| text.len() <= 120 && text.is_ascii()), "{texts}");
    warnings.dedup_by_key(|(code, _)| *code);
    assert_eq!(warnings.iter().map(|(code, _)| *code).collect::<Vec<_>>(), WarningCode::ALL);
    insta::assert_snapshot!(texts);
}

fn said(verdict: &Verdict) -> Vec<(WarningCode, String)> {
    let Verdict::Allowed { warnings, .. } = verdict else { panic!("{verdict:?}") };
    warnings.iter().map(|warning| (warning.code, warning.to_string())).collect()
}
