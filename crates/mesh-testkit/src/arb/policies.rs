//! Policies that make a difference, mostly the default.

use std::net::Ipv4Addr;

use mesh_model::policy::{
    Adopt, ExportToPolicy, Injection, Ipv4Range, Member, MemberGateway, MeshPolicy, OutlierProfile, SanPolicy,
    TrafficPolicy, VipPolicy,
};
use proptest::prelude::*;
use proptest::sample::select;

use super::words::REGIONS;
use crate::build;

/// Policies, without members.
pub fn policy() -> impl Strategy<Value = MeshPolicy> {
    let rare = prop::bool::weighted(0.1);
    let who = (
        prop::bool::weighted(0.3),
        prop_oneof![9 => Just(vec![]), 1 => Just(vec!["a".to_owned()])],
        rare,
        prop_oneof![9 => Just("global"), 1 => Just("mesh")],
    );
    (who, vip(), sans(), export_to(), traffic()).prop_map(
        |((adopts, exclude, annotation_only, suffix), vip, sans, export_to, (traffic, trailing_dot))| {
            let mut policy = MeshPolicy {
                suffix: suffix.into(),
                adopt: if adopts { Adopt::Admiral } else { Adopt::Off },
                exclude,
                injection: if annotation_only { Injection::Admiral } else { Injection::Istio },
                vip,
                sans,
                export_to,
                traffic,
                ..MeshPolicy::default()
            };
            policy.gateway.trailing_dot = trailing_dot;
            policy
        },
    )
}

/// What a policy says of a member; the name is filled in where it is used.
pub fn member() -> impl Strategy<Value = Member> {
    let gateway = prop_oneof![
        2 => Just(None),
        1 => Just(Some(MemberGateway::None)),
        2 => select(vec!["m-gw.example", "c1-gw.example", "10.0.0.9"])
            .prop_map(|host| Some(MemberGateway::At { host: host.into(), port: 15443 })),
        1 => Just(Some(MemberGateway::At { host: "m-gw.example".into(), port: 31000 })),
    ];
    let region = prop::option::of(select(REGIONS.to_vec()));
    let network = prop::option::of(select(vec!["net-1", "net-2"]));
    (region, network, gateway, prop::option::weighted(0.2, Just("corp.example"))).prop_map(
        |(region, network, gateway, trust_domain)| Member {
            region: region.map(Into::into),
            network: network.map(Into::into),
            gateway,
            trust_domain: trust_domain.map(Into::into),
            ..build::member("to-be-named")
        },
    )
}

fn vip() -> impl Strategy<Value = VipPolicy> {
    let small = Ipv4Range { network: Ipv4Addr::new(240, 64, 0, 0), prefix: 24 };
    prop_oneof![
        6 => Just(VipPolicy::default()),
        2 => Just(VipPolicy::Range { range: small, ipv6: false }),
        1 => Just(VipPolicy::Range { range: small, ipv6: true }),
        2 => Just(VipPolicy::Off),
    ]
}

fn sans() -> impl Strategy<Value = SanPolicy> {
    prop_oneof![
        5 => Just(SanPolicy::Off),
        3 => Just(SanPolicy::ServiceAccounts),
        1 => Just(SanPolicy::Template("spiffe://corp.example/{identity}".into())),
    ]
}

fn export_to() -> impl Strategy<Value = ExportToPolicy> {
    let limited = |host: &str, max_namespaces| ExportToPolicy::Limited { hosts: vec![host.into()], max_namespaces };
    prop_oneof![
        5 => Just(ExportToPolicy::Off),
        3 => Just(limited("*", 35)),
        1 => Just(limited("*", 1)),
        1 => Just(limited("stage.a", 35)),
    ]
}

fn traffic() -> impl Strategy<Value = (TrafficPolicy, bool)> {
    let often = || prop::bool::weighted(0.8);
    (often(), often(), often(), prop_oneof![4 => Just(45_u32), 1 => Just(30)], prop::bool::weighted(0.2)).prop_map(
        |(dot, configs, outlier, warmup_seconds, local_trailing_dot)| {
            let traffic = TrafficPolicy {
                warmup_seconds,
                outlier: if outlier { OutlierProfile::Admiral } else { OutlierProfile::Off },
                client_connection_configs: configs,
                local_trailing_dot,
                ..TrafficPolicy::default()
            };
            (traffic, dot)
        },
    )
}
