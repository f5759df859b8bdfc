//! The webhook configurations: what is looked at, who is asked, and what happens without an answer.

use mesh_testkit::helm::Helm;
use serde_json::{Value, json};

use super::{NAMESPACE, RELEASE, VARIANTS, manifests, objects, text, the};

/// The webhook's own controller, cert-manager or the user writes it; a chart that did would take it away at each upgrade.
#[test]
fn there_is_never_a_ca_bundle() {
    let Some(helm) = Helm::find() else { return };
    for (name, set) in VARIANTS {
        assert!(!manifests(&helm, set).contains("caBundle:"), "{name}");
    }
}

#[test]
fn webhooks_look_at_named_kinds_of_namespaces_and_at_nothing_that_a_cluster_needs_to_come_up() {
    let Some(helm) = Helm::find() else { return };
    for (name, set) in VARIANTS {
        for configuration in
            objects(&helm, set).iter().filter(|object| text(object, "/kind").ends_with("WebhookConfiguration"))
        {
            for webhook in configuration["webhooks"].as_array().unwrap() {
                assert_eq!(
                    (&webhook["sideEffects"], &webhook["matchPolicy"]),
                    (&json!("None"), &json!("Equivalent")),
                    "{name}"
                );
                let excluded = &webhook["namespaceSelector"]["matchExpressions"][0];
                assert_eq!(
                    (text(excluded, "/key"), text(excluded, "/operator")),
                    ("kubernetes.io/metadata.name", "NotIn")
                );
                for namespace in ["kube-system", "kube-public", "kube-node-lease", NAMESPACE] {
                    assert!(excluded["values"].as_array().unwrap().contains(&json!(namespace)), "{name}: {namespace}");
                }
                for rule in webhook["rules"].as_array().unwrap() {
                    let all = rule.to_string();
                    assert!(!all.contains('*') && rule["apiGroups"] != json!([""]), "{name}: {all}");
                    assert_eq!(rule["scope"], "Namespaced", "{name}: {all}");
                }
            }
        }
    }
}

#[test]
fn the_mutating_webhook_fails_open_and_is_asked_again() {
    let Some(helm) = Helm::find() else { return };
    let objects = objects(&helm, "");
    let webhooks = &the(&objects, "MutatingWebhookConfiguration", RELEASE)["webhooks"];
    assert_eq!(webhooks.as_array().unwrap().len(), 1);
    let webhook = &webhooks[0];
    assert_eq!(
        [&webhook["failurePolicy"], &webhook["reinvocationPolicy"], &webhook["timeoutSeconds"]],
        [&json!("Ignore"), &json!("IfNeeded"), &json!(2)]
    );
    assert_eq!(
        watched(webhook),
        "CREATE,UPDATE apps/v1 deployments,statefulsets,daemonsets; CREATE,UPDATE argoproj.io/v1alpha1 rollouts; CREATE,UPDATE batch/v1 jobs,cronjobs"
    );
    assert_eq!(
        webhook["clientConfig"],
        json!({"service": {"name": RELEASE, "namespace": NAMESPACE, "path": "/mutate", "port": 443}})
    );
    assert!(webhook.get("matchConditions").is_none(), "whoever breaks the glass still gets the marks");
}

#[test]
fn the_validating_webhook_sees_what_takes_hosts_and_marks_that_change_through_status() {
    let Some(helm) = Helm::find() else { return };
    for webhook in validating(&helm, "") {
        let name = text(&webhook, "/name");
        if name.starts_with("names") {
            assert_eq!(
                watched(&webhook),
                "CREATE,UPDATE apps/v1 deployments,statefulsets,daemonsets; CREATE,UPDATE argoproj.io/v1alpha1 rollouts; \
                 CREATE,UPDATE batch/v1 jobs,cronjobs; CREATE,UPDATE admiral.io/v1alpha1 globaltrafficpolicies; \
                 CREATE,UPDATE networking.istio.io/v1 serviceentries,virtualservices"
            );
        } else {
            assert_eq!(
                watched(&webhook),
                "UPDATE apps/v1 deployments/status,statefulsets/status,daemonsets/status; UPDATE argoproj.io/v1alpha1 \
                 rollouts/status; UPDATE batch/v1 jobs/status,cronjobs/status"
            );
        }
        assert_eq!(webhook["timeoutSeconds"], 3, "{name}");
        assert_eq!(text(&webhook, "/clientConfig/service/path"), "/validate", "{name}");
        let conditions = webhook["matchConditions"].as_array().unwrap();
        assert_eq!(
            text(conditions.last().unwrap(), "/expression"),
            "!authorizer.group('kubectl-mesh.io').resource('globalnames').check('breakglass').allowed()"
        );
    }
}

#[test]
fn namespaces_that_opted_in_fail_closed_and_the_others_as_the_values_say() {
    let Some(helm) = Helm::find() else { return };
    for (set, others) in [("", "Ignore"), ("admission.validating.failurePolicy=Fail", "Fail")] {
        let webhooks = validating(&helm, set);
        let policies: Vec<(&str, &str, &str)> = webhooks
            .iter()
            .map(|webhook| {
                let label = &webhook["namespaceSelector"]["matchExpressions"][1];
                assert_eq!((text(label, "/key"), &label["values"]), ("kubectl-mesh.io/admission", &json!(["closed"])));
                (text(webhook, "/name"), text(label, "/operator"), text(webhook, "/failurePolicy"))
            })
            .collect();
        let wanted = [
            ("names.kubectl-mesh.io", "NotIn", others),
            ("marks.kubectl-mesh.io", "NotIn", others),
            ("names-closed.kubectl-mesh.io", "In", "Fail"),
            ("marks-closed.kubectl-mesh.io", "In", "Fail"),
        ];
        assert_eq!(policies, wanted);
    }
}

#[test]
fn a_url_takes_the_place_of_the_service() {
    let Some(helm) = Helm::find() else { return };
    let objects = objects(&helm, "admission.url=https://127.0.0.1:10250/");
    let mutating = the(&objects, "MutatingWebhookConfiguration", RELEASE);
    assert_eq!(mutating["webhooks"][0]["clientConfig"], json!({"url": "https://127.0.0.1:10250/mutate"}));
    let validating = the(&objects, "ValidatingWebhookConfiguration", RELEASE);
    assert_eq!(validating["webhooks"][1]["clientConfig"], json!({"url": "https://127.0.0.1:10250/validate"}));
}

#[test]
fn cert_manager_is_asked_for_the_name_that_api_servers_call_and_injects_its_ca() {
    let Some(helm) = Helm::find() else { return };
    let objects = objects(&helm, "tls.mode=cert-manager");
    let certificate = the(&objects, "Certificate", "kubectl-mesh-tls");
    assert_eq!(certificate["spec"]["secretName"], "kubectl-mesh-tls");
    assert_eq!(certificate["spec"]["dnsNames"], json!(["kubectl-mesh.mesh-system.svc"]));
    assert_eq!(
        certificate["spec"]["issuerRef"],
        json!({"name": RELEASE, "kind": "Issuer", "group": "cert-manager.io"})
    );
    the(&objects, "Issuer", RELEASE);
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        let annotations = &the(&objects, kind, RELEASE)["metadata"]["annotations"];
        assert_eq!(annotations, &json!({"cert-manager.io/inject-ca-from": "mesh-system/kubectl-mesh-tls"}));
    }
    let own = super::objects(
        &helm,
        "tls.mode=cert-manager,tls.certManager.issuerRef.name=ca,tls.certManager.issuerRef.kind=ClusterIssuer",
    );
    assert_eq!(the(&own, "Certificate", "kubectl-mesh-tls")["spec"]["issuerRef"]["kind"], "ClusterIssuer");
    assert!(!own.iter().any(|object| text(object, "/kind") == "Issuer"));
}

fn validating(helm: &Helm, set: &str) -> Vec<Value> {
    let objects = objects(helm, set);
    the(&objects, "ValidatingWebhookConfiguration", RELEASE)["webhooks"].as_array().unwrap().clone()
}

/// What a webhook is asked about, a rule after the other.
fn watched(webhook: &Value) -> String {
    let list = |value: &Value| {
        let parts: Vec<&str> = value.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        parts.join(",")
    };
    let rule = |rule: &Value| {
        format!(
            "{} {}/{} {}",
            list(&rule["operations"]),
            list(&rule["apiGroups"]),
            list(&rule["apiVersions"]),
            list(&rule["resources"])
        )
    };
    let rules: Vec<String> = webhook["rules"].as_array().unwrap().iter().map(rule).collect();
    rules.join("; ")
}
