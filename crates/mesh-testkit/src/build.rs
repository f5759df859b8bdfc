//! Short builders of fleets that a person writes by hand in tests.
//!
//! ```
//! use mesh_testkit::build::{cluster, fleet};
//!
//! let fleet = fleet([
//!     cluster("c1").region("west").gateway("c1-gw.example").serves("shop", "checkout", "checkout", "stage"),
//!     cluster("c2").region("east").gateway("c2-gw.example").calls("web", "cart", "cart", &["checkout"]),
//! ]);
//! assert_eq!(fleet.seen().count(), 2);
//! ```

use std::sync::Arc;

use jiff::Timestamp;
use mesh_model::facts::{
    ClientConnectionConfig, ClusterFacts, Dependency, ForeignObject, GatewayService, GlobalTrafficPolicy,
    NamespaceFacts, OutlierDetection, Service, Workload,
};
use mesh_model::fleet::{ClusterView, FleetSnapshot, Unseen};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Namespace};
use mesh_model::owned::{ObjectKey, OwnedObject};
use mesh_model::policy::{Member, MemberState, MeshPolicy};

mod parts;

pub use parts::{
    ServiceBuilder, WorkloadBuilder, claim, connection_config, deployment, failover, foreign, gateway, items, key,
    outlier_detection, service, topology, traffic_policy, workload,
};

/// A fleet of the given clusters.
pub fn fleet(clusters: impl IntoIterator<Item = ClusterBuilder>) -> FleetSnapshot {
    FleetSnapshot { members: clusters.into_iter().map(ClusterBuilder::build).collect(), ..FleetSnapshot::default() }
}

/// The default policy.
pub fn policy() -> MeshPolicy {
    MeshPolicy::default()
}

/// A member of the policy, active and with nothing said about it.
pub fn member(name: &str) -> Member {
    Member {
        name: cluster_name(name),
        uid: None,
        context: None,
        region: None,
        network: None,
        gateway: None,
        trust_domain: None,
        state: MemberState::Active,
    }
}

/// A cluster's name.
///
/// # Panics
/// When it is none: a mistake in a test.
pub fn cluster_name(name: &str) -> ClusterName {
    ClusterName::parse(name).expect("a legal cluster name")
}

/// A namespace.
///
/// # Panics
/// When it is none: a mistake in a test.
pub fn namespace(name: &str) -> Namespace {
    Namespace::parse(name).expect("a legal namespace")
}

/// A time, in seconds since 1970.
///
/// # Panics
/// When it is out of the range of times: a mistake in a test.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time that fits")
}

/// A cluster without anything: seen, no region, no gateway.
pub fn cluster(name: &str) -> ClusterBuilder {
    ClusterBuilder { name: cluster_name(name), facts: ClusterFacts::default(), state: State::Seen }
}

/// One cluster in the making.
#[derive(Debug, Clone)]
#[must_use]
pub struct ClusterBuilder {
    name: ClusterName,
    facts: ClusterFacts,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Seen,
    Unseen(String),
    Retired,
    RetiredUnreached,
}

impl ClusterBuilder {
    /// One more node in `region`.
    pub fn region(mut self, region: &str) -> Self {
        *self.facts.node_regions.entry(region.into()).or_default() += 1;
        self
    }

    /// An east-west gateway with this load-balancer host name.
    pub fn gateway(self, hostname: &str) -> Self {
        self.gateway_service(gateway("istio-eastwestgateway", Some(hostname)))
    }

    /// An east-west gateway Service as given; the order of calls is the order of preference.
    pub fn gateway_service(mut self, gateway: GatewayService) -> Self {
        self.facts.gateways.push(gateway);
        self
    }

    /// The network, as the label of `istio-system`.
    pub fn network(mut self, network: &str) -> Self {
        self.facts.namespaces.entry(namespace("istio-system")).or_default().network = Some(network.into());
        self
    }

    /// The UID of `kube-system`.
    pub fn uid(mut self, uid: &str) -> Self {
        self.facts.uid = Some(uid.into());
        self
    }

    /// A namespace as given. Every namespace that something is put into is there anyway, with nothing said about it.
    pub fn namespace(mut self, name: &str, facts: NamespaceFacts) -> Self {
        self.facts.namespaces.insert(namespace(name), facts);
        self
    }

    /// An injected Deployment whose pods carry `app: <name>`.
    pub fn deployment(self, ns: &str, name: &str, identity: &str, env: &str) -> Self {
        self.workload(deployment(ns, name, identity, env))
    }

    /// A workload.
    pub fn workload(mut self, workload: impl Into<Workload>) -> Self {
        let workload = workload.into();
        self.facts.namespaces.entry(workload.namespace.clone()).or_default();
        self.facts.workloads.push(workload);
        self
    }

    /// A Service with the port `http` of this number, selecting `app: <name>`.
    pub fn service(self, ns: &str, name: &str, port: u16) -> Self {
        self.service_as(ns, service(name).port("http", port))
    }

    /// A Service.
    pub fn service_as(mut self, ns: &str, service: impl Into<Service>) -> Self {
        self.facts.namespaces.entry(namespace(ns)).or_default();
        self.facts.services.entry(namespace(ns)).or_default().push(service.into());
        self
    }

    /// A Deployment and its Service, port 80 `http`: the usual server.
    pub fn serves(self, ns: &str, name: &str, identity: &str, env: &str) -> Self {
        self.deployment(ns, name, identity, env).service(ns, name, 80)
    }

    /// A Deployment without Service that calls `destinations`: the usual client.
    pub fn calls(self, ns: &str, name: &str, identity: &str, destinations: &[&str]) -> Self {
        self.deployment(ns, name, identity, "stage").depends(identity, destinations)
    }

    /// A Dependency, named for its source, in namespace `admiral`.
    pub fn depends(self, source: &str, destinations: &[&str]) -> Self {
        self.dependency("admiral", &format!("dep-{}", source.to_lowercase()), source, destinations)
    }

    /// A Dependency.
    pub fn dependency(mut self, ns: &str, name: &str, source: &str, destinations: &[&str]) -> Self {
        self.facts.namespaces.entry(namespace(ns)).or_default();
        self.facts.dependencies.push(Dependency {
            namespace: namespace(ns),
            name: name.into(),
            source: source.into(),
            destinations: destinations.iter().map(|text| Arc::from(*text)).collect(),
        });
        self
    }

    /// A GlobalTrafficPolicy.
    pub fn traffic_policy(mut self, policy: GlobalTrafficPolicy) -> Self {
        self.facts.traffic_policies.push(policy);
        self
    }

    /// An OutlierDetection.
    pub fn outlier_detection(mut self, detection: OutlierDetection) -> Self {
        self.facts.outlier_detections.push(detection);
        self
    }

    /// A ClientConnectionConfig.
    pub fn connection_config(mut self, config: ClientConnectionConfig) -> Self {
        self.facts.connection_configs.push(config);
        self
    }

    /// An address in Admiral's VIP ConfigMap.
    pub fn stored_vip(mut self, service_entry: &str, address: &str) -> Self {
        self.facts.vip_store.insert(service_entry.into(), address.into());
        self
    }

    /// A generated object that is live.
    pub fn owned(mut self, key: ObjectKey, object: OwnedObject) -> Self {
        self.facts.owned.insert(key, object);
        self
    }

    /// Somebody else's Istio object.
    pub fn foreign(mut self, object: ForeignObject) -> Self {
        self.facts.foreign.push(object);
        self
    }

    /// Admiral runs here.
    pub fn runs_admiral(mut self, deployment: &str) -> Self {
        self.facts.admiral = Some(deployment.into());
        self
    }

    /// A claim that is recorded here.
    pub fn claim(mut self, claim: mesh_model::claim::Claim) -> Self {
        self.facts.claims.insert(claim.host.clone(), claim);
        self
    }

    /// The kind could not be read here; what was said of it stays unless it is taken away.
    pub fn unsee(mut self, kind: Kind) -> Self {
        self.facts.unseen.insert(kind);
        self
    }

    /// Nothing of the cluster could be read.
    pub fn unseen(mut self, why: &str) -> Self {
        self.state = State::Unseen(why.into());
        self
    }

    /// Retired by the policy, but reached.
    pub fn retired(mut self) -> Self {
        self.state = State::Retired;
        self
    }

    /// Retired by the policy and not reached.
    pub fn retired_unreached(mut self) -> Self {
        self.state = State::RetiredUnreached;
        self
    }

    /// What a run that reads this cluster sees, sorted as a reader sorts.
    pub fn facts(mut self) -> ClusterFacts {
        sort(&mut self.facts);
        self.facts
    }

    fn build(mut self) -> (ClusterName, ClusterView) {
        sort(&mut self.facts);
        let view = match self.state {
            State::Seen => ClusterView::Seen(Arc::new(self.facts)),
            State::Unseen(why) => ClusterView::Unseen(Unseen { why }),
            State::Retired => ClusterView::Retired(Some(Arc::new(self.facts))),
            State::RetiredUnreached => ClusterView::Retired(None),
        };
        (self.name, view)
    }
}

/// Sorts `facts` as a reader does.
pub(crate) fn sort(facts: &mut ClusterFacts) {
    facts.workloads.sort_by(|a, b| (&a.namespace, a.kind, &a.name).cmp(&(&b.namespace, b.kind, &b.name)));
    for services in facts.services.values_mut() {
        services.sort_by(|a, b| a.name.cmp(&b.name));
    }
    facts.dependencies.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    facts.traffic_policies.sort_by(|a, b| place(&a.meta).cmp(&place(&b.meta)));
    facts.outlier_detections.sort_by(|a, b| place(&a.meta).cmp(&place(&b.meta)));
    facts.connection_configs.sort_by(|a, b| place(&a.meta).cmp(&place(&b.meta)));
    facts.foreign.sort_by(|a, b| a.key.cmp(&b.key));
}

fn place(meta: &mesh_model::facts::PolicyMeta) -> (&Namespace, &Arc<str>) {
    (&meta.namespace, &meta.name)
}
