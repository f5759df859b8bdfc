use proptest::prelude::*;

use super::*;
use crate::name::{ClusterName, Namespace};
use crate::policy::{
    Adopt, ClaimPolicy, ExportToPolicy, FleetPolicy, GatewayPolicy, Injection, Ipv4Range, Keys, Member, MemberGateway,
    MemberState, OutlierProfile, OwnerFrom, SanPolicy, TrafficPolicy, VipPolicy, parse,
};

#[test]
fn the_default_policy_is_written_whole_in_the_documented_order() {
    assert_eq!(
        to_yaml(&MeshPolicy::default()),
        r#"apiVersion: kubectl-mesh.io/v1alpha1
kind: MeshPolicy
revision: 1
suffix: global
syncNamespace: mesh-sync
adopt: "off"
keys:
  identity: identity
  policyIdentity: identity
  env: admiral.io/env
  priority: priority
  ignore: admiral-ignore
  inject: sidecar.istio.io/inject
  partition: admiral.io/identityPartition
ownerFrom:
- namespace-label:kubectl-mesh.io/owner
- namespace-name
injection: istio
gateway:
  namespace: istio-system
  apps:
  - istio-eastwestgateway
  - istio-ingressgateway
  trailingDot: true
vip:
  range: 240.64.0.0/10
  ipv6: "off"
sans: "off"
exportTo: "off"
traffic:
  maxRequestsPerConnection: 100
  warmupSeconds: 45
  outlier: admiral
  clientConnectionConfigs: true
  localTrailingDot: false
exclude: []
claims:
  ephemeralEnvs: []
fleet:
  members: []
"#
    );
}

#[test]
fn the_minimal_form_has_only_what_differs() {
    let header = "apiVersion: kubectl-mesh.io/v1alpha1\nkind: MeshPolicy\nrevision: 1\n";
    assert_eq!(minimal_yaml(&MeshPolicy::default()), header);
    let mut policy =
        MeshPolicy { adopt: Adopt::Admiral, exclude: vec!["off".into(), "007".into()], ..MeshPolicy::default() };
    policy.keys.env = "stage-of".into();
    policy.vip = VipPolicy::Range { range: Ipv4Range::parse("240.64.0.0/10").unwrap(), ipv6: true };
    policy.sans = SanPolicy::Template("spiffe://bank.example/{identity}".into());
    let expected = "adopt: admiral\nkeys:\n  env: stage-of\nvip:\n  ipv6: \"on\"\nsans:\n  template: spiffe://bank.example/{identity}\nexclude:\n- \"off\"\n- \"007\"\n";
    assert_eq!(minimal_yaml(&policy), format!("{header}{expected}"));
}

proptest! {
    #[test]
    fn every_policy_reads_back_as_itself(policy in policies()) {
        prop_assert_eq!(policy.validate(), Ok(()), "the generator makes legal policies");
        let whole = to_yaml(&policy);
        let read = parse(&whole, "whole").unwrap_or_else(|error| panic!("{error}"));
        prop_assert_eq!(&read, &policy, "{}", whole);
        let minimal = minimal_yaml(&policy);
        let read = parse(&minimal, "minimal").unwrap_or_else(|error| panic!("{error}"));
        prop_assert_eq!(&read, &policy, "{}", minimal);
        prop_assert_eq!(to_yaml(&read), whole);
    }
}

fn policies() -> impl Strategy<Value = MeshPolicy> {
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
    let head =
        (1..=crate::limits::MAX_REVISION, "[a-z0-9]{1,5}(\\.[a-z0-9]{1,5}){0,2}", word, any::<bool>(), any::<bool>());
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
    let traffic = (0..=i32::MAX.unsigned_abs(), 0..=86_400u32, any::<[bool; 3]>()).prop_map(
        |(max_requests_per_connection, warmup_seconds, [outlier, client_connection_configs, local_trailing_dot])| {
            TrafficPolicy {
                max_requests_per_connection,
                warmup_seconds,
                outlier: if outlier { OutlierProfile::Admiral } else { OutlierProfile::Off },
                client_connection_configs,
                local_trailing_dot,
            }
        },
    );
    (head, keys, gateway, owner_from, vip, sans, export_to, traffic, names(), (names(), members())).prop_map(
        |(head, keys, gateway, owner_from, vip, sans, export_to, traffic, exclude, (ephemeral_envs, members))| {
            let (revision, suffix, sync_namespace, adopt, injection) = head;
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
                fleet: FleetPolicy { members },
                ..MeshPolicy::default()
            }
        },
    )
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
