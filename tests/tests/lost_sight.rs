//! Losing sight, by hand: small fleets on which law L2 was broken once. Generated fleets found them; people can read these.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::owned::{ASSOCIATED_GTP, CREATED_BY, Mark, OUR_MARK, OwnedObject};
use mesh_model::policy::{MeshPolicy, VipPolicy};
use mesh_plan::laws::{Given, Lost, Planner, applied_plan_is_a_fixpoint, unseen_changes_nothing};
use mesh_plan::plan::Action;
use mesh_testkit::build::{ClusterBuilder, at, cluster, cluster_name, deployment, fleet, key, policy, service};
use serde_json::json;

/// A fleet that nothing may be written to once `lost` cannot be seen.
struct Case {
    what: &'static str,
    fleet: FleetSnapshot,
    policy: MeshPolicy,
    /// One at a time: kinds of a cluster, or all of it.
    lost: Vec<(&'static str, &'static [Kind])>,
}

#[test]
fn what_was_written_stays_when_sight_is_lost() {
    let mut wrong = Vec::new();
    for case in cases() {
        let given = Given { fleet: &case.fleet, policy: &case.policy, now: at(1_700_000_000) };
        applied_plan_is_a_fixpoint(Planner::REAL, given).unwrap();
        for lost in case.lost {
            if let Err(violation) = unseen_changes_nothing(Planner::REAL, given, &losing(lost)) {
                wrong.push(format!("{}: {violation}", case.what));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn cases() -> Vec<Case> {
    let tcp = |name| source(name).service_as("shop", service("checkout").port("tcp-db", 9000));
    let keeps_case = deployment("shop", "checkout", "Checkout", "stage");
    vec![
        Case {
            what: "two clusters of one network behind one gateway share an endpoint",
            fleet: fleet([
                server("c1").gateway("g.example").network("net"),
                server("c2").gateway("g.example").network("net"),
                caller("c3", "checkout"),
            ]),
            policy: policy(),
            lost: vec![("c1", &[]), ("c2", &[]), ("c2", &[Kind::Deployment])],
        },
        Case {
            what: "one workload asks for upper case in the host",
            fleet: fleet([
                source("c1").gateway("g1.example").serves("shop", "checkout", "Checkout", "stage"),
                source("c2").gateway("g2.example").workload(keeps_case.keep_case()).service("shop", "checkout", 80),
                caller("c3", "Checkout"),
            ]),
            policy: policy(),
            lost: vec![("c2", &[]), ("c2", &[Kind::Deployment])],
        },
        Case {
            what: "most sources have a port that cannot be published without addresses",
            fleet: fleet([
                tcp("c1").gateway("g1.example").deployment("shop", "checkout", "checkout", "stage"),
                tcp("c2").gateway("g2.example").deployment("shop", "checkout", "checkout", "stage"),
                server("c4").gateway("g4.example"),
                caller("c3", "checkout"),
            ]),
            policy: MeshPolicy { vip: VipPolicy::Off, ..policy() },
            lost: vec![("c1", &[]), ("c2", &[Kind::Service]), ("c4", &[])],
        },
        Case {
            what: "another cluster's ServiceEntry tells that a rule alone is an excluded identity's",
            fleet: fleet([
                rule(source("c1"), "stage.old.global"),
                entry(source("c3"), "stage.old.global", "gone.example.", &[("identity", "old")]),
            ]),
            policy: MeshPolicy { exclude: vec!["old".into()], ..policy() },
            lost: vec![("c3", &[]), ("c3", &[Kind::ServiceEntry])],
        },
        Case {
            what: "who calls one of two identities that share a host calls the host, whichever of them is seen",
            fleet: fleet([
                server("c1").depends("storefront", &["checkout"]),
                source("c2").deployment("web", "storefront", "storefront", "stage"),
                source("c3").gateway("g3.example").serves("shop", "checkout", "Checkout", "stage"),
            ]),
            policy: policy(),
            lost: vec![("c1", &[Kind::Deployment, Kind::ServiceEntry])],
        },
        Case {
            what: "a prefix host that may be some unseen policy's goes no sooner when nobody serves its base host",
            fleet: fleet([
                server("c1"),
                source("c2").unseen("marked by .unseen"),
                entry(
                    source("c3").gateway("g3.example"),
                    "west.stage.checkout.global",
                    "g3.example.",
                    &[("identity", "checkout")],
                ),
            ]),
            policy: policy(),
            lost: vec![("c1", &[]), ("c1", &[Kind::Deployment])],
        },
        Case {
            what: "what a cluster holds that cannot be written is old, and no reason to write elsewhere",
            fleet: fleet([
                entry(
                    source("c1").gateway("g1.example").unsee(Kind::DestinationRule),
                    "stage.checkout.global",
                    "checkout.shop.svc.cluster.local",
                    &[("identity", "checkout")],
                ),
                caller("c3", "checkout"),
            ]),
            policy: policy(),
            lost: vec![("c1", &[Kind::Deployment]), ("c1", &[Kind::Service])],
        },
    ]
}

#[test]
fn a_prefix_host_stays_while_the_traffic_policy_that_gives_it_may_be_unseen() {
    let host = "west.stage.checkout.global";
    for marks in [vec![("identity", "checkout")], vec![("identity", "checkout"), (ASSOCIATED_GTP, "checkout")]] {
        let [seen, blind] = [false, true].map(|is_blind| {
            let second = if is_blind { source("c2").unsee(Kind::GlobalTrafficPolicy) } else { source("c2") };
            let second = second.gateway("g2.example").serves("shop", "checkout", "checkout", "stage");
            let caller = entry(caller("c3", "checkout"), host, "g1.example.", &marks);
            let fleet = fleet([server("c1").gateway("g1.example"), second, caller]);
            let plan = Planner::REAL.all(&fleet, &policy(), at(1_700_000_000));
            let prefixed = plan.steps.into_iter().filter(|step| step.key.name.starts_with("west."));
            prefixed.filter(|step| matches!(step.action, Action::Delete { .. })).count()
        });
        assert_eq!((seen, blind), (1, 0), "{marks:?}");
    }
}

fn source(name: &str) -> ClusterBuilder {
    cluster(name).region("west")
}

fn server(name: &str) -> ClusterBuilder {
    source(name).serves("shop", "checkout", "checkout", "stage")
}

fn caller(name: &str, callee: &str) -> ClusterBuilder {
    source(name).calls("web", "storefront", "storefront", &[callee])
}

/// The cluster with a ServiceEntry of ours that says nothing of where it came from.
fn entry(cluster: ClusterBuilder, host: &str, address: &str, annotations: &[(&str, &str)]) -> ClusterBuilder {
    let endpoint = json!({ "address": address, "ports": { "http": 80 } });
    let port = json!({ "name": "http", "number": 80, "protocol": "http" });
    let spec = json!({
        "endpoints": [endpoint], "hosts": [host], "location": "MESH_INTERNAL", "ports": [port], "resolution": "DNS",
    });
    let name = format!("{host}-se");
    cluster.owned(key(Kind::ServiceEntry, "mesh-sync", &name), ours(&spec.to_string(), annotations))
}

/// The cluster with a DestinationRule of ours that says nothing of where it came from.
fn rule(cluster: ClusterBuilder, host: &str) -> ClusterBuilder {
    let spec = json!({ "host": host, "trafficPolicy": { "tls": { "mode": "ISTIO_MUTUAL" } } });
    let name = format!("{host}-default-dr");
    cluster.owned(key(Kind::DestinationRule, "mesh-sync", &name), ours(&spec.to_string(), &[]))
}

fn ours(spec: &str, annotations: &[(&str, &str)]) -> OwnedObject {
    let pairs = |list: &[(&str, &str)]| -> BTreeMap<Arc<str>, Arc<str>> {
        list.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value))).collect()
    };
    let mut annotations = pairs(annotations);
    annotations.insert(CREATED_BY.into(), OUR_MARK.into());
    OwnedObject {
        created: None,
        uid: None,
        version: "1".into(),
        mark: Mark::Ours,
        spec: spec.into(),
        labels: pairs(&[("admiral.io/env", "stage")]).into(),
        annotations: annotations.into(),
        origins: Arc::default(),
        from_text: None,
        changed_by: None,
    }
}

fn losing((cluster, kinds): (&str, &[Kind])) -> Lost {
    let cluster = cluster_name(cluster);
    if kinds.is_empty() {
        return Lost { clusters: [cluster].into(), ..Lost::default() };
    }
    let kinds = kinds.iter().map(|kind| (*kind, false)).collect();
    Lost { kinds: [(cluster, kinds)].into(), ..Lost::default() }
}
