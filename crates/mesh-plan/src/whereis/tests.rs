use mesh_model::claim::{Claim, Phase};
use mesh_model::fleet::ClusterView;

use super::*;
use crate::lookup::fixture::{BASE, cluster, desired, fleet};

fn answer(key: &str) -> Result<Whereis, NotFound> {
    whereis(key, &fleet(), &MeshPolicy::default(), &desired())
}

#[test]
fn every_kind_of_key_leads_to_the_name() {
    use KeySort::{Glob, GlobalName, Identity, Pod, PrefixName, Service, VirtualAddress, Workload};
    for (key, want) in [
        ("checkout", vec![Identity, Workload]),
        (BASE, vec![GlobalName]),
        ("STAGE.checkout.global.", vec![GlobalName]),
        ("west.stage.checkout.global", vec![PrefixName]),
        ("240.64.0.9", vec![VirtualAddress]),
        ("240.64.7.7", vec![VirtualAddress]),
        ("checkout-http.shop", vec![Service]),
        ("checkout-http.shop.svc.cluster.local", vec![Service]),
        ("shop/checkout", vec![Workload]),
        ("deployment/checkout", vec![Workload]),
        ("c1/shop/checkout", vec![Workload]),
        ("checkout-7d9f8b6c5-x2x4z", vec![Pod]),
        ("c1/shop/checkout-7d9f8b6c5-x2x4z", vec![Pod]),
        ("check*", vec![Glob]),
        ("*.checkout.*", vec![Glob]),
    ] {
        let answer = answer(key).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(answer.names.len(), 1, "{key}");
        assert_eq!(answer.names[0].found_by.iter().copied().collect::<Vec<_>>(), want, "{key}");
    }
}

#[test]
fn what_nobody_has_gets_the_closest_names() {
    for (key, closest) in [
        ("chekcout", vec!["checkout"]),
        ("stage.chekout.global", vec![BASE]),
        ("store-front", vec!["storefront"]),
        ("checkout.shop", vec![]),
        ("other/checkout", vec![]),
        ("c9/shop/checkout", vec![]),
        ("240.64.0.10", vec![]),
        ("", vec![]),
    ] {
        let error = answer(key).expect_err(key);
        for wanted in closest {
            assert!(error.closest.iter().any(|close| close == wanted), "{key}: {:?}", error.closest);
        }
    }
}

#[test]
fn the_answer_has_places_owner_hosts_port_clients_policies_and_split() {
    let answer = answer("checkout").unwrap();
    let name = &answer.names[0];
    let places: Vec<_> = name.places.iter().map(|place| (place.cluster.as_str(), place.held)).collect();
    assert_eq!(places, [("c1", false), ("c2", true), ("c8", false)]);
    assert_eq!(name.owners.iter().map(|owner| &**owner).collect::<Vec<_>>(), ["team-shop"]);
    assert!(!name.claimed);
    let hosts: Vec<_> = name.hosts.iter().map(|host| (host.host.as_str(), host.split.get("us-west-2"))).collect();
    assert_eq!(hosts, [(BASE, Some(&70)), ("west.stage.checkout.global", Some(&100))]);
    assert_eq!(name.port, Some(PublishedPort { protocol: "http".into(), number: 80 }));
    assert_eq!(name.clients.len(), 1);
    assert!(name.clients[0].because.rule.contains("Dependency"));
    let policies: Vec<_> = name.policies.iter().map(|policy| (&*policy.name, policy.active)).collect();
    assert_eq!(policies, [("shop/winner", true), ("shop/a-loser", false)], "the policy that counts comes first");
    assert_eq!(answer.unseen.keys().map(|cluster| &**cluster).collect::<Vec<_>>(), ["c2", "c7"]);
}

#[test]
fn workloads_that_serve_nothing_are_told_with_the_reason() {
    let checkout = answer("checkout").unwrap();
    assert_eq!(checkout.idle.len(), 1);
    assert_eq!(&*checkout.idle[0].cluster, "c4");
    assert!(checkout.idle[0].why.contains("no Service of shop selects checkout"), "{}", checkout.idle[0].why);
    assert!(checkout.idle[0].why.contains("MESH-C021"), "{}", checkout.idle[0].why);

    for key in ["storefront", "web/storefront", "storefront-28391045-x2x4z"] {
        let storefront = answer(key).unwrap();
        assert!(storefront.names.is_empty());
        assert_eq!(storefront.idle[0].why, "a CronJob calls, it never serves", "{key}");
    }
}

#[test]
fn a_claim_decides_the_owner() {
    let mut fleet = fleet();
    let claim = Claim {
        host: BASE.into(),
        owner: "team-pay".into(),
        also_owners: vec!["team-shop".into()],
        identity: "checkout".into(),
        env: "stage".into(),
        epoch: 1,
        phase: Phase::Bound,
        claimed_at: jiff::Timestamp::UNIX_EPOCH,
        confirmed_at: None,
        claimed_in: "u1".into(),
    };
    let mut facts = fleet.facts("c5").unwrap().clone();
    facts.claims.insert(BASE.into(), claim);
    fleet.members.insert(cluster("c5"), ClusterView::Seen(Arc::new(facts)));
    let answer = whereis("checkout", &fleet, &MeshPolicy::default(), &desired()).unwrap();
    assert!(answer.names[0].claimed);
    let claim = answer.names[0].claim.as_ref().unwrap();
    assert_eq!((&*claim.claimed_in, claim.confirmed), ("u1", false));
    assert_eq!(answer.names[0].owners.iter().map(|o| &**o).collect::<Vec<_>>(), ["team-pay", "team-shop"]);
}
