use mesh_model::finding::Code;
use mesh_model::fleet::ClusterView;

use super::*;
use crate::lookup::fixture::{BASE, cluster, desired, fleet, host, origin};
use crate::plan::{Action, Class, Step, plan};

fn scope(names: &[&str], clusters: &[&str]) -> Scope {
    let texts = |globs: &[&str]| globs.iter().map(ToString::to_string).collect();
    Scope { names: texts(names), namespace: None, clusters: texts(clusters) }
}

/// The fleet, with a caller that has a sidecar.
fn calling_fleet() -> FleetSnapshot {
    let mut fleet = fleet();
    let Some(ClusterView::Seen(facts)) = fleet.members.get_mut(&cluster("c3")) else { panic!("c3 is seen") };
    Arc::make_mut(facts).workloads[0].wish.inject_label = Some(true);
    fleet
}

fn of(scope: &Scope) -> Graph {
    let (fleet, desired, policy) = (calling_fleet(), desired(), MeshPolicy::default());
    graph(&fleet, &policy, &desired, &plan(&desired, &fleet, &policy, scope), scope)
}

fn codes(findings: &[Finding]) -> Vec<Code> {
    findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_name_stands_between_the_clusters_that_call_it_and_those_that_run_it() {
    let graph = of(&Scope::default());
    let [name] = &graph.names[..] else { panic!("one name: {:?}", graph.names) };
    let sources: Vec<_> = name.sources.iter().map(|edge| (edge.cluster.as_str(), edge.weight, edge.held)).collect();
    assert_eq!(sources, [("c1", Some(70), false), ("c2", Some(70), true), ("c8", Some(70), false)]);
    let [client] = &name.clients[..] else { panic!("one client: {:?}", name.clients) };
    assert_eq!((client.cluster.as_str(), client.tie), ("c3", Tie::Calls));
    let [caller] = &client.callers[..] else { panic!("one caller: {client:?}") };
    assert_eq!(&*caller.identity, "storefront");
    assert_eq!(caller.workload, origin("c3", Kind::CronJob, "web/storefront"));
    assert_eq!(caller.dependency, origin("c3", Kind::Dependency, "web/storefront"));
    let split =
        |at: usize| name.hosts[at].split.iter().map(|(region, weight)| (&**region, *weight)).collect::<Vec<_>>();
    assert_eq!(split(0), [("us-east-2", 30), ("us-west-2", 70)], "the base host");
    assert_eq!(split(1), [("us-west-2", 100)], "a further host, as its DestinationRule says");
    assert!(name.is_split());
}

#[test]
fn a_finding_is_shown_at_the_name_or_the_cluster_that_it_is_of() {
    let (fleet, policy) = (fleet(), MeshPolicy::default());
    let mut desired = desired();
    let place = format!("{:?} shop/winner", Kind::GlobalTrafficPolicy);
    desired.findings.push(Finding::new(Code::BadWeights, Some(&cluster("c1")), place, "x".into()));
    desired.findings.push(Finding::new(Code::NoService, Some(&cluster("c9")), "Deployment shop/checkout", "x".into()));
    desired.findings.push(Finding::new(Code::NoServerIdentity, None, "policy sans", "x".into()));
    desired.findings.push(Finding::new(Code::Stranger, Some(&cluster("c0")), "c0", "x".into()));
    let plan = plan(&desired, &fleet, &policy, &Scope::default());
    let graph = graph(&fleet, &policy, &desired, &plan, &Scope::default());
    assert_eq!(codes(&graph.names[0].findings), [Code::HostTaken, Code::BadWeights]);
    let at =
        |name: &str| codes(&graph.clusters.iter().find(|node| node.status.cluster.as_str() == name).unwrap().findings);
    assert_eq!((at("c1"), at("c4"), at("c8")), (vec![], vec![Code::NoService], vec![Code::NoGateway]));
    assert_eq!(at("c9"), [Code::NoService], "the same words in another cluster are another object");
    assert_eq!(codes(&graph.findings), [Code::NoServerIdentity, Code::Stranger]);
    assert_eq!(graph.all_findings().count(), desired.findings.len());
}

#[test]
fn only_what_is_asked_for_is_there_and_what_is_elsewhere_is_counted() {
    let asked = of(&scope(&[], &["c3", "c1"]));
    let clusters: Vec<_> = asked.clusters.iter().map(|node| node.status.cluster.as_str()).collect();
    assert_eq!(clusters, ["c1", "c3"]);
    let name = &asked.names[0];
    assert_eq!((name.sources.len(), name.clients.len(), name.elsewhere), (1, 1, 2));
    assert!(of(&scope(&[], &["c5"])).names.is_empty(), "it has nothing to do with the name");
    assert!(of(&scope(&["payments"], &[])).names.is_empty());
    let named = of(&scope(&["checkout"], &[]));
    let clusters: Vec<_> = named.clusters.iter().map(|node| node.status.cluster.as_str()).collect();
    assert_eq!(clusters, ["c1", "c2", "c3", "c7", "c8"], "and those that are unseen, where it may run too");
}

#[test]
fn a_cluster_that_keeps_a_name_says_why() {
    let (fleet, policy) = (fleet(), MeshPolicy::default());
    let mut desired = desired();
    desired.names.get_mut(&host(BASE)).unwrap().ex_sources.insert(cluster("c4"));
    let mut plan = plan(&desired, &fleet, &policy, &Scope::default());
    let (_, object) = desired.objects[&cluster("c1")].first_key_value().unwrap();
    plan.steps.push(Step {
        cluster: cluster("c5"),
        key: mesh_model::owned::ObjectKey { kind: Kind::ServiceEntry, ..object.body.key.clone() },
        host: Some(host(BASE)),
        base: Some(host(BASE)),
        identity: None,
        role: None,
        is_called: true,
        action: Action::Hold { instead_of: "change or delete".into() },
        class: Class::Neutral,
        because: vec![Because::whole("Dependencies of c7 are unseen", vec![])],
    });
    let graph = graph(&fleet, &policy, &desired, &plan, &Scope::default());
    let ties: Vec<_> = graph.names[0].clients.iter().map(|edge| (edge.cluster.as_str(), edge.tie)).collect();
    assert_eq!(ties, [("c3", Tie::Calls), ("c4", Tie::Ran), ("c5", Tie::Held)]);
    assert_eq!(&*graph.names[0].clients[2].because.as_ref().unwrap().rule, "Dependencies of c7 are unseen");
}
