use super::*;
use crate::policy::{Injection, minimal_yaml, parse};

fn import(text: &str) -> ImportedPolicy {
    import_admiral_flags(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The policy of flags that all have a meaning.
fn policy(text: &str) -> MeshPolicy {
    let ImportedPolicy { policy, ignored } = import(text);
    assert_eq!(ignored, [], "{text}");
    policy
}

#[test]
fn without_flags_the_policy_has_admirals_defaults_but_our_addresses() {
    let policy = policy("");
    assert_eq!(
        minimal_yaml(&policy),
        "apiVersion: kubectl-mesh.io/v1alpha1\nkind: MeshPolicy\nrevision: 1\nsyncNamespace: admiral-sync\nadopt: admiral\n\
         gateway:\n  apps:\n  - istio-ingressgateway\ntraffic:\n  clientConnectionConfigs: false\n"
    );
    assert_eq!((policy.injection, policy.vip), (Injection::Istio, VipPolicy::default()));
}

#[test]
fn each_flag_sets_its_field() {
    type Check = fn(&MeshPolicy) -> bool;
    let cases: &[(&str, Check)] = &[
        ("--hostname_suffix=mesh", |p| p.suffix == "mesh"),
        ("--workload_identity_key=assetAlias", |p| p.keys.identity == "assetAlias"),
        ("--admiral_crd_identity_label=asset", |p| p.keys.policy_identity == "asset" && p.keys.identity == "identity"),
        ("--env_key=stage-of", |p| p.keys.env == "stage-of"),
        ("--priority_key=rank", |p| p.keys.priority == "rank"),
        ("--admiral_ignore_label=skip", |p| p.keys.ignore == "skip"),
        ("--deployment_annotation=a.io/inject", |p| p.keys.inject == "a.io/inject"),
        ("--identity_partition_key=a.io/part", |p| p.keys.partition == "a.io/part"),
        ("--gateway_app=istio-eastwestgateway", |p| p.gateway.apps == ["istio-eastwestgateway"]),
        ("--sync_namespace=sync", |p| p.sync_namespace.as_str() == "sync"),
        ("--excluded_identity_list=a,b --excluded_identity_list=c", |p| p.exclude == ["a", "b", "c"]),
        ("--excluded_identity_list=", |p| p.exclude.is_empty()),
        ("--se_ip_prefix=241.7", |p| {
            p.vip == VipPolicy::Range { range: Ipv4Range::parse("241.7.0.0/16").unwrap(), ipv6: false }
        }),
        ("--se_ip_prefix=240.0", |p| {
            p.vip == VipPolicy::Range { range: Ipv4Range::parse("240.0.0.0/16").unwrap(), ipv6: false }
        }),
        ("--disable_ip_generation --se_ip_prefix=241.7", |p| p.vip == VipPolicy::Off),
        ("--disable_ip_generation=false", |p| p.vip == VipPolicy::default()),
        ("--enable_absolute_fqdn=false", |p| !p.gateway.trailing_dot && !p.traffic.local_trailing_dot),
        ("--enable_absolute_fqdn_for_local_endpoints", |p| p.gateway.trailing_dot && p.traffic.local_trailing_dot),
        ("--enable_san --san_prefix=bank.example", |p| {
            p.sans == SanPolicy::Template("spiffe://bank.example/{identity}".into())
        }),
        ("--enable_san=true", |p| p.sans == SanPolicy::Template("spiffe://{identity}".into())),
        ("--enable_san=1 --san_prefix=", |p| p.sans == SanPolicy::Template("spiffe://{identity}".into())),
        ("--enable_sw_aware_ns_caches", |p| {
            p.export_to == ExportToPolicy::Limited { hosts: vec!["*".into()], max_namespaces: 35 }
        }),
        ("--enable_sw_aware_ns_caches --exportto_identity_list=checkout,pricing --exportto_max_namespaces=3", |p| {
            let hosts = vec!["checkout".into(), "pricing".into()];
            p.export_to == ExportToPolicy::Limited { hosts, max_namespaces: 3 }
        }),
        ("--enable_sw_aware_ns_caches --exportto_identity_list=", |p| p.export_to == ExportToPolicy::Off),
        ("--max_requests_per_connection=7", |p| p.traffic.max_requests_per_connection == 7),
        ("--default_warmup_duration_in_seconds=0", |p| p.traffic.warmup_seconds == 0),
        ("--disable_default_automatic_failover", |p| p.traffic.outlier == OutlierProfile::Off),
        ("--enable_client_connection_config_processing", |p| p.traffic.client_connection_configs),
    ];
    for (flags, check) in cases {
        let policy = policy(flags);
        assert!(check(&policy), "{flags} gives {policy:?}");
        assert_eq!(parse(&minimal_yaml(&policy), "mesh.yaml").unwrap(), policy, "{flags}");
    }
    for flag in MEANINGFUL {
        assert!(cases.iter().any(|(flags, _)| flags.contains(&format!("--{flag}"))), "--{flag} has no case");
    }
}

#[test]
fn flags_without_meaning_are_named_with_a_reason_and_never_with_their_value() {
    let text = "--metrics --san_prefix=hunter2\n--subset_label=hunter2 --hostname_sufix=hunter2\n\
                --exportto_max_namespaces=9 --enable_active_passive=true --registry_client_app_secret=hunter2\n\
                --hostname_suffix=first --hostname_suffix=mesh";
    let ImportedPolicy { policy, ignored } = import(text);
    assert_eq!(policy.suffix, "mesh");
    let names: Vec<_> = ignored.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        ("--metrics", "long-running process"),
        ("--san_prefix", "no effect in Admiral without --enable_san"),
        ("--subset_label", "dead in Admiral"),
        ("--hostname_sufix", "unknown"),
        ("--exportto_max_namespaces", "no effect in Admiral without --enable_sw_aware_ns_caches"),
        ("--enable_active_passive", "not built"),
        ("--registry_client_app_secret", "no counterpart"),
        ("--hostname_suffix", "given again"),
    ];
    assert_eq!(names, expected.map(|(name, _)| name));
    for ((name, reason), (_, word)) in ignored.iter().zip(expected) {
        assert!(reason.contains(word) && !reason.contains("hunter2"), "{name}: {reason}");
    }
}

#[test]
fn local_endpoints_end_in_a_dot_only_where_gateways_do() {
    let text = "--enable_absolute_fqdn_for_local_endpoints --enable_absolute_fqdn=false";
    let ImportedPolicy { policy, ignored } = import(text);
    assert!(!policy.traffic.local_trailing_dot);
    assert_eq!(ignored.len(), 1);
    assert_eq!(ignored[0].0, "--enable_absolute_fqdn_for_local_endpoints");
    assert!(ignored[0].1.contains("without --enable_absolute_fqdn"), "{ignored:?}");
}

#[test]
fn a_bad_value_is_an_error_with_its_line() {
    for (flags, problem) in [
        ("--hostname_suffix", "--hostname_suffix needs a value"),
        ("--hostname_suffix=", "--hostname_suffix: no host can end in \"\""),
        ("--hostname_suffix=a_b", "--hostname_suffix: no host can end in \"a_b\""),
        ("--workload_identity_key=a/b/c", "--workload_identity_key: \"a/b/c\" is no label key"),
        ("--admiral_crd_identity_label=", "--admiral_crd_identity_label: \"\" is empty"),
        ("--env_key=-", "--env_key: \"-\" is no label key"),
        ("--priority_key=-", "--priority_key: \"-\" is no label key"),
        ("--admiral_ignore_label=-", "--admiral_ignore_label: \"-\" is no label key"),
        ("--deployment_annotation=-", "--deployment_annotation: \"-\" is no label key"),
        ("--identity_partition_key=-", "--identity_partition_key: \"-\" is no label key"),
        ("--gateway_app=", "--gateway_app: \"\" is empty"),
        ("--sync_namespace=A", "--sync_namespace: namespace \"A\" is not an RFC 1123 label"),
        ("--excluded_identity_list='a,b c'", "--excluded_identity_list: identity \"b c\" has white space"),
        ("--excluded_identity_list", "--excluded_identity_list needs a value"),
        ("--se_ip_prefix=241", "--se_ip_prefix: \"241\" gives no range"),
        ("--se_ip_prefix=241.7.1", "--se_ip_prefix: \"241.7.1\" gives no range"),
        ("--se_ip_prefix=8.8", "would take traffic of real hosts"),
        ("--se_ip_prefix=240.240", "istiod allots"),
        ("--disable_ip_generation=no", "--disable_ip_generation: \"no\" is not true or false"),
        ("--enable_absolute_fqdn=", "--enable_absolute_fqdn: \"\" is not true or false"),
        ("--enable_san --san_prefix='a b'", "--san_prefix: \"spiffe://a b/{identity}\" has white space"),
        ("--enable_sw_aware_ns_caches --exportto_max_namespaces=0", "--exportto_max_namespaces: is 0"),
        ("--exportto_max_namespaces=many", "--exportto_max_namespaces: \"many\" is not a whole number"),
        ("--max_requests_per_connection=-1", "--max_requests_per_connection: \"-1\" is not a whole number"),
        ("--max_requests_per_connection=2147483648", "--max_requests_per_connection: is more than"),
        ("--default_warmup_duration_in_seconds=45s", "--default_warmup_duration_in_seconds: \"45s\" is not a whole"),
        ("--default_warmup_duration_in_seconds=99999999", "--default_warmup_duration_in_seconds: is more than a day"),
        ("--hostname_suffix=\u{1b}[31m", "\\u{1b}"),
        ("mesh", "a flag begins with two dashes"),
    ] {
        let error = import_admiral_flags(&format!("# Admiral's\n--metrics=true\n{flags}\n")).unwrap_err();
        assert!(error.problem.contains(problem), "{flags}: {error}");
        assert_eq!(error.line, 3, "{flags}: {error}");
        assert!(!error.to_string().contains('\u{1b}'));
    }
}

#[test]
fn many_flags_are_read_quickly_and_too_many_not_at_all() {
    let import_of = |count: usize| import_admiral_flags(&"--a ".repeat(count));
    assert_eq!(import_of(MAX_POLICY / 4).unwrap().ignored.len(), MAX_POLICY / 4);
    assert!(import_of(MAX_POLICY).unwrap_err().problem.contains("at most"));
}
