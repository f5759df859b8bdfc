use proptest::prelude::*;

use super::*;
use crate::policy::arb::policies;
use crate::policy::{Adopt, Ipv4Range, SanPolicy, VipPolicy, parse};

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
check:
  suppress: []
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

#[test]
fn a_long_value_stays_on_its_line() {
    let context = "a long context ".repeat(20) + "end";
    let text = format!("fleet:\n  members:\n  - name: c1\n    context: {context}\n    state: active\n");
    assert!(to_yaml(&parse(&text, "mesh.yaml").unwrap()).ends_with(&text));
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
