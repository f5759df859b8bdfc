//! A small fleet with its desired state, made by hand: what look-ups are tested against.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_model::facts::{ClusterFacts, Dependency, MeshWish, Workload, WorkloadKind};
use mesh_model::finding::{Code, Finding};
use mesh_model::fleet::{ClusterView, FleetSnapshot, Unseen};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Env, Host, Identity, Namespace};
use mesh_model::origin::{Origin, Origins, Part};
use mesh_model::owned::ObjectKey;

use crate::because::Because;
use crate::desired::{Body, Desired, DesiredObject, Name, Place, PolicyChoice, Role};

/// The base host of the one name.
pub(crate) const BASE: &str = "stage.checkout.global";

pub(crate) fn cluster(name: &str) -> ClusterName {
    ClusterName::parse(name).unwrap()
}

fn namespace(name: &str) -> Namespace {
    Namespace::parse(name).unwrap()
}

pub(crate) fn host(name: &str) -> Host {
    Host::parse(name).unwrap()
}

pub(crate) fn origin(at: &str, kind: Kind, name: &str) -> Origin {
    Origin { cluster: cluster(at), kind, name: name.into() }
}

pub(crate) fn workload(kind: WorkloadKind, at: &str, name: &str, identity: &str) -> Workload {
    Workload {
        kind,
        namespace: namespace(at),
        name: name.into(),
        created: None,
        identity: Identity::parse(identity).unwrap(),
        env: Env::parse("stage").unwrap(),
        partition: None,
        keep_case: false,
        wish: MeshWish::default(),
        inbound_ports: None,
        match_labels: Vec::new().into(),
        labels: Vec::new().into(),
        dns_capture: None,
        container_ports: Vec::new().into(),
        service_account: "default".into(),
        replicas: None,
        ready: None,
    }
}

fn seen(workloads: Vec<Workload>) -> ClusterFacts {
    ClusterFacts { workloads, ..ClusterFacts::default() }
}

/// c1 serves checkout; c2 did when it was last seen; c3 calls it; c4 runs it without a Service; c5 has nothing to do with
/// it; c6 is retired; c7 is unseen; c8 serves it without a gateway; c9's host is taken.
pub(crate) fn fleet() -> FleetSnapshot {
    let checkout = |kind| workload(kind, "shop", "checkout", "checkout");
    let mut c3 = seen(vec![workload(WorkloadKind::CronJob, "web", "storefront", "storefront")]);
    c3.dependencies.push(Dependency {
        namespace: namespace("web"),
        name: "storefront".into(),
        source: "storefront".into(),
        destinations: vec!["checkout".into()],
    });
    let members = [
        ("c1", seen(vec![checkout(WorkloadKind::Deployment)])),
        ("c3", c3),
        ("c4", seen(vec![checkout(WorkloadKind::StatefulSet)])),
        ("c5", seen(vec![])),
        ("c8", seen(vec![checkout(WorkloadKind::Deployment)])),
        ("c9", seen(vec![])),
    ];
    let mut fleet = FleetSnapshot::default();
    fleet.members.extend(members.map(|(name, facts)| (cluster(name), ClusterView::Seen(Arc::new(facts)))));
    for name in ["c2", "c7"] {
        let unseen = Unseen { why: "no folder of that name".into() };
        fleet.members.insert(cluster(name), ClusterView::Unseen(unseen));
    }
    fleet.members.insert(cluster("c6"), ClusterView::Retired(None));
    fleet.strangers.push(cluster("c0"));
    fleet
}

fn place(at: &str, gateway: Option<&str>, held: bool) -> Place {
    Place {
        cluster: cluster(at),
        namespace: Some(namespace("shop")),
        kind: Some(Kind::Deployment),
        workload: Some("checkout".into()),
        service: Some("checkout-http".into()),
        port: Some(8080),
        ready: Some(2),
        replicas: Some(3),
        region: Some("us-west-2".into()),
        gateway: gateway.map(Into::into),
        owner: Some("team-shop".into()),
        held,
    }
}

fn choice(name: &str, active: bool, why: &str) -> PolicyChoice {
    let kind = Kind::GlobalTrafficPolicy;
    PolicyChoice { kind, cluster: cluster("c1"), name: name.into(), active, why: why.into() }
}

pub(crate) fn desired() -> Desired {
    let west = format!("west.{BASE}");
    let role = Because::whole(
        "runs a workload whose Dependency names checkout",
        vec![origin("c3", Kind::Dependency, "web/storefront")],
    );
    let name = Name {
        identity: Identity::parse("checkout").unwrap(),
        env: "stage".into(),
        hosts: BTreeMap::from([(host(BASE), Some("240.64.0.9".into())), (host(&west), Some("240.64.7.7".into()))]),
        places: vec![
            place("c2", Some("c2-gw.example.:15443"), true),
            place("c1", Some("c1-gw.example.:15443"), false),
            place("c8", None, false),
        ],
        clients: BTreeMap::from([(cluster("c3"), Arc::new(role.clone()))]),
        ex_sources: BTreeSet::new(),
        policies: vec![
            choice("shop/a-loser", false, "lost to c1: shop/winner: lower priority (1 < 5)"),
            choice("shop/winner", true, "highest priority (5)"),
        ],
        port: Some(("http".into(), 80)),
        split: BTreeMap::from([("us-west-2".into(), 70), ("us-east-2".into(), 30)]),
    };
    let mut desired = Desired::default();
    desired.names.insert(host(BASE), name);
    for (at, kind) in [("c1", Role::Source), ("c3", Role::Client), ("c8", Role::Source)] {
        let local = if kind == Role::Source { at } else { "" };
        let objects = [entry(local, kind, &role), rule(BASE, kind, &role), rule(&west, kind, &role)];
        let keyed = objects.map(|object| (object.body.key.clone(), object));
        desired.objects.insert(cluster(at), BTreeMap::from(keyed));
    }
    desired.findings = vec![
        finding(Code::NoService, "c4", "StatefulSet shop/checkout", "no Service of shop selects checkout"),
        finding(Code::NoGateway, "c8", "istio-system", "no gateway Service has an address"),
        finding(Code::HostTaken, "c9", BASE, "ServiceEntry ops/mine has stage.checkout.global"),
    ];
    desired
}

fn finding(code: Code, at: &str, place: &str, message: &str) -> Finding {
    Finding::new(code, Some(&cluster(at)), place, message.to_owned())
}

/// The ServiceEntry of the base host: c1's and c2's endpoints, and the own one where it runs.
fn entry(local: &str, role: Role, role_because: &Because) -> DesiredObject {
    let mut origins = Origins::default();
    let mut endpoints = Vec::new();
    let mut because = vec![Because::field(
        "addresses",
        "the address that most clusters hold",
        vec![origin("c1", Kind::ServiceEntry, "mesh-sync/stage.checkout.global-se")],
    )];
    let mut sources = vec!["c1", "c2"];
    if !sources.contains(&local) && !local.is_empty() {
        sources.push(local);
    }
    for at in sources {
        let address = if at == local { "checkout-http.shop.svc".to_owned() } else { format!("{at}-gw.example.") };
        let service = origin(at, Kind::Service, "shop/checkout-http");
        origins.add(service.clone(), Part::Endpoint(address.as_str().into()));
        because.push(Because::field(format!("endpoints/{address}"), "one endpoint a source cluster", vec![service]));
        endpoints.push(serde_json::json!({"address": address, "ports": {"http": 15443}}));
    }
    let held = Because::field("endpoints/c2-gw.example.", "c2 is unseen: its endpoint is held", vec![]);
    let spec = serde_json::json!({
        "addresses": ["240.64.0.9"], "endpoints": endpoints, "hosts": [BASE], "location": "MESH_INTERNAL",
    });
    let body = body(Kind::ServiceEntry, &format!("{BASE}-se"), &spec, origins);
    object(body, BASE, role, role_because, because, vec![held])
}

fn rule(of: &str, role: Role, role_because: &Because) -> DesiredObject {
    let because = vec![Because::field(
        "trafficPolicy/localityLbSetting",
        "FAILOVER item of the active traffic policy",
        vec![origin("c1", Kind::GlobalTrafficPolicy, "shop/winner")],
    )];
    let to = if of == BASE {
        serde_json::json!({"us-west-2": 70, "us-east-2": 30})
    } else {
        serde_json::json!({"us-west-2": 100})
    };
    let spec = serde_json::json!({"host": of, "trafficPolicy": {
        "loadBalancer": {"localityLbSetting": {"distribute": [{"from": "us-west-2/*", "to": to}]}, "simple": "LEAST_REQUEST"},
        "tls": {"mode": "ISTIO_MUTUAL"},
    }});
    let body = body(Kind::DestinationRule, &format!("{of}-default-dr"), &spec, Origins::default());
    object(body, of, role, role_because, because, Vec::new())
}

fn body(kind: Kind, name: &str, spec: &serde_json::Value, origins: Origins) -> Body {
    Body {
        key: ObjectKey { kind, namespace: namespace("mesh-sync"), name: name.into() },
        labels: Arc::default(),
        annotations: Arc::new([("app.kubernetes.io/created-by".into(), "kubectl-mesh".into())].into()),
        spec: spec.to_string().into(),
        from_text: None,
        origins: Arc::new(origins),
    }
}

fn object(
    body: Body,
    of: &str,
    role: Role,
    role_because: &Because,
    because: Vec<Because>,
    held: Vec<Because>,
) -> DesiredObject {
    DesiredObject {
        body: Arc::new(body),
        host: host(of),
        base: host(BASE),
        identity: Identity::parse("checkout").unwrap(),
        role,
        is_called: role == Role::Client,
        role_because: Arc::new(role_because.clone()),
        because: Arc::new(because),
        held,
    }
}
