use jiff::civil::date;

use super::*;
use crate::finding::Code;
use crate::limits::{MAX_MEMBERS, MAX_SUPPRESSIONS};
use crate::policy::{
    Adopt, ExportToPolicy, Ipv4Range, MemberGateway, MemberState, OutlierProfile, OwnerFrom, SanPolicy, Suppression,
    VipPolicy,
};

/// The example of the documentation.
const EXAMPLE: &str = r#"apiVersion: kubectl-mesh.io/v1alpha1
kind: MeshPolicy
revision: 1
suffix: global
syncNamespace: mesh-sync
adopt: "off"              # off | admiral
keys: {identity: identity, policyIdentity: identity, env: admiral.io/env, priority: priority, ignore: admiral-ignore, inject: sidecar.istio.io/inject, partition: admiral.io/identityPartition}
ownerFrom: ["namespace-label:kubectl-mesh.io/owner", namespace-name]
injection: istio          # istio | admiral
gateway: {namespace: istio-system, apps: [istio-eastwestgateway, istio-ingressgateway], trailingDot: true}
vip: {range: 240.64.0.0/10, ipv6: "off"}     # or vip: "off"
sans: "off"               # off | serviceAccounts | {template: "spiffe://…/{identity}"}
exportTo: "off"           # off | {hosts: ["*"], maxNamespaces: 35}
traffic: {maxRequestsPerConnection: 100, warmupSeconds: 45, outlier: admiral, clientConnectionConfigs: true, localTrailingDot: false}
exclude: []
claims: {ephemeralEnvs: []}
check: {suppress: []}
"#;

fn good(text: &str) -> MeshPolicy {
    parse(text, "mesh.yaml").unwrap_or_else(|error| panic!("{error}"))
}

fn bad(text: &str) -> (u64, String) {
    match parse(text, "mesh.yaml") {
        Err(error @ PolicyError::Malformed { line, .. }) => (line, error.to_string()),
        other => panic!("{text:?} gives {other:?}"),
    }
}

/// A policy of one line after the header, so that its line is 3.
fn with(line: &str) -> String {
    format!("apiVersion: {API_VERSION}\nkind: MeshPolicy\n{line}\n")
}

/// A line with a suppression of these fields.
fn suppress(fields: &str) -> String {
    format!("check: {{suppress: [{{{fields}}}]}}")
}

#[test]
fn the_documented_example_is_the_default_policy() {
    assert_eq!(good(EXAMPLE), MeshPolicy::default());
    assert_eq!(good("kind: MeshPolicy\n"), MeshPolicy::default());
}

#[test]
fn every_form_of_every_value_is_read() {
    let policy = good(
        r#"
suffix: mesh.example
revision: 7
adopt: admiral
vip: off
sans: {template: "spiffe://bank.example/{identity}"}
exportTo: {hosts: [checkout, pricing], maxNamespaces: 3}
ownerFrom: [namespace-name]
traffic: {outlier: off}
fleet:
  members:
    - {name: c1, uid: u-1, context: "my c1", region: us-west-2, network: n1, gateway: none, trustDomain: c1.local}
    - name: c2
      gateway: host
      state: retired
    - {name: c3, gateway: "[fd00::1]:15444", state: active}
"#,
    );
    assert_eq!((policy.suffix.as_str(), policy.revision, policy.adopt), ("mesh.example", 7, Adopt::Admiral));
    assert_eq!(policy.vip, VipPolicy::Off);
    assert_eq!(policy.sans, SanPolicy::Template("spiffe://bank.example/{identity}".into()));
    let hosts = vec!["checkout".to_owned(), "pricing".to_owned()];
    assert_eq!(policy.export_to, ExportToPolicy::Limited { hosts, max_namespaces: 3 });
    assert_eq!(policy.owner_from, [OwnerFrom::NamespaceName]);
    assert_eq!(policy.traffic.outlier, OutlierProfile::Off);
    assert_eq!(policy.traffic.warmup_seconds, 45, "the rest of a mapping keeps its defaults");
    let [c1, c2, c3] = policy.fleet.members.as_slice() else { panic!("three members") };
    assert_eq!((c1.gateway.as_ref(), c1.trust_domain.as_deref()), (Some(&MemberGateway::None), Some("c1.local")));
    assert_eq!((c1.context.as_deref(), c1.state), (Some("my c1"), MemberState::Active));
    assert_eq!(
        (c2.gateway.clone(), c2.state),
        (Some(MemberGateway::At { host: "host".into(), port: 15443 }), MemberState::Retired)
    );
    assert_eq!(c3.gateway, Some(MemberGateway::At { host: "fd00::1".into(), port: 15444 }));
}

#[test]
fn a_suppression_names_its_code_either_way_and_needs_a_reason_and_a_date() {
    let policy = good(
        r#"
check:
  suppress:
    - code: MESH-C034
      cluster: c*
      place: "VirtualService shop/*"
      reason: the shop team's canary, TICKET-1
      until: 2027-01-31
    - {code: host-diverted, reason: known, until: "2028-02-29"}
    - code: no-region
      reason: >
        a long story
        on two lines
      until: 2027-12-31
"#,
    );
    let suppression =
        |code, reason: &str, until| Suppression { code, cluster: None, place: None, reason: reason.to_owned(), until };
    let canary = Suppression {
        cluster: Some("c*".into()),
        place: Some("VirtualService shop/*".into()),
        ..suppression(Code::HostDiverted, "the shop team's canary, TICKET-1", date(2027, 1, 31))
    };
    let known = suppression(Code::HostDiverted, "known", date(2028, 2, 29));
    let long = suppression(Code::NoRegion, "a long story on two lines\n", date(2027, 12, 31));
    assert_eq!(policy.check.suppress, [canary, known, long]);
}

#[test]
fn off_needs_no_quotes() {
    for off in ["off", "\"off\"", "'off'", "false"] {
        let text = format!("adopt: {off}\nvip: {off}\nsans: {off}\nexportTo: {off}\ntraffic: {{outlier: {off}}}\n");
        let policy = good(&text);
        assert_eq!((policy.adopt, policy.vip, policy.sans), (Adopt::Off, VipPolicy::Off, SanPolicy::Off), "{off}");
        assert_eq!((policy.export_to, policy.traffic.outlier), (ExportToPolicy::Off, OutlierProfile::Off), "{off}");
    }
    for (on, ipv6) in [("on", true), ("\"on\"", true), ("true", true), ("off", false)] {
        let range = Ipv4Range::parse("240.64.0.0/10").unwrap();
        assert_eq!(good(&format!("vip: {{ipv6: {on}}}\n")).vip, VipPolicy::Range { range, ipv6 }, "{on}");
    }
    assert_eq!(good("sans: serviceAccounts\n").sans, SanPolicy::ServiceAccounts);
    let default = ExportToPolicy::Limited { hosts: vec!["*".into()], max_namespaces: 35 };
    assert_eq!(good("exportTo: {}\n").export_to, default);
}

#[test]
fn json_is_read_too() {
    let policy =
        good(r#"{"kind": "MeshPolicy", "suffix": "mesh", "vip": "off", "fleet": {"members": [{"name": "c1"}]}}"#);
    assert_eq!((policy.suffix.as_str(), policy.vip, policy.fleet.members.len()), ("mesh", VipPolicy::Off, 1));
}

#[test]
fn byte_order_marks_windows_line_ends_and_long_comments_do_no_harm() {
    assert_eq!(good(&format!("\u{feff}{}", EXAMPLE.replace('\n', "\r\n"))), MeshPolicy::default());
    let comments = "# a line of a long comment\n".repeat(2000);
    assert_eq!(good(&format!("keys:\n{comments}  identity: app\n{comments}")).keys.identity, "app");
    assert_eq!(good("---\nsuffix: mesh\n...\n").suffix, "mesh");
}

#[test]
fn a_bad_value_is_named_with_its_file_line_and_frame() {
    let text = with("sufix: mesh");
    let error = parse(&text, "fleet/mesh.yaml").unwrap_err().to_string();
    let (first, frame) = error.split_once('\n').unwrap();
    assert!(
        first.starts_with("fleet/mesh.yaml:3:1: unknown field `sufix`; here may stand apiVersion, kind, "),
        "{first}"
    );
    assert_eq!(
        frame,
        " --> fleet/mesh.yaml:3:1\n  |\n1 | apiVersion: kubectl-mesh.io/v1alpha1\n2 | kind: MeshPolicy\n3 | sufix: mesh\n  | ^"
    );
}

#[test]
fn every_rule_refuses_a_broken_value_where_it_stands() {
    let long = format!("suffix: {}", ["a"; 120].join("."));
    let deep = format!("exclude: {}{}", "[".repeat(40), "]".repeat(40));
    for (line, word) in [
        // Shape.
        ("unknown: 1", "unknown field `unknown`"),
        ("traffic: {warmup: 45}", "unknown field `warmup`; here may stand maxRequestsPerConnection"),
        ("vip: {range: 240.64.0.0/10, ipv4: \"on\"}", "unknown field `ipv4`"),
        ("sans: {prefix: a}", "unknown field `prefix`"),
        ("exportTo: {host: a}", "unknown field `host`"),
        ("fleet: {clusters: []}", "unknown field `clusters`"),
        ("kind: MeshPolicy", "`kind` is written twice"),
        ("keys: {env: a, env: b}", "`env` is written twice"),
        ("suffix:", "the value is missing"),
        ("suffix: [a]", "one text is wanted"),
        ("keys: identity", "a mapping is wanted"),
        ("fleet:", "a mapping is wanted"),
        ("fleet: {members: c1}", "a list is wanted"),
        ("fleet: {members: [{uid: a}]}", "`name` is missing"),
        ("exclude: checkout", "a list is wanted"),
        ("suffix: a: b", "mapping values are not allowed"),
        ("suffix: \"a", "quote"),
        (&deep, "recursion limit exceeded"),
        // Words.
        ("adopt: istio", "\"istio\" is not `off` or `admiral`"),
        ("injection: off", "\"off\" is not `istio` or `admiral`"),
        ("vip: on", "is not `off` or a mapping with `range`"),
        ("vip: 240.64.0.0/10", "is not `off` or a mapping with `range`"),
        ("vip: {ipv6: dual}", "\"dual\" is not `off` or `on`"),
        ("sans: spiffe", "\"spiffe\" is not `off`, `serviceAccounts`"),
        ("sans: {}", "`template` is missing"),
        ("exportTo: \"*\"", "\"*\" is not `off` or a mapping"),
        ("traffic: {outlier: istio}", "\"istio\" is not `admiral`, `swift` or `off`"),
        ("gateway: {trailingDot: 3}", "`true` or `false` is wanted"),
        ("fleet: {members: [{name: a, state: gone}]}", "\"gone\" is not `active` or `retired`"),
        ("ownerFrom: [namespace]", "\"namespace\" is not `namespace-name` or `namespace-label:KEY`"),
        // Numbers.
        ("revision: 0", "revision: is not a whole number from 1"),
        ("revision: -1", "a whole number from 0"),
        ("revision: 1.5", "a whole number from 0"),
        ("revision: 9007199254740992", "revision: is not a whole number from 1"),
        (
            "traffic: {maxRequestsPerConnection: 2147483648}",
            "traffic.maxRequestsPerConnection: is more than 2147483647",
        ),
        ("traffic: {maxRequestsPerConnection: many}", "a whole number from 0"),
        ("traffic: {warmupSeconds: 86401}", "traffic.warmupSeconds: is more than a day"),
        ("exportTo: {maxNamespaces: 0}", "exportTo.maxNamespaces: is 0"),
        ("exportTo: {maxNamespaces: -3}", "a whole number from 0"),
        // Names.
        ("suffix: \"\"", "no host can end in \"\""),
        ("suffix: .mesh", "\"\" is not a DNS label"),
        ("suffix: mesh_1", "\"mesh_1\" is not a DNS label"),
        ("suffix: Mesh", "\"Mesh\" is not a DNS label"),
        ("suffix: -mesh", "\"-mesh\" is not a DNS label"),
        (&long, "it has 239 bytes"),
        ("syncNamespace: Mesh", "is not an RFC 1123 label"),
        ("gateway: {namespace: a.b}", "is not an RFC 1123 label"),
        ("keys: {identity: \"\"}", "keys.identity: \"\" is empty"),
        ("keys: {env: a/b/c}", "keys.env: \"a/b/c\" is no label key"),
        ("keys: {partition: Admiral.io/x}", "keys.partition: \"Admiral.io/x\" is no label key"),
        ("ownerFrom: [\"namespace-label:\"]", "\"\" is empty"),
        ("ownerFrom: [\"namespace-label:a b\"]", "\"a b\" is no label key"),
        ("ownerFrom: []", "ownerFrom: names no source"),
        ("gateway: {apps: []}", "gateway.apps: is empty"),
        ("gateway: {apps: [a, \"b c\"]}", "gateway.apps[1]: \"b c\" is no label value"),
        ("exclude: [a, \"b c\"]", "exclude[1]: identity \"b c\" has white space"),
        ("claims: {ephemeralEnvs: [\"\"]}", "claims.ephemeralEnvs[0]: env \"\" is empty"),
        ("exportTo: {hosts: []}", "exportTo.hosts: is empty"),
        ("exportTo: {hosts: [a, \"\"]}", "exportTo.hosts[1]: \"\" is not part of a host"),
        // Suppressions.
        ("check: {ignore: []}", "unknown field `ignore`; here may stand suppress"),
        ("check: {suppress: no-region}", "a list is wanted"),
        (&suppress("code: no-region, reason: a, until: 2027-01-31, cluster: c1, name: a"), "unknown field `name`"),
        (&suppress("reason: a, until: 2027-01-31"), "`code` is missing"),
        (&suppress("code: no-region, until: 2027-01-31"), "`reason` is missing"),
        (&suppress("code: no-region, reason: a"), "`until` is missing"),
        (
            &suppress("code: MESH-C999, reason: a, until: 2027-01-31"),
            "\"MESH-C999\" is not the code or name of a finding (MESH-C034 or host-diverted)",
        ),
        (&suppress("code: No-Region, reason: a, until: 2027-01-31"), "\"No-Region\" is not the code or name"),
        (&suppress("code: no-region, reason: \" \", until: 2027-01-31"), "check.suppress[0].reason: \"\" is empty"),
        (&suppress("code: no-region, reason: \"a\\nb\", until: 2027-01-31"), "reason: \"a\\nb\" has control"),
        (&suppress("code: no-region, reason: a, until: 2027-02-29"), "\"2027-02-29\" is not a date such as 2027"),
        (&suppress("code: no-region, reason: a, until: 31.1.2027"), "\"31.1.2027\" is not a date"),
        (&suppress("code: no-region, reason: a, until: 20270131"), "\"20270131\" is not a date"),
        (&suppress("code: no-region, reason: a, until: 2027-01-31T12:00:00"), "is not a date"),
        (&suppress("code: no-region, reason: a, until: never"), "\"never\" is not a date"),
        (
            &suppress("code: no-region, reason: a, until: 2027-01-31, cluster: \"\""),
            "check.suppress[0].cluster: \"\" is empty",
        ),
        (
            &suppress("code: no-region, reason: a, until: 2027-01-31, place: \"\\u202e\""),
            "check.suppress[0].place: \"\\u{202e}\" has control or invisible characters",
        ),
        // Addresses.
        ("vip: {range: 240.64.0.0/25}", "too small"),
        ("vip: {range: 240.64.0.1/24}", "the range is 240.64.0.0/24"),
        ("vip: {range: all}", "\"all\" is not an IPv4 range"),
        ("fleet: {members: [{name: a, gateway: \"fd00::1\"}]}", "in brackets"),
        // SANs.
        ("sans: {template: \"https://a/{identity}\"}", "does not begin with spiffe://"),
        ("sans: {template: \"spiffe:///{identity}\"}", "has no trust domain"),
        ("sans: {template: spiffe://a/b}", "does not have {identity} exactly once"),
        ("sans: {template: \"spiffe://a/{identity}/{identity}\"}", "does not have {identity} exactly once"),
        ("sans: {template: \"spiffe://a/{ns}/{identity}\"}", "has braces besides {identity}"),
        ("sans: {template: \"spiffe://a b/{identity}\"}", "white space"),
        // Members.
        ("fleet: {members: [{name: \"\"}]}", "cluster name \"\" is empty"),
        ("fleet: {members: [{name: a}, {name: b}, {name: a}]}", "fleet.members[2].name: two members are called \"a\""),
        (
            "fleet: {members: [{name: a, uid: u}, {name: b, uid: u}]}",
            "fleet.members[1].uid: the members \"a\" and \"b\" have one uid, \"u\"",
        ),
        ("fleet: {members: [{name: a, uid: \"\"}]}", "fleet.members[0].uid: \"\" is no uid"),
        ("fleet: {members: [{name: a, context: \"\"}]}", "fleet.members[0].context: \"\" is empty"),
        ("fleet: {members: [{name: a, region: us/west}]}", "fleet.members[0].region: \"us/west\" is no label value"),
        ("fleet: {members: [{name: a, network: \"\"}]}", "fleet.members[0].network: \"\" is empty"),
        ("fleet: {members: [{name: a, trustDomain: A}]}", "fleet.members[0].trustDomain: \"A\" is no SPIFFE"),
    ] {
        let (at, error) = bad(&with(line));
        assert!(error.contains(word), "{line}: {error}");
        assert_eq!(at, 3, "{line}: {error}");
        assert!(error.contains("--> mesh.yaml:3:"), "{line} has no frame: {error}");
    }
}

#[test]
fn a_bad_value_deep_in_a_long_policy_is_found_on_its_own_line() {
    let text =
        "kind: MeshPolicy\nfleet:\n  members:\n  - name: a\n    uid: u\n  # a comment\n  - name: b\n    uid: u\n";
    assert_eq!(bad(text).0, 8);
    let text = "vip:\n  ipv6: \"off\"\n  range: 1.0.0.0/8\n";
    assert_eq!(bad(text).0, 3);
    let text = "exclude:\n- a\n- b c\n- d\n";
    assert_eq!(bad(text).0, 3);
    let text = "revision: 3\nsans:\n  template: a\n";
    assert_eq!(bad(text).0, 3);
    let text = "check:\n  suppress:\n  - code: no-region\n    until: 2027-01-31\n    reason: ''\n";
    assert_eq!(bad(text).0, 5);
    let text = "check:\n  suppress:\n  - code: no-region\n    reason: a\n    until: soon\n";
    assert_eq!(bad(text).0, 5);
    let text = "revision: 3\nsuffix: a\nvip: maybe\nadopt: \"off\"\n";
    assert_eq!(bad(text).0, 3);
}

#[test]
fn another_version_is_said_to_be_one_before_its_fields_are_judged() {
    let (line, error) = bad("shiny: true\nkind: MeshPolicy\napiVersion: kubectl-mesh.io/v1\n");
    assert_eq!(line, 3);
    assert!(
        error.contains("is \"kubectl-mesh.io/v1\"; this program knows kubectl-mesh.io/v1alpha1; a newer"),
        "{error}"
    );
    let (_, error) = bad("apiVersion: v1\nkind: MeshPolicy\n");
    assert!(error.contains("apiVersion: is \"v1\"; this program knows kubectl-mesh.io/v1alpha1\n"), "{error}");
    let (line, error) = bad("apiVersion: v1\nkind: ConfigMap\ndata: {}\n");
    assert_eq!(line, 2);
    assert!(error.contains("kind: is \"ConfigMap\", not MeshPolicy"), "{error}");
}

#[test]
fn an_empty_text_is_an_error_and_not_the_defaults() {
    for empty in ["", "\n \n", "# only a comment\n", "---\n", "\u{feff}# x\r\n---\r\n...\r\n", "%YAML 1.2\n---\n"] {
        let error = parse(empty, "mesh.yaml").unwrap_err();
        assert!(matches!(error, PolicyError::Empty { .. }), "{empty:?}: {error:?}");
        assert!(error.to_string().starts_with("mesh.yaml: is empty"), "{error}");
    }
    assert!(bad("~\n").1.contains("a mapping is wanted"));
    assert!(bad("- suffix: a\n").1.contains("a mapping is wanted"));
}

#[test]
fn several_documents_are_an_error() {
    let (line, error) = bad("suffix: a\n---\nsuffix: b\n");
    assert!(error.contains("a policy is one document"), "{error}");
    assert_eq!(line, 3);
}

#[test]
fn a_tab_that_indents_is_called_by_its_name() {
    for (text, at) in [("keys:\n\tenv: a\n", 2), ("suffix: a\n\trevision: 3\n", 1), ("exclude:\n  - a\n\t- b\n", 2)] {
        let (line, error) = bad(text);
        assert!(error.contains("a tab stands where YAML takes spaces only"), "{error}");
        assert_eq!(line, at, "{error}");
    }
}

#[test]
fn a_text_of_more_than_a_mebibyte_is_not_read() {
    let long = format!("suffix: a\n#{}", "x".repeat(MAX_POLICY));
    assert!(matches!(parse(&long, "f"), Err(PolicyError::TooLong { .. })));
}

#[test]
fn alias_bombs_are_refused() {
    let level = |level| {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        format!("k{level}: &a{level} [{aliases}]\n")
    };
    let levels: Vec<_> = (1..9).map(level).collect();
    let bomb = format!("exclude: &a0 [x, x, x, x, x, x, x, x, x, x]\n{}", levels.concat());
    let long = format!("exclude: &long [{}]\nk: [{}]\n", vec!["x"; 10_000].join(", "), ["*long"; 22].join(", "));
    for bomb in [bomb, long] {
        let (_, error) = bad(&bomb);
        assert!(error.contains("more than a policy may need"), "{error}");
    }
}

#[test]
fn too_many_members_are_refused() {
    let members = |count| {
        let members: Vec<_> = (0..count).map(|n| format!("  - name: c{n}\n")).collect();
        format!("fleet:\n  members:\n{}", members.concat())
    };
    assert_eq!(good(&members(MAX_MEMBERS)).fleet.members.len(), MAX_MEMBERS);
    let (_, error) = bad(&members(MAX_MEMBERS + 1));
    assert!(error.contains("has 5001 members, at most 5000"), "{error}");
}

#[test]
fn too_many_suppressions_are_refused() {
    let suppressions = |count| {
        let suppression = "  - {code: no-region, reason: a, until: 2027-01-31}\n";
        format!("check:\n  suppress:\n{}", suppression.repeat(count))
    };
    assert_eq!(good(&suppressions(MAX_SUPPRESSIONS)).check.suppress.len(), MAX_SUPPRESSIONS);
    let (_, error) = bad(&suppressions(MAX_SUPPRESSIONS + 1));
    assert!(error.contains("check.suppress: has 1001 suppressions, at most 1000"), "{error}");
}

#[test]
fn no_message_holds_what_a_terminal_would_obey() {
    for text in [
        "\"a\u{202e}b\": 1\n",
        "suffix: \"a\u{202e}b\"\n",
        "suffix: \"\\e[31m\"\n",
        "\"\\e[31m\": 1\n",
        "suffix: \u{1b}[31m\n",
        "# \u{202e}\u{200b}\nsufix: a\n",
        "kind: \"\\e[31m\"\n",
    ] {
        let error = parse(text, "a\u{1b}[31m\u{202e}.yaml").unwrap_err().to_string();
        let obeyed = error.chars().find(|c| (c.is_control() && *c != '\n') || crate::name::is_invisible(*c));
        assert_eq!(obeyed, None, "{error:?}");
    }
}
