//! Single objects of generated clusters.

use std::sync::Arc;

use jiff::Timestamp;
use mesh_model::claim::{Claim, Phase};
use mesh_model::facts::{
    ClientConnectionConfig, Dependency, ForeignObject, GatewayService, GlobalTrafficPolicy, MeshWish, NamespaceFacts,
    OutlierDetection, OutlierValues, PolicyMeta, Service, ServicePort, TargetPort, TrafficItem, Workload, WorkloadKind,
};
use mesh_model::kind::Kind;
use mesh_model::owned::{ADMIRAL_MARK, CREATED_BY, Mark, OUR_MARK, OwnedObject};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::words::{ENVS, HOSTS, IDENTITIES, NAMESPACES, REGIONS, WORKLOADS};
use crate::build::{self, at, namespace};
use crate::world::Item;

/// Anything that a cluster may hold, generated objects included.
pub fn item() -> impl Strategy<Value = Item> {
    prop_oneof![15 => fact(), 1 => owned()]
}

/// Anything but generated objects.
pub(super) fn fact() -> impl Strategy<Value = Item> {
    prop_oneof![
        12 => server(),
        4 => workload().prop_map(Item::Workload),
        3 => (select(NAMESPACES.to_vec()), service()).prop_map(|(ns, service)| Item::Service(namespace(ns), service)),
        8 => dependency().prop_map(Item::Dependency),
        5 => traffic_policy().prop_map(Item::TrafficPolicy),
        1 => outlier_detection().prop_map(Item::OutlierDetection),
        1 => connection_config().prop_map(Item::ConnectionConfig),
        1 => foreign().prop_map(Item::Foreign),
        1 => claim().prop_map(Item::Claim),
        1 => stored_vip(),
        1 => namespace_facts(),
        1 => region(),
        1 => gateway(),
        1 => prop_oneof![1 => Just(Item::Admiral), 3 => region()],
    ]
}

/// The region of a cluster.
pub(super) fn region() -> impl Strategy<Value = Item> {
    select(REGIONS[..2].to_vec()).prop_map(|region| Item::Region(region.into()))
}

/// A gateway Service; two clusters may share an address, and some have none.
pub(super) fn gateway() -> impl Strategy<Value = Item> {
    let address = prop_oneof![
        12 => select(vec!["g1.example", "g2.example", "g3.example", "g4.example", "g5.example"]).prop_map(Some),
        1 => Just(None),
    ];
    let name = prop_oneof![4 => Just("istio-eastwestgateway"), 1 => Just("istio-ingressgateway")];
    (name, address, 0..20_u8, prop::option::weighted(0.2, select(vec!["net-1", "net-2"]))).prop_map(
        |(name, address, form, network)| {
            let plain = build::gateway(name, address);
            let network = network.map(Arc::from);
            Item::Gateway(match (address, form) {
                (Some(_), 0) => GatewayService { hostname: None, ip: Some("10.1.2.3".into()), network, ..plain },
                (Some(_), 1) => GatewayService {
                    hostname: None,
                    ingresses: 0,
                    external_ip: Some("10.1.2.4".into()),
                    node_port: Some(31443),
                    network,
                    ..plain
                },
                _ => GatewayService { network, ..plain },
            })
        },
    )
}

/// A workload with a Service that matches it.
fn server() -> impl Strategy<Value = Item> {
    (workload(), service()).prop_map(|(workload, service)| {
        let service = Service { name: workload.name.clone(), selector: workload.match_labels.clone(), ..service };
        Item::Server(workload, service)
    })
}

fn workload() -> impl Strategy<Value = Workload> {
    let kind = prop_oneof![
        12 => Just(WorkloadKind::Deployment),
        2 => Just(WorkloadKind::StatefulSet),
        1 => Just(WorkloadKind::DaemonSet),
        1 => Just(WorkloadKind::Rollout),
        1 => Just(WorkloadKind::Job),
        1 => Just(WorkloadKind::CronJob),
    ];
    let pair = (weighted(&IDENTITIES), weighted(&ENVS));
    let injected = prop_oneof![
        12 => Just((Some(true), None)),
        3 => Just((None, Some(true))),
        1 => Just((None, None)),
        1 => Just((Some(false), Some(true))),
    ];
    let marks = (prop::bool::weighted(0.05), prop::bool::weighted(0.05), prop::bool::weighted(0.08));
    let ports = prop_oneof![12 => Just(None), 2 => Just(Some("8080")), 1 => Just(Some("*"))];
    let account = prop_oneof![4 => Just("default"), 1 => Just("robot")];
    let partition = prop_oneof![16 => Just(None), 1 => Just(Some("retail")), 1 => Just(Some("business"))];
    let rest = (account, created(), partition);
    (kind, select(NAMESPACES.to_vec()), select(WORKLOADS.to_vec()), pair, injected, marks, ports, rest).prop_map(
        |(kind, ns, name, (identity, env), (label, annotation), marks, ports, (account, created, partition))| {
            let (keep_case, ambient, ignored) = marks;
            let plain: Workload = build::workload(kind, ns, name, identity, env)
                .container_port("web", 8081)
                .service_account(account)
                .into();
            Workload {
                created,
                partition: partition.map(Arc::from),
                keep_case,
                wish: MeshWish { inject_label: label, inject_annotation: annotation, ambient, ignored },
                inbound_ports: ports.map(Arc::from),
                ..plain
            }
        },
    )
}

fn service() -> impl Strategy<Value = Service> {
    let selector = prop_oneof![
        8 => select(WORKLOADS.to_vec()).prop_map(Some),
        1 => Just(None),
    ];
    let rare = || prop::bool::weighted(0.05);
    let marks = (prop::bool::weighted(0.1), rare(), rare());
    (select(WORKLOADS.to_vec()), selector, vec(port(), 0..3), marks, created()).prop_map(
        |(name, selector, ports, (headless, external_name, ignored), created)| {
            let pairs: Vec<(&str, &str)> = selector.into_iter().map(|app| ("app", app)).collect();
            let plain: Service = build::service(name).selects(&pairs).into();
            // Most Services have a port; none at all is rare and comes from shrinking.
            let ports = if ports.is_empty() { vec![http()] } else { ports };
            Service { ports: ports.into(), headless, external_name, ignored, created, ..plain }
        },
    )
}

fn http() -> ServicePort {
    ServicePort { name: "http".into(), number: 80, target: TargetPort::Unset, app_protocol: None, not_tcp: false }
}

fn port() -> impl Strategy<Value = ServicePort> {
    let name = prop_oneof![
        6 => Just("http"),
        2 => Just("grpc"),
        2 => Just("tcp"),
        1 => Just("http2-api"),
        1 => Just(""),
        1 => Just("mysql"),
        1 => Just("metrics"),
    ];
    let target = prop_oneof![
        4 => Just(TargetPort::Unset),
        2 => Just(TargetPort::Number(8080)),
        1 => Just(TargetPort::Name("web".into())),
    ];
    let app_protocol = prop_oneof![9 => Just(None), 1 => Just(Some("grpc")), 1 => Just(Some("tcp"))];
    (name, select(vec![80_u16, 8080, 9090]), target, app_protocol, prop::bool::weighted(0.05)).prop_map(
        |(name, number, target, app_protocol, not_tcp)| ServicePort {
            name: name.into(),
            number,
            target,
            app_protocol: app_protocol.map(Arc::from),
            not_tcp,
        },
    )
}

fn dependency() -> impl Strategy<Value = Dependency> {
    (select(vec!["d1", "d2", "d3"]), weighted(&IDENTITIES), vec(weighted(&IDENTITIES), 1..4)).prop_map(
        |(name, source, destinations)| Dependency {
            namespace: namespace("admiral"),
            name: name.into(),
            source: source.into(),
            destinations: destinations.into_iter().map(Arc::from).collect(),
        },
    )
}

fn meta() -> impl Strategy<Value = PolicyMeta> {
    let pair = (weighted(&IDENTITIES), weighted(&ENVS));
    (select(NAMESPACES.to_vec()), select(vec!["p1", "p2"]), pair, created()).prop_map(
        |(ns, name, (identity, env), created)| PolicyMeta {
            namespace: namespace(ns),
            name: name.into(),
            identity: identity.into(),
            env: env.into(),
            created,
        },
    )
}

fn traffic_policy() -> impl Strategy<Value = GlobalTrafficPolicy> {
    let updated = prop_oneof![6 => Just(None), 1 => Just(Some("2024-01-01")), 1 => Just(Some("2024-01-02"))];
    (meta(), prop_oneof![3 => Just(0_i64), 1 => Just(5)], updated, vec(traffic_item(), 0..3)).prop_map(
        |(meta, priority, updated, items)| GlobalTrafficPolicy {
            meta,
            priority,
            last_updated: updated.map(Arc::from),
            items,
        },
    )
}

fn traffic_item() -> impl Strategy<Value = TrafficItem> {
    let prefix = select(vec!["default", "", "stage", "west", "east", "West", "bad_prefix", "canary"]);
    let targets = select(vec![
        vec![("west", 100)],
        vec![("west", 70), ("east", 30)],
        vec![("west", 0), ("east", 100)],
        vec![],
        vec![("north", 100)],
        vec![("west", 60), ("east", 60)],
        vec![("west", 0)],
        vec![("north", 50), ("west", 50)],
        vec![("west", -20), ("east", 120)],
    ]);
    let dns = prop_oneof![9 => Just(""), 1 => Just("stage.a.global")];
    (prefix, dns, any::<bool>(), targets, prop::option::weighted(0.3, outlier_values())).prop_map(
        |(dns_prefix, dns, failover, targets, outlier)| TrafficItem {
            dns_prefix: dns_prefix.into(),
            dns: dns.into(),
            failover,
            targets: targets.into_iter().map(|(region, weight)| (region.into(), weight)).collect(),
            outlier,
        },
    )
}

fn outlier_values() -> impl Strategy<Value = OutlierValues> {
    let seconds = || select(vec![None, Some(0_i64), Some(30), Some(-1)]);
    (seconds(), select(vec![None, Some(0_u32), Some(7)]), seconds()).prop_map(
        |(base_ejection_time, consecutive_gateway_errors, interval)| OutlierValues {
            base_ejection_time,
            consecutive_gateway_errors,
            interval,
        },
    )
}

fn outlier_detection() -> impl Strategy<Value = OutlierDetection> {
    (meta(), outlier_values()).prop_map(|(meta, values)| OutlierDetection { meta, values })
}

fn connection_config() -> impl Strategy<Value = ClientConnectionConfig> {
    let pools = vec![
        r#"{"http":{"maxRequestsPerConnection":5}}"#,
        r#"{"http":{"idleTimeout":"5m","http2MaxRequests":9},"tcp":{"maxConnectionDuration":"1h"}}"#,
        r#"{"http":{"idleTimeout":"0s","maxRequestsPerConnection":-1}}"#,
        r#"{"tcp":{"connectTimeout":"soon","tcpKeepalive":{"probes":3,"time":"10s"}}}"#,
        "{}",
    ];
    (meta(), select(pools)).prop_map(|(meta, pool)| ClientConnectionConfig { meta, connection_pool: pool.into() })
}

fn foreign() -> impl Strategy<Value = ForeignObject> {
    let kind = select(vec![Kind::ServiceEntry, Kind::DestinationRule, Kind::VirtualService]);
    let home = prop::option::of(select(vec![80, 9000]));
    let parts = (kind, select(HOSTS.to_vec()), any::<bool>(), any::<bool>(), home);
    parts.prop_map(|(kind, host, our_name, our_namespace, home)| {
        let ns = if our_namespace { "mesh-sync" } else { "shop" };
        let name = match (our_name, kind) {
            (true, Kind::ServiceEntry) => format!("{host}-se"),
            (true, Kind::DestinationRule) => format!("{host}-default-dr"),
            _ => "theirs".into(),
        };
        let plain = build::foreign(kind, ns, &name, &[host]);
        let addresses = if kind == Kind::ServiceEntry { vec!["240.64.0.7".into()] } else { vec![] };
        let home_ports = home.filter(|_| kind == Kind::ServiceEntry).into_iter().collect();
        ForeignObject { addresses, home_ports, ..plain }
    })
}

fn claim() -> impl Strategy<Value = Claim> {
    let owners = || select(NAMESPACES.to_vec());
    (weighted(&IDENTITIES), owners(), vec(owners(), 0..2), any::<bool>(), 1..3_u64).prop_map(
        |(identity, owner, also, bound, epoch)| Claim {
            also_owners: also.into_iter().map(Arc::from).collect(),
            phase: if bound { Phase::Bound } else { Phase::Released },
            epoch,
            ..build::claim(&format!("stage.{}.global", identity.to_lowercase()), owner, identity, "stage")
        },
    )
}

fn stored_vip() -> impl Strategy<Value = Item> {
    (select(HOSTS.to_vec()), select(vec!["240.0.10.1", "240.0.10.2"]))
        .prop_map(|(host, address)| Item::StoredVip(format!("{host}-se").into(), address.into()))
}

fn namespace_facts() -> impl Strategy<Value = Item> {
    let rare = || prop::bool::weighted(0.15);
    let network = prop::option::weighted(0.3, select(vec!["net-1", "net-2"]));
    let owner = prop::option::weighted(0.5, select(vec!["team-1", "team-2", "shop"]));
    let name = prop_oneof![3 => select(NAMESPACES.to_vec()), 1 => Just("istio-system")];
    (name, any::<bool>(), rare(), rare(), network, owner).prop_map(
        |(ns, injected, ambient, ignored, network, owner)| {
            let facts = NamespaceFacts {
                injected,
                ambient,
                ignored,
                network: network.map(Arc::from),
                owner: owner.map(Arc::from),
            };
            Item::Namespace(namespace(ns), facts)
        },
    )
}

/// A generated object that no run of this story wrote: Admiral's, or one of ours from another life.
fn owned() -> impl Strategy<Value = Item> {
    let endpoints = select(vec![
        vec!["g1.example."],
        vec!["g1.example.", "g2.example."],
        vec!["w1.shop.svc.cluster.local", "g2.example."],
        vec!["gone.example."],
    ]);
    let host = prop_oneof![4 => select(HOSTS.to_vec()), 1 => Just("stage.old.global")];
    (host, endpoints, any::<bool>(), any::<bool>(), select(vec!["240.0.10.1", "240.64.0.7"])).prop_map(
        |(host, endpoints, ours, is_entry, vip)| {
            let (kind, name, spec) = if is_entry {
                (Kind::ServiceEntry, format!("{host}-se"), entry_spec(host, vip, &endpoints))
            } else {
                let spec = format!(r#"{{"host":"{host}","trafficPolicy":{{"tls":{{"mode":"ISTIO_MUTUAL"}}}}}}"#);
                (Kind::DestinationRule, format!("{host}-default-dr"), spec)
            };
            let mark = if ours { OUR_MARK } else { ADMIRAL_MARK };
            let object = OwnedObject {
                created: None,
                uid: Some(format!("uid-{name}").into()),
                version: "1".into(),
                mark: if ours { Mark::Ours } else { Mark::Admiral },
                spec: spec.into(),
                labels: Arc::new([("admiral.io/env".into(), "stage".into())].into()),
                annotations: Arc::new([(CREATED_BY.into(), mark.into()), ("identity".into(), "a".into())].into()),
                origins: Arc::default(),
                from_text: None,
                changed_by: None,
            };
            Item::Owned(build::key(kind, "mesh-sync", &name), Box::new(object))
        },
    )
}

fn entry_spec(host: &str, vip: &str, endpoints: &[&str]) -> String {
    let endpoint = |address: &&str| {
        serde_json::json!({
            "address": address,
            "labels": {"security.istio.io/tlsMode": "istio", "type": "deployment"},
            "locality": "west",
            "ports": {"http": if address.contains(".svc.") { 80 } else { 15443 }},
        })
    };
    serde_json::json!({
        "addresses": [vip],
        "endpoints": endpoints.iter().map(endpoint).collect::<Vec<_>>(),
        "hosts": [host],
        "location": "MESH_INTERNAL",
        "ports": [{"name": "http", "number": 80, "protocol": "http"}],
        "resolution": "DNS",
    })
    .to_string()
}

fn created() -> impl Strategy<Value = Option<Timestamp>> {
    select(vec![None, Some(1_i64), Some(2), Some(3)]).prop_map(|second| second.map(at))
}

/// One of the words, as often as its weight says.
fn weighted(words: &[(u32, &'static str)]) -> impl Strategy<Value = &'static str> + use<> {
    let all: Vec<&'static str> =
        words.iter().flat_map(|(weight, word)| std::iter::repeat_n(*word, *weight as usize)).collect();
    select(all)
}
