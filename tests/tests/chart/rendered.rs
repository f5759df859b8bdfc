//! What is rendered, whatever the values.

use mesh_testkit::helm::Helm;
use serde_json::{Value, json};

use super::{FOREIGN, NAMESPACE, RELEASE, VARIANTS, chart, chart_file, manifests, notes, objects, template, text, the};

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
ConfigMap mesh-webhook
Deployment kubectl-mesh
MutatingWebhookConfiguration kubectl-mesh
Namespace mesh-sync
NetworkPolicy kubectl-mesh
Pod kubectl-mesh-self-test
PodDisruptionBudget kubectl-mesh
Role kubectl-mesh
Role kubectl-mesh-certificate
Role kubectl-mesh-state
RoleBinding kubectl-mesh
RoleBinding kubectl-mesh-certificate
RoleBinding kubectl-mesh-state
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

#[test]
fn the_only_hook_is_the_test() {
    let Some(helm) = Helm::find() else { return };
    for (name, set) in VARIANTS {
        let objects = objects(&helm, set);
        let hooks: Vec<&Value> =
            objects.iter().filter(|object| object.pointer("/metadata/annotations/helm.sh~1hook").is_some()).collect();
        // Without a webhook that refuses, there is nothing to test.
        if *name == "mutating only" || set.contains("admission.engine=cel") {
            assert!(hooks.is_empty(), "{name}");
            continue;
        }
        assert_eq!(hooks.len(), 1, "{name}");
        assert_eq!(
            (text(hooks[0], "/kind"), hooks[0]["metadata"]["annotations"]["helm.sh/hook"].as_str()),
            ("Pod", Some("test"))
        );
        assert_eq!(
            hooks[0]["spec"]["containers"][0]["command"],
            json!(["/mesh-webhook", "self-test", "--validating-configuration=kubectl-mesh"]),
            "{name}"
        );
    }
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
fn the_notes_tell_the_mode_the_test_the_next_step_and_the_way_out() {
    let Some(helm) = Helm::find() else { return };
    let open = notes(&helm, "");
    for part in [
        "mode optimistic",
        "passes (failurePolicy Ignore)",
        "helm test kubectl-mesh --namespace mesh-system",
        "--set admission.validating.failurePolicy=Fail",
        "kubectl delete mutatingwebhookconfiguration,validatingwebhookconfiguration kubectl-mesh --ignore-not-found",
    ] {
        assert!(open.contains(part), "{part}\n\n{open}");
    }
    let closed = notes(&helm, "admission.mode=strict,admission.validating.failurePolicy=Fail");
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
