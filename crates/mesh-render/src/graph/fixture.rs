//! Graphs to draw in tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_model::finding::{Code, Finding};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host, Identity, Namespace};
use mesh_model::origin::Origin;
use mesh_plan::because::Because;
use mesh_plan::desired::Place;
use mesh_plan::graph::{Caller, ClientEdge, ClusterNode, Graph, NameNode, SourceEdge, Tie};
use mesh_plan::status::{MemberState, MemberStatus};
use mesh_plan::whereis::{HostReport, PublishedPort};

/// What no form may let out of its quotes, with all that a text of a cluster can hold.
pub(super) const EVIL: &str = "\"'`</title></script><script>alert(1)</script>]]>--%%{init}&amp;#quot;;\\N|\n\r\t\u{1b}[31m\u{202e}\u{0}\u{ffff}{[(\"";

fn cluster_name(at: usize) -> ClusterName {
    ClusterName::parse(&format!("cluster-{at:02}")).unwrap()
}

fn status(cluster: ClusterName, state: MemberState) -> MemberStatus {
    MemberStatus {
        network: cluster.to_string(),
        gateway: Some(format!("gw.{cluster}.example.:15443")),
        cluster,
        state,
        why: (state == MemberState::Unseen).then(|| "no folder of that name".to_owned()),
        unseen_kinds: Vec::new(),
        region: Some("us-west-2".into()),
        served: 1,
        used: 1,
        drift: 2,
        held: 0,
        webhook: None,
    }
}

pub(super) fn finding(code: Code, cluster: Option<&ClusterName>, text: &str) -> Finding {
    let mut finding = Finding::new(code, cluster, text, text.to_owned());
    finding.next = text.to_owned();
    finding
}

fn source(cluster: &ClusterName, weight: Option<u32>, held: bool) -> SourceEdge {
    let place = Place {
        cluster: cluster.clone(),
        namespace: Some(Namespace::parse("shop").unwrap()),
        kind: Some(Kind::Deployment),
        workload: Some("checkout".into()),
        service: Some("checkout".into()),
        port: Some(80),
        ready: Some(1),
        replicas: Some(2),
        region: Some("us-west-2".into()),
        gateway: None,
        owner: None,
        held,
    };
    SourceEdge { cluster: cluster.clone(), weight, held, places: vec![place] }
}

fn client(cluster: &ClusterName, tie: Tie) -> ClientEdge {
    let origin = |kind| Origin { cluster: cluster.clone(), kind, name: "web/storefront".into() };
    let caller = Caller {
        identity: "storefront".into(),
        workload: origin(Kind::Deployment),
        dependency: origin(Kind::Dependency),
    };
    let because = Some(Arc::new(Because::whole("Dependencies of c9 are unseen", vec![])));
    let callers = if tie == Tie::Calls { vec![caller] } else { Vec::new() };
    ClientEdge { cluster: cluster.clone(), tie, callers, because }
}

/// So many names over so many clusters, every second name with a split, with more and more clients and sources.
pub(super) fn graph(names: usize, clusters: usize) -> Graph {
    let all: Vec<ClusterName> = (0..clusters).map(cluster_name).collect();
    let node = |at: usize| {
        let name = Host::parse(&format!("stage.checkout-{at:03}.global")).unwrap();
        let weight = (at % 2 == 1).then_some(50);
        let split: BTreeMap<Arc<str>, u32> = weight.map(|weight| ("us-west-2".into(), weight)).into_iter().collect();
        let findings = if at.is_multiple_of(3) { vec![finding(Code::HostTaken, None, "taken")] } else { Vec::new() };
        NameNode {
            hosts: vec![HostReport { host: name.clone(), vip: Some("240.64.0.9".into()), split }],
            name,
            identity: Identity::parse(&format!("checkout-{at:03}")).unwrap(),
            env: "stage".into(),
            owners: BTreeSet::from(["team-shop".into()]),
            port: Some(PublishedPort { protocol: "http".into(), number: 80 }),
            clients: all.iter().take(at % (clusters + 1)).map(|cluster| client(cluster, Tie::Calls)).collect(),
            sources: all.iter().skip(at % clusters.max(1)).take(1 + at % 5).map(|c| source(c, weight, false)).collect(),
            elsewhere: 0,
            findings,
        }
    };
    Graph {
        clusters: all
            .iter()
            .map(|c| ClusterNode { status: status(c.clone(), MemberState::Seen), findings: vec![] })
            .collect(),
        names: (0..names).map(node).collect(),
        findings: Vec::new(),
    }
}

/// A name that runs in an unseen cluster and is kept by two others, with [`EVIL`] wherever a text is not checked.
pub(super) fn hostile() -> Graph {
    let mut graph = graph(1, 4);
    let c = |at| cluster_name(at);
    graph.clusters[1].status = status(c(1), MemberState::Unseen);
    graph.clusters[1].status.why = Some(EVIL.to_owned());
    graph.clusters[2].status.region = Some(EVIL.to_owned());
    graph.clusters[2].status.gateway = Some(EVIL.to_owned());
    graph.clusters[2].findings = vec![finding(Code::NoGateway, Some(&c(2)), EVIL)];
    graph.findings = vec![finding(Code::NoServerIdentity, None, EVIL)];
    let name = &mut graph.names[0];
    name.env = EVIL.into();
    name.owners.insert(EVIL.into());
    name.port = Some(PublishedPort { protocol: EVIL.into(), number: 80 });
    name.hosts[0].split.insert(EVIL.into(), 100);
    name.hosts
        .push(HostReport { host: Host::parse("west.stage.checkout-000.global").unwrap(), ..name.hosts[0].clone() });
    name.sources = vec![source(&c(1), Some(100), true), source(&c(2), Some(0), false)];
    name.sources[0].places[0].workload = Some(EVIL.into());
    name.clients = vec![client(&c(0), Tie::Calls), client(&c(2), Tie::Ran), client(&c(3), Tie::Held)];
    name.clients[0].callers[0].identity = EVIL.into();
    name.clients[2].because = Some(Arc::new(Because::whole(EVIL, vec![])));
    name.findings = vec![finding(Code::HostTaken, None, EVIL)];
    graph
}
