use mesh_model::facts::{Workload, WorkloadKind};

use super::{Code, codes, decode, decode_with, facts};

/// A Deployment of namespace `shop` with a template of these labels and annotations.
fn deployment(name: &str, labels: &str, annotations: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  replicas: 2\n  \
         selector: {{matchLabels: {{app: a}}}}\n  template:\n    metadata: {{labels: {{{labels}}}, annotations: {{{annotations}}}}}\n    \
         spec: {{containers: [{{ports: [{{name: web, containerPort: 8080}}, {{containerPort: 1}}]}}, {{}}]}}\n---\n"
    )
}

fn workload(labels: &str, annotations: &str) -> Workload {
    facts(&deployment("a", labels, annotations)).workloads.remove(0)
}

#[test]
fn identity_and_env_are_the_template_s() {
    let read = workload("identity: greeting, admiral.io/env: stage", "");
    assert_eq!((&*read.identity, &*read.env), ("greeting", "stage"));
    let read = workload("", "identity: greeting, admiral.io/env: qal");
    assert_eq!((&*read.identity, &*read.env), ("greeting", "qal"));
    assert_eq!(&*workload("identity: a", "").env, "default");
    assert!(facts(&deployment("a", "app: a", "")).workloads.is_empty());
    let other_key = decode_with(&deployment("a", "asset: a", ""), |policy| policy.keys.identity = "asset".into());
    assert_eq!(&*other_key.facts.workloads[0].identity, "a");
}

#[test]
fn what_a_template_says_of_injection_is_kept_apart() {
    let wishes = |labels: &str, annotations: &str| {
        let read = workload(&format!("identity: a, {labels}"), annotations);
        (read.wish.inject_label, read.wish.inject_annotation)
    };
    assert_eq!(wishes("", ""), (None, None));
    assert_eq!(
        wishes("sidecar.istio.io/inject: 'true'", "sidecar.istio.io/inject: 'false'"),
        (Some(true), Some(false))
    );
    assert_eq!(wishes("sidecar.istio.io/inject: ''", "sidecar.istio.io/inject: maybe"), (None, Some(false)));
    assert!(workload("identity: a, istio.io/dataplane-mode: ambient", "").wish.ambient);
}

#[test]
fn a_workload_is_ignored_by_its_template_s_label_or_its_own_annotation() {
    assert!(!workload("identity: a", "").wish.ignored);
    assert!(workload("identity: a, admiral-ignore: 'true'", "").wish.ignored);
    let own = |text: &str| {
        let text = deployment("a", "identity: a", "").replace("namespace: shop", &format!("namespace: shop, {text}"));
        facts(&text).workloads[0].wish.ignored
    };
    assert!(own("annotations: {admiral.io/ignore: 'true'}"));
    assert!(!own("labels: {admiral.io/ignore: 'true'}"));
}

#[test]
fn the_rest_of_a_workload_is_what_rules_ask_for() {
    let read = workload(
        "identity: A",
        "admiral.io/cname-case-sensitive: 'true', admiral.io/identityPartition: retail, traffic.sidecar.istio.io/includeInboundPorts: '8090,8091'",
    );
    assert!(read.keep_case);
    assert_eq!(read.partition.as_deref(), Some("retail"));
    assert_eq!(read.inbound_ports.as_deref(), Some("8090,8091"));
    assert_eq!(read.match_labels.iter().map(|(k, v)| (&**k, &**v)).collect::<Vec<_>>(), [("app", "a")]);
    assert_eq!(&*read.container_ports, [("web".into(), 8080)]);
    assert_eq!(&*read.service_account, "default");
    assert_eq!((read.replicas, read.ready), (Some(2), None));
    let text = deployment("a", "identity: a", "")
        .replace("spec: {containers", "spec: {serviceAccountName: sa, containers")
        .replace("\n---\n", "\nstatus: {readyReplicas: 1}\nmore: x\n")
        .replace("namespace: shop", "namespace: shop, creationTimestamp: 2026-01-02T03:04:05Z");
    let read = facts(&text).workloads.remove(0);
    assert_eq!((&*read.service_account, read.ready), ("sa", Some(1)));
    assert_eq!(read.created.unwrap().to_string(), "2026-01-02T03:04:05Z");
}

#[test]
fn every_kind_of_workload_is_read() {
    let of = |api_version: &str, kind: &str| {
        let text = deployment("a", "identity: a", "").replace("apps/v1", api_version).replace("Deployment", kind);
        facts(&text).workloads.remove(0).kind
    };
    assert_eq!(of("apps/v1", "StatefulSet"), WorkloadKind::StatefulSet);
    assert_eq!(of("apps/v1", "DaemonSet"), WorkloadKind::DaemonSet);
    assert_eq!(of("batch/v1", "Job"), WorkloadKind::Job);
    assert_eq!(of("argoproj.io/v1alpha1", "Rollout"), WorkloadKind::Rollout);
    let cron = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a, namespace: shop-qal}\n\
                spec: {jobTemplate: {spec: {template: {metadata: {labels: {identity: a}}}}}}\n";
    let cron = facts(cron).workloads.remove(0);
    assert_eq!((cron.kind, &*cron.env), (WorkloadKind::CronJob, "qal"));
}

#[test]
fn a_daemon_set_counts_by_its_status() {
    let text = deployment("a", "identity: a", "")
        .replace("Deployment", "DaemonSet")
        .replace("  replicas: 2\n", "")
        .replace("\n---\n", "\nstatus: {desiredNumberScheduled: 5, numberReady: 4}\n");
    let read = facts(&text).workloads.remove(0);
    assert_eq!((read.replicas, read.ready), (Some(5), Some(4)));
}

#[test]
fn an_identity_that_no_host_can_have_is_a_finding() {
    let decoded = decode(&deployment("a", r#"identity: "a\e[31mb""#, ""));
    assert_eq!(codes(&decoded), [(Code::IllegalHost, "Deployment shop/a")]);
    assert!(!decoded.findings[0].message.contains('\u{1b}'), "{}", decoded.findings[0].message);
    assert!(decoded.facts.workloads.is_empty() && decoded.facts.unseen.is_empty());
}

#[test]
fn admiral_is_the_deployment_whose_pods_say_so() {
    let text =
        deployment("z", "app: admiral", "") + &deployment("b", "app: admiral", "") + &deployment("c", "app: x", "");
    assert_eq!(facts(&text).admiral.as_deref(), Some("shop/b"));
    assert_eq!(facts(&deployment("a", "app: x", "")).admiral, None);
    assert_eq!(facts(&deployment("a", "app: admiral", "").replace("Deployment", "StatefulSet")).admiral, None);
}

#[test]
fn workloads_are_sorted_by_namespace_kind_and_name() {
    let text = deployment("b", "identity: a", "")
        + &deployment("a", "identity: a", "")
        + &deployment("z", "identity: a", "").replace("Deployment", "DaemonSet")
        + &deployment("z", "identity: a", "").replace("namespace: shop", "namespace: bank");
    let facts = facts(&text);
    let names: Vec<_> = facts.workloads.iter().map(|w| (&*w.namespace, w.kind, &*w.name)).collect();
    assert_eq!(
        names,
        [
            ("bank", WorkloadKind::Deployment, "z"),
            ("shop", WorkloadKind::DaemonSet, "z"),
            ("shop", WorkloadKind::Deployment, "a"),
            ("shop", WorkloadKind::Deployment, "b"),
        ]
    );
}
