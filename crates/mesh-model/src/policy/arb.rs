//! Generated policies, for tests of laws.

use jiff::civil::Date;
use proptest::prelude::*;

use super::{
    Adopt, CheckPolicy, ClaimPolicy, ExportToPolicy, FleetPolicy, GatewayPolicy, Injection, Ipv4Range, Keys, Member,
    MemberGateway, MemberState, MeshPolicy, OutlierProfile, OwnerFrom, SanPolicy, Suppression, TrafficPolicy,
    VipPolicy,
};
use crate::finding::Code;
use crate::limits::MAX_REVISION;
use crate::name::{ClusterName, Namespace};

/// Legal policies with every form of every value, and with texts that YAML would misread if they were not quoted.
pub(super) fn policies() -> impl Strategy<Value = MeshPolicy> {
    let key = "([a-z]{1,6}\\.io/)?[A-Za-z]([A-Za-z0-9_.-]{0,8}[a-z0-9])?";
    let word = "[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?";
    let names = || prop::collection::vec(r#"[a-zA-Z0-9äß:#*&!|>'"%@\[\]{},?/-]{1,8}|off|null|true|1e3|0x1F"#, 0..4);
    let keys = [key; 7].prop_map(|[identity, policy_identity, env, priority, ignore, inject, partition]| Keys {
        identity,
        policy_identity,
        env,
        priority,
        ignore,
        inject,
        partition,
    });
    let head = (1..=MAX_REVISION, "[a-z0-9]{1,5}(\\.[a-z0-9]{1,5}){0,2}", word, any::<bool>(), any::<bool>());
    let gateway =
        (word, prop::collection::vec(word, 1..3), any::<bool>()).prop_map(|(namespace, apps, trailing_dot)| {
            GatewayPolicy { namespace: Namespace::parse(&namespace).unwrap(), apps, trailing_dot }
        });
    let owner_from = prop::collection::vec(
        prop_oneof![Just(OwnerFrom::NamespaceName), key.prop_map(OwnerFrom::NamespaceLabel)],
        1..4,
    );
    let vip = prop_oneof![
        Just(VipPolicy::Off),
        (prop::sample::select(vec!["240.64.0.0/10", "10.0.0.0/8", "198.18.7.0/24"]), any::<bool>())
            .prop_map(|(range, ipv6)| VipPolicy::Range { range: Ipv4Range::parse(range).unwrap(), ipv6 }),
    ];
    let sans = prop_oneof![
        Just(SanPolicy::Off),
        Just(SanPolicy::ServiceAccounts),
        "[a-z]{1,6}".prop_map(|domain| SanPolicy::Template(format!("spiffe://{domain}/{{identity}}"))),
    ];
    let export_to = prop_oneof![
        Just(ExportToPolicy::Off),
        (prop::collection::vec("[a-z*.]{1,5}|off", 1..3), 1..9999usize)
            .prop_map(|(hosts, max_namespaces)| ExportToPolicy::Limited { hosts, max_namespaces }),
    ];
    let outlier = prop::sample::select(vec![OutlierProfile::Admiral, OutlierProfile::Swift, OutlierProfile::Off]);
    let traffic = (0..=i32::MAX.unsigned_abs(), 0..=86_400u32, outlier, any::<[bool; 2]>()).prop_map(
        |(max_requests_per_connection, warmup_seconds, outlier, [client_connection_configs, local_trailing_dot])| {
            TrafficPolicy {
                max_requests_per_connection,
                warmup_seconds,
                outlier,
                client_connection_configs,
                local_trailing_dot,
            }
        },
    );
    let lists = (names(), names(), suppressions(), members());
    (head, keys, gateway, owner_from, vip, sans, export_to, traffic, lists).prop_map(
        |(head, keys, gateway, owner_from, vip, sans, export_to, traffic, lists)| {
            let (revision, suffix, sync_namespace, adopt, injection) = head;
            let (exclude, ephemeral_envs, suppress, members) = lists;
            MeshPolicy {
                revision,
                suffix,
                sync_namespace: Namespace::parse(&sync_namespace).unwrap(),
                adopt: if adopt { Adopt::Admiral } else { Adopt::Off },
                keys,
                owner_from,
                injection: if injection { Injection::Admiral } else { Injection::Istio },
                gateway,
                vip,
                sans,
                export_to,
                traffic,
                exclude,
                claims: ClaimPolicy { ephemeral_envs },
                check: CheckPolicy { suppress },
                fleet: FleetPolicy { members },
                ..MeshPolicy::default()
            }
        },
    )
}

fn suppressions() -> impl Strategy<Value = Vec<Suppression>> {
    let glob = || prop::option::of(r#"[a-zA-Z0-9ä:#&*?! /'"\[\]{},-]{1,12}|off|null|1e3|2027-01-31"#);
    let until = (1970..2200i16, 1..=12i8, 1..=28i8).prop_map(|(year, month, day)| Date::new(year, month, day).unwrap());
    let reason = r#"[a-z#][a-zA-Z0-9ß:#&*!|>'"%@, -]{0,20}|TICKET-[0-9]\n?|off|null|2027-01-31"#;
    let suppression = (prop::sample::select(Code::ALL), glob(), glob(), reason, until)
        .prop_map(|(code, cluster, place, reason, until)| Suppression { code, cluster, place, reason, until });
    prop::collection::vec(suppression, 0..4)
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    let maybe = |pattern: &'static str| prop::option::of(pattern);
    let gateway = prop::option::of(prop_oneof![
        Just(MemberGateway::None),
        (prop::sample::select(vec!["ew.c1.example", "10.1.2.3", "fd00::1", "none"]), 1..u16::MAX)
            .prop_map(|(host, port)| MemberGateway::At { host: host.into(), port }),
    ]);
    let rest = (
        gateway,
        any::<bool>(),
        maybe("[a-zA-Z0-9@ :#äß]{1,12}"),
        maybe("[a-z]{1,5}-[0-9]"),
        maybe("[a-z0-9]{1,5}|null|off"),
    );
    let member = (maybe("[a-z.]{1,9}"), rest);
    prop::collection::btree_map("[a-zA-Z0-9:/_#-]{1,12}|null|off|1e3", member, 0..4).prop_map(|members| {
        let members = members.into_iter().map(|(name, rest)| (ClusterName::parse(&name).unwrap(), rest)).enumerate();
        let member = |(nth, (name, (trust_domain, (gateway, retired, context, region, network))))| Member {
            name,
            uid: (nth % 2 == 0).then(|| format!("uid-{nth}")),
            context,
            region,
            network,
            gateway,
            trust_domain,
            state: if retired { MemberState::Retired } else { MemberState::Active },
        };
        members.map(member).collect()
    })
}
