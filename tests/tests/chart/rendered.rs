//! What is rendered, whatever the values.

use mesh_testkit::helm::Helm;
use serde_json::{Value, json};

use super::{FOREIGN, NAMESPACE, RELEASE, VARIANTS, chart, chart_file, manifests, objects, pods, template, text, the};

#[test]
fn helm_finds_nothing_to_complain_of() {
    let Some(helm) = Helm::find() else { return };
    for (name, set) in VARIANTS {
        let chart = chart();
        let said = helm.run(&["lint", "--strict", "--namespace", NAMESPACE, chart.to_str().unwrap(), "--set", set]);
        assert!(said.succeeded, "{name}: {}{}", said.stdout, said.stderr);
        assert!(!said.stdout.contains("[WARNING]"), "{name}: {}", said.stdout);
    }
}

#[test]
fn by_default_there_is_this_and_nothing_else() {
    let Some(helm) = Helm::find() else { return };
    let mut found: Vec<String> = objects(&helm, "")
        .iter()
        .map(|object| format!("{} {}", text(object, "/kind"), text(object, "/metadata/name")))
        .filter(|object| !object.starts_with("CustomResourceDefinition"))
        .collect();
    found.sort();
    let wanted = "\
ClusterRole kubectl-mesh
ClusterRole kubectl-mesh-break-glass
ClusterRole kubectl-mesh-names
ClusterRole kubectl-mesh-owners
ClusterRoleBinding kubectl-mesh
Deployment kubectl-mesh
MutatingWebhookConfiguration kubectl-mesh
Namespace mesh-sync
NetworkPolicy kubectl-mesh
Pod kubectl-mesh-self-test
PodDisruptionBudget kubectl-mesh
Role kubectl-mesh
Role kubectl-mesh-certificate
RoleBinding kubectl-mesh
RoleBinding kubectl-mesh-certificate
Service kubectl-mesh
ServiceAccount kubectl-mesh
ValidatingAdmissionPolicy kubectl-mesh-break-glass
ValidatingAdmissionPolicy kubectl-mesh-claims
ValidatingAdmissionPolicy kubectl-mesh-namespaces
ValidatingAdmissionPolicy kubectl-mesh-sets
ValidatingAdmissionPolicyBinding kubectl-mesh-break-glass
ValidatingAdmissionPolicyBinding kubectl-mesh-claims
ValidatingAdmissionPolicyBinding kubectl-mesh-namespaces
ValidatingAdmissionPolicyBinding kubectl-mesh-sets
ValidatingWebhookConfiguration kubectl-mesh";
    assert_eq!(found.join("\n"), wanted);
}

/// The webhook's own controller, cert-manager or the user writes it; a chart that did would take it away at each upgrade.
#[test]
fn there_is_never_a_ca_bundle() {
    let Some(helm) = Helm::find() else { return };
    for (name, set) in VARIANTS {
        assert!(!manifests(&helm, set).contains("caBundle:"), "{name}");
    }
}

#[test]
fn the_only_hook_is_the_test() {
    let Some(helm) = Helm::find() else { return };
    for (name, set) in VARIANTS {
        let objects = objects(&helm, set);
        let hooks: Vec<&Value> =
            objects.iter().filter(|object| object.pointer("/metadata/annotations/helm.sh~1hook").is_some()).collect();
        assert_eq!(hooks.len(), 1, "{name}");
        assert_eq!(
            (text(hooks[0], "/kind"), hooks[0]["metadata"]["annotations"]["helm.sh/hook"].as_str()),
            ("Pod", Some("test"))
        );
        assert_eq!(hooks[0]["spec"]["containers"][0]["command"], json!(["/mesh-webhook", "self-test"]), "{name}");
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
fn the_webhook_is_told_its_values_and_where_its_certificate_is() {
    let Some(helm) = Helm::find() else { return };
    let arguments = |set: &str| {
        let objects = objects(&helm, set);
        let container = &the(&objects, "Deployment", RELEASE)["spec"]["template"]["spec"]["containers"][0];
        let arguments: Vec<String> = serde_json::from_value(container["args"].clone()).unwrap();
        (arguments.join(" "), container["volumeMounts"].to_string())
    };
    let common = "--sync-namespace=mesh-sync --mode=optimistic --max-view-age=5m --on-stale=warn --disclosure=owner --lame-duck=5s --log-format=json";
    let listens = "serve --listen=0.0.0.0:10250 --admin-listen=0.0.0.0:10251";
    let (said, mounts) = arguments("");
    let managed = "--certificates=self-managed --secret=kubectl-mesh-tls --service=kubectl-mesh --namespace=mesh-system \
                   --mutating-configuration=kubectl-mesh --validating-configuration=kubectl-mesh";
    assert_eq!(said, format!("{listens} {managed} {common}"));
    assert!(!mounts.contains("/tls"), "{mounts}");
    for set in ["tls.mode=cert-manager", "tls.mode=existing-secret,tls.secretName=webhook-tls"] {
        let (said, mounts) = arguments(set);
        assert_eq!(said, format!("{listens} --certificates=folder --certificate-folder=/tls {common}"));
        assert!(mounts.contains("/tls"), "{mounts}");
    }
    let (said, _) = arguments(
        "admission.mutating.enabled=false,admission.mode=strict,admission.onStale=refuse,admission.disclosure=none,lameDuck=9s,logFormat=text,admission.maxViewAge=90s",
    );
    assert!(!said.contains("--mutating-configuration"), "{said}");
    assert!(
        said.ends_with(
            "--mode=strict --max-view-age=90s --on-stale=refuse --disclosure=none --lame-duck=9s --log-format=text"
        ),
        "{said}"
    );
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

#[test]
fn every_pod_may_do_as_little_as_pods_can() {
    let Some(helm) = Helm::find() else { return };
    for (name, set) in VARIANTS {
        let objects = objects(&helm, set);
        for pod in pods(&objects) {
            let spec = &pod["spec"];
            assert_eq!(
                [&spec["automountServiceAccountToken"], &spec["enableServiceLinks"]],
                [&json!(false); 2],
                "{name}"
            );
            let security = &spec["securityContext"];
            assert_eq!([&security["runAsNonRoot"], &security["runAsUser"]], [&json!(true), &json!(65532)], "{name}");
            assert_eq!(security["seccompProfile"], json!({"type": "RuntimeDefault"}), "{name}");
            for container in spec["containers"].as_array().unwrap() {
                let wanted = json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}});
                assert_eq!(container["securityContext"], wanted, "{name}");
                assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
            }
            let token = spec["volumes"].to_string().contains("serviceAccountToken");
            let sync = text(pod, "/metadata/labels/app.kubernetes.io~1component") == "sync";
            assert_eq!(
                token,
                !sync || set.contains("sync.cluster"),
                "{name}: only who asks the API server has a token"
            );
            assert!(!token || spec["volumes"].to_string().contains(r#""expirationSeconds":3600"#), "{name}");
        }
    }
}

#[test]
fn three_webhooks_are_spread_and_drained_one_by_one() {
    let Some(helm) = Helm::find() else { return };
    let objects = objects(&helm, "");
    let spec = &the(&objects, "Deployment", RELEASE)["spec"];
    assert_eq!(spec["replicas"], 3);
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["terminationGracePeriodSeconds"], 45);
    let spread: Vec<(&str, &str)> = pod["topologySpreadConstraints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|constraint| (text(constraint, "/topologyKey"), text(constraint, "/whenUnsatisfiable")))
        .collect();
    assert_eq!(
        spread,
        [("topology.kubernetes.io/zone", "ScheduleAnyway"), ("kubernetes.io/hostname", "ScheduleAnyway")]
    );
    let container = &pod["containers"][0];
    assert_eq!(container["readinessProbe"]["httpGet"], json!({"path": "/readyz", "port": "admin"}));
    assert_eq!(container["livenessProbe"]["httpGet"], json!({"path": "/livez", "port": "admin"}));
    let budget = &the(&objects, "PodDisruptionBudget", RELEASE)["spec"];
    assert_eq!([&budget["maxUnavailable"], &budget["unhealthyPodEvictionPolicy"]], [&json!(1), &json!("AlwaysAllow")]);
    let labels = &spec["template"]["metadata"]["labels"];
    for selector in [
        &budget["selector"]["matchLabels"],
        &spec["selector"]["matchLabels"],
        &the(&objects, "Service", RELEASE)["spec"]["selector"],
    ] {
        for (key, value) in selector.as_object().unwrap() {
            assert_eq!(&labels[key], value, "{key}");
        }
    }
    assert_eq!(
        the(&objects, "Service", RELEASE)["spec"]["ports"][0],
        json!({"name": "https", "port": 443, "targetPort": "webhook", "protocol": "TCP"})
    );
}

#[test]
fn the_network_is_open_for_reviews_and_towards_the_api_server_only() {
    let Some(helm) = Helm::find() else { return };
    let policy = |set: &str| the(&objects(&helm, set), "NetworkPolicy", RELEASE)["spec"].clone();
    let default = policy("");
    assert_eq!(default["ingress"], json!([{"ports": [{"protocol": "TCP", "port": "webhook"}]}]));
    assert_eq!(
        default["egress"],
        json!([{"ports": [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 6443}]}])
    );
    let (_, narrow) = VARIANTS.iter().find(|(name, _)| *name == "narrow network").unwrap();
    let narrow = policy(narrow);
    assert_eq!(narrow["egress"][0]["to"], json!([{"ipBlock": {"cidr": "10.0.0.1/32"}}]));
    assert_eq!(narrow["ingress"][1]["from"], json!([{"podSelector": {"matchLabels": {"app": "prometheus"}}}]));
    assert_eq!(narrow["ingress"][1]["ports"], json!([{"protocol": "TCP", "port": "admin"}]));
}

#[test]
fn the_sync_watches_the_fleet_of_its_secret_and_this_cluster_by_its_account() {
    let Some(helm) = Helm::find() else { return };
    let (_, set) = VARIANTS.iter().find(|(name, _)| *name == "sync").unwrap();
    let objects = objects(&helm, set);
    let pod = &the(&objects, "Deployment", "kubectl-mesh-sync")["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["command"], json!(["/kubectl-mesh"]));
    assert_eq!(
        pod["containers"][0]["args"],
        json!([
            "sync",
            "--watch",
            "--yes",
            "--fleet=kubeconfigs:/fleet",
            "--sync-namespace=mesh-sync",
            "--listen=0.0.0.0:8080",
            "--max-removals=10"
        ])
    );
    assert_eq!(
        pod["volumes"][0]["projected"]["sources"],
        json!([{"secret": {"name": "fleet"}}, {"configMap": {"name": "kubectl-mesh-sync"}}])
    );
    let kubeconfig: Value =
        serde_saphyr::from_str(text(the(&objects, "ConfigMap", "kubectl-mesh-sync"), "/data/c1.yaml")).unwrap();
    let mount = &pod["containers"][0]["volumeMounts"][1];
    assert_eq!(text(&kubeconfig, "/users/0/user/tokenFile"), format!("{}/token", text(mount, "/mountPath")));
}

#[test]
fn what_others_operators_read_is_off_until_asked_for_and_has_the_shape_that_they_take() {
    let Some(helm) = Helm::find() else { return };
    assert!(!objects(&helm, "").iter().any(|object| FOREIGN.contains(&text(object, "/kind"))));
    let (_, set) = VARIANTS.iter().find(|(name, _)| *name == "monitored").unwrap();
    let objects = objects(&helm, set);
    for component in ["webhook", "sync"] {
        let monitor = the(&objects, "ServiceMonitor", &format!("kubectl-mesh-{component}"));
        let selector = monitor["spec"]["selector"]["matchLabels"].as_object().unwrap();
        let chosen: Vec<&Value> = objects
            .iter()
            .filter(|object| text(object, "/kind") == "Service")
            .filter(|service| selector.iter().all(|(key, value)| &service["metadata"]["labels"][key] == value))
            .collect();
        assert_eq!(chosen.len(), 1, "{component}");
        let port = &monitor["spec"]["endpoints"][0]["port"];
        assert!(chosen[0]["spec"]["ports"].as_array().unwrap().iter().any(|each| &each["name"] == port), "{component}");
    }
    let rules = &the(&objects, "PrometheusRule", RELEASE)["spec"]["groups"][0]["rules"];
    let alerts: Vec<&str> = rules.as_array().unwrap().iter().map(|rule| text(rule, "/alert")).collect();
    assert_eq!(alerts, ["MeshWebhookNotReached", "MeshWebhookRefusesUnasked", "MeshMembersUnseen", "MeshStepsHeld"]);
}

#[test]
fn crds_are_installed_and_kept_as_the_user_wants() {
    let Some(helm) = Helm::find() else { return };
    let crds = |set: &str| {
        let objects = objects(&helm, set);
        let crds = objects.into_iter().filter(|object| text(object, "/kind") == "CustomResourceDefinition");
        crds.collect::<Vec<_>>()
    };
    let keeps = |crd: &Value| crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep";
    let all = crds("");
    assert_eq!(all.len(), 9);
    assert!(all.iter().all(keeps));
    assert!(!crds("crds.keep=false").iter().any(keeps));
    let ours: Vec<String> =
        crds("crds.admiral=false").iter().map(|crd| text(crd, "/metadata/name").to_owned()).collect();
    assert_eq!(ours, ["globalnames.kubectl-mesh.io", "globalnamesets.kubectl-mesh.io"]);
    assert_eq!(crds("crds.install=false").len(), 0);
    let mut sources: Vec<Value> = Vec::new();
    for file in ["claims", "admiral"] {
        let documents: Vec<Value> =
            serde_saphyr::from_multiple(&chart_file(&format!("files/crds/{file}.yaml"))).unwrap();
        sources.extend(documents);
    }
    for (rendered, source) in all.iter().zip(&sources) {
        assert_eq!(rendered["spec"], source["spec"], "nothing is lost on the way");
    }
}

#[test]
fn an_image_is_named_by_its_digest_where_one_is_given() {
    let Some(helm) = Helm::find() else { return };
    let image = |set: &str| {
        let objects = objects(&helm, set);
        text(the(&objects, "Deployment", RELEASE), "/spec/template/spec/containers/0/image").to_owned()
    };
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(image(""), format!("kubectl-mesh:{version}"));
    assert_eq!(image("image.repository=r/mesh,image.tag=v2"), "r/mesh:v2");
    let digest = format!("sha256:{}", "a".repeat(64));
    assert_eq!(image(&format!("image.tag=v2,image.digest={digest}")), format!("kubectl-mesh@{digest}"));
}

#[test]
fn the_notes_tell_the_mode_the_test_the_next_step_and_the_way_out() {
    let Some(helm) = Helm::find() else { return };
    let notes = |set: &str| {
        let chart = chart();
        let dry = [
            "install",
            RELEASE,
            chart.to_str().unwrap(),
            "--namespace",
            NAMESPACE,
            "--dry-run=client",
            "--hide-notes=false",
            "--set",
            set,
        ];
        let said = helm.run(&dry);
        assert!(said.succeeded, "{}", said.stderr);
        said.stdout.split("\nNOTES:\n").nth(1).expect("notes").to_owned()
    };
    let open = notes("");
    for part in [
        "mode optimistic",
        "passes (failurePolicy Ignore)",
        "helm test kubectl-mesh --namespace mesh-system",
        "--set admission.validating.failurePolicy=Fail",
        "kubectl delete mutatingwebhookconfiguration,validatingwebhookconfiguration kubectl-mesh --ignore-not-found",
    ] {
        assert!(open.contains(part), "{part}\n\n{open}");
    }
    let closed = notes("admission.mode=strict,admission.validating.failurePolicy=Fail");
    assert!(closed.contains("mode strict") && closed.contains("is refused (failurePolicy Fail)"), "{closed}");
    assert!(!closed.contains("fail closed"), "{closed}");
}

#[test]
fn what_no_schema_can_say_is_refused_with_the_next_step() {
    let Some(helm) = Helm::find() else { return };
    for (namespace, set, reason) in [
        ("kube-system", "", "install into one of its own"),
        ("mesh-sync", "", "install into one of its own"),
        (NAMESPACE, "sync.enabled=true", "sync.enabled needs sync.kubeconfigSecret"),
        (NAMESPACE, "tls.mode=existing-secret", "needs tls.secretName"),
        (NAMESPACE, "serviceAccount.create=false", "needs serviceAccount.name"),
    ] {
        let said = template(&helm, namespace, set);
        assert!(!said.succeeded && said.stderr.contains(reason), "{namespace} {set}: {}", said.stderr);
    }
}

#[test]
fn the_readme_sets_only_what_there_is() {
    let Some(helm) = Helm::find() else { return };
    let text = chart_file("README.md");
    let told = text.split_whitespace().zip(text.split_whitespace().skip(1));
    let settings: Vec<&str> = told.filter(|(flag, _)| *flag == "--set").map(|(_, setting)| setting).collect();
    assert!(settings.len() >= 6, "{settings:?}");
    manifests(&helm, &settings.join(","));
    for quoted in text.split('`').skip(1).step_by(2).filter(|quoted| quoted.contains('=') && !quoted.contains(' ')) {
        manifests(&helm, &format!("tls.secretName=own,{quoted}"));
    }
}

#[test]
fn the_chart_has_the_version_of_the_programs() {
    let manifest: Value = serde_saphyr::from_str(&chart_file("Chart.yaml")).unwrap();
    assert_eq!(
        (text(&manifest, "/version"), text(&manifest, "/appVersion")),
        (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_VERSION"))
    );
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
