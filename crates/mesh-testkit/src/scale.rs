//! Big fleets for benches, the same ones every time.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_model::facts::{
    ClusterFacts, Dependency, GatewayService, LabelSet, NamespaceFacts, Service, ServicePort, Workload,
};
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::kind::Kind;
use mesh_model::mesh::Spec;
use mesh_model::name::{ClusterName, Env, Identity, Namespace};
use mesh_model::owned::ObjectKey;

use crate::build;

/// Services a global name at the design point: 5,000 names for 300 members of 2,000 Services each.
pub const SERVICES_PER_NAME: usize = 120;
/// Clusters that run a name, where nothing else is said.
pub const SOURCES: usize = 2;
/// Clusters that run or call a name.
const CLUSTERS_OF_NAME: usize = 10;
/// Namespaces of a cluster.
const NAMESPACES: usize = 50;
const REGIONS: [&str; 5] = ["us-west-2", "us-east-2", "eu-central-1", "eu-west-1", "ap-south-1"];

/// How many global names [`fleet`] has.
pub fn names(members: usize, services: usize) -> usize {
    (members * services / SERVICES_PER_NAME).max(1)
}

/// A fleet of so many members with so many Services each. Every name runs in `sources` clusters (1, 2, 5) and is called
/// by identities that run in as many: about ten clusters a name. Every tenth name has a traffic policy.
pub fn fleet(members: usize, services: usize, sources: usize) -> FleetSnapshot {
    let names = names(members, services);
    let mut shelf = Shelf::new();
    let mut clusters: BTreeMap<ClusterName, ClusterFacts> =
        (0..members).map(|number| (build::cluster_name(&cluster(number)), empty_cluster(number, &mut shelf))).collect();
    for name in 0..names {
        for source in 0..sources.min(members) {
            let number = (name + source * members.div_ceil(sources)) % members;
            if let Some(facts) = clusters.get_mut(cluster(number).as_str()) {
                let callers = if source == 0 { CLUSTERS_OF_NAME / sources - 1 } else { 0 };
                serve(facts, name, callers, &mut shelf);
            }
        }
    }
    for (number, facts) in clusters.values_mut().enumerate() {
        // What is not part of the mesh: Services of workloads without identity.
        let count: usize = facts.services.values().map(Vec::len).sum();
        for plain in count..services {
            let service = shelf.service(&format!("plain-{number}-{plain}"));
            facts.services.entry(shelf.namespace(plain)).or_default().push(service);
        }
        build::sort(facts);
    }
    let view = |(name, facts)| (name, ClusterView::Seen(Arc::new(facts)));
    FleetSnapshot { members: clusters.into_iter().map(view).collect(), ..FleetSnapshot::default() }
}

/// Adds to a fleet what decides traffic: in each cluster a Gateway, a PeerAuthentication, in each namespace a Sidecar and an
/// AuthorizationPolicy, and ten VirtualServices for global names.
pub fn add_mesh(fleet: &mut FleetSnapshot) {
    let texts: Vec<Arc<str>> = MESH_SPECS.iter().map(|spec| Arc::from(*spec)).collect();
    let spec = |at: usize| Spec { text: Arc::clone(&texts[at]), created: None };
    for view in fleet.members.values_mut() {
        let ClusterView::Seen(facts) = view else { continue };
        let facts = Arc::make_mut(facts);
        let mut add = |kind, namespace: &str, name: &str, at| {
            let key = ObjectKey { kind, namespace: build::namespace(namespace), name: name.into() };
            facts.mesh.specs.insert(key, spec(at));
        };
        add(Kind::Gateway, "istio-system", "cross-network", 0);
        add(Kind::PeerAuthentication, "istio-system", "default", 1);
        for index in 0..NAMESPACES {
            let namespace = format!("team-{index:02}");
            add(Kind::Sidecar, &namespace, "default", 2);
            add(Kind::AuthorizationPolicy, &namespace, "callers", 3);
        }
        for number in 0..10 {
            add(Kind::VirtualService, "team-00", &format!("route-{number}"), 4);
        }
    }
}

const MESH_SPECS: [&str; 5] = [
    r#"{"servers":[{"hosts":["*.global"],"port":{"number":15443,"protocol":"TLS"},"tls":{"mode":"AUTO_PASSTHROUGH"}}]}"#,
    r#"{"mtls":{"mode":"STRICT"}}"#,
    r#"{"egress":[{"hosts":["./*","mesh-sync/*","istio-system/*"]}]}"#,
    r#"{"rules":[{"from":[{"source":{"principals":["cluster.local/ns/*"]}}]}]}"#,
    r#"{"hosts":["prod.unit-1.service-00001.global"],"http":[{"route":[{"destination":{"host":"prod.unit-1.service-00001.global"}}]}]}"#,
];

fn cluster(number: usize) -> String {
    format!("cluster-{number:03}")
}

fn identity(name: usize) -> String {
    format!("unit-{}.service-{name:05}", name % 97)
}

fn empty_cluster(number: usize, shelf: &mut Shelf) -> ClusterFacts {
    let region = shelf.text(REGIONS[number % REGIONS.len()]);
    let gateway = GatewayService {
        network: Some(format!("net-{number:03}").into()),
        ..build::gateway("istio-eastwestgateway", Some(&format!("gw-{number:03}.example.com")))
    };
    let injected = NamespaceFacts { injected: true, ..NamespaceFacts::default() };
    ClusterFacts {
        uid: Some(format!("uid-{number:03}").into()),
        node_regions: [(region, 30)].into(),
        gateways: vec![gateway],
        namespaces: (0..NAMESPACES).map(|index| (shelf.namespace(index), injected.clone())).collect(),
        ..ClusterFacts::default()
    }
}

/// Runs a name in a cluster. Its first cluster tells what it calls, and so that `callers` names call it.
fn serve(facts: &mut ClusterFacts, name: usize, callers: usize, shelf: &mut Shelf) {
    let namespace = shelf.namespace(name);
    let text = format!("service-{name:05}");
    let service = shelf.service(&text);
    let plain: Workload = build::deployment(&namespace, &text, &identity(name), "prod").into();
    facts.workloads.push(Workload {
        identity: Identity::parse(&identity(name)).expect("a legal identity"),
        env: shelf.env.clone(),
        namespace: namespace.clone(),
        match_labels: service.selector.clone(),
        labels: service.selector.clone(),
        ready: Some(1),
        ..plain
    });
    facts.services.entry(namespace.clone()).or_default().push(service);
    if callers > 0 {
        // A name calls those before it, so each is called by as many after it.
        let destinations =
            (1..=callers).filter_map(|back| name.checked_sub(back)).map(|n| identity(n).into()).collect();
        let source = identity(name).into();
        facts.dependencies.push(Dependency {
            namespace: namespace.clone(),
            name: text.as_str().into(),
            source,
            destinations,
        });
        if name.is_multiple_of(10) {
            let items =
                [build::failover("default", &[(REGIONS[0], 50), (REGIONS[1], 50)]), build::topology("west", &[])];
            facts.traffic_policies.push(build::traffic_policy(&namespace, &text, &identity(name), "prod", items));
        }
    }
}

/// Values that a real reader shares too.
struct Shelf {
    texts: BTreeMap<String, Arc<str>>,
    namespaces: Vec<Namespace>,
    ports: Arc<[ServicePort]>,
    env: Env,
}

impl Shelf {
    fn new() -> Self {
        let plain: Service = build::service("x").port("http", 8080).into();
        Self {
            texts: BTreeMap::new(),
            namespaces: (0..NAMESPACES).map(|index| build::namespace(&format!("team-{index:02}"))).collect(),
            ports: plain.ports,
            env: Env::parse("prod").expect("a legal env"),
        }
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        self.texts.entry(text.to_owned()).or_insert_with(|| text.into()).clone()
    }

    fn namespace(&self, index: usize) -> Namespace {
        self.namespaces[index % NAMESPACES].clone()
    }

    fn service(&mut self, name: &str) -> Service {
        let (key, name): (Arc<str>, Arc<str>) = (self.text("app"), name.into());
        let selector: LabelSet = Arc::new([(key, name.clone())]);
        Service {
            name,
            created: None,
            selector,
            ports: self.ports.clone(),
            headless: false,
            external_name: false,
            ignored: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_big_fleet_has_the_shape_of_the_design_point() {
        let fleet = fleet(30, 2_000, SOURCES);
        assert_eq!(fleet.seen().count(), 30);
        for (_, facts) in fleet.seen() {
            assert_eq!(facts.services.values().map(Vec::len).sum::<usize>(), 2_000);
        }
        let workloads: usize = fleet.seen().map(|(_, facts)| facts.workloads.len()).sum();
        assert_eq!(workloads, 2 * names(30, 2_000));
        assert_eq!(names(300, 2_000), 5_000);
    }
}
