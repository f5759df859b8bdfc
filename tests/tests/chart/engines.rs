//! Who judges: the webhook, the API server by itself, or both.

use std::collections::BTreeSet;

use mesh_testkit::helm::Helm;
use mesh_testkit::servers::ApiServers;
use serde_json::{Value, json};

use super::accepted::CLUSTER;
use super::{NAMESPACE, RELEASE, chart, notes, objects, template, text, the};

const POLICIES: [&str; 3] =
    ["ValidatingAdmissionPolicy rules", "ValidatingAdmissionPolicy rules-status", "MutatingAdmissionPolicy marks"];

fn names(objects: &[Value]) -> BTreeSet<String> {
    objects.iter().map(|object| format!("{} {}", text(object, "/kind"), text(object, "/metadata/name"))).collect()
}

#[test]
fn without_a_webhook_nothing_of_it_is_there() {
    let Some(helm) = Helm::find() else { return };
    let found = names(&objects(&helm, "admission.engine=cel,crds.install=false"));
    let wanted = "\
ClusterRole kubectl-mesh-break-glass
ClusterRole kubectl-mesh-names
ClusterRole kubectl-mesh-owners
MutatingAdmissionPolicy kubectl-mesh-marks
MutatingAdmissionPolicyBinding kubectl-mesh-marks
Namespace mesh-sync
ValidatingAdmissionPolicy kubectl-mesh-break-glass
ValidatingAdmissionPolicy kubectl-mesh-claims
ValidatingAdmissionPolicy kubectl-mesh-namespaces
ValidatingAdmissionPolicy kubectl-mesh-rules
ValidatingAdmissionPolicy kubectl-mesh-rules-status
ValidatingAdmissionPolicy kubectl-mesh-sets
ValidatingAdmissionPolicyBinding kubectl-mesh-break-glass
ValidatingAdmissionPolicyBinding kubectl-mesh-claims
ValidatingAdmissionPolicyBinding kubectl-mesh-namespaces
ValidatingAdmissionPolicyBinding kubectl-mesh-rules
ValidatingAdmissionPolicyBinding kubectl-mesh-rules-status
ValidatingAdmissionPolicyBinding kubectl-mesh-sets";
    assert_eq!(found.into_iter().collect::<Vec<_>>().join("\n"), wanted);
    // What is asked for besides is there, and nothing of the webhook with it.
    let monitored = "metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true,tls.mode=cert-manager";
    let sync = "sync.enabled=true,sync.kubeconfigSecret=fleet";
    for (set, of_sync) in [(monitored.to_owned(), 0), (format!("{monitored},{sync}"), 6)] {
        let objects = objects(&helm, &format!("admission.engine=cel,crds.install=false,{set}"));
        let components: Vec<&str> =
            objects.iter().map(|object| text(object, "/metadata/labels/app.kubernetes.io~1component")).collect();
        assert!(!components.contains(&"webhook"), "{set}: {:?}", names(&objects));
        let count = components.iter().filter(|component| **component == "sync").count();
        // The sync namespace is one of them.
        assert_eq!(count, of_sync + 1, "{set}: {:?}", names(&objects));
    }
}

#[test]
fn both_is_all_of_the_webhook_and_the_policies() {
    let Some(helm) = Helm::find() else { return };
    let webhook = objects(&helm, "");
    let both = objects(&helm, "admission.engine=both");
    let cel = objects(&helm, "admission.engine=cel");
    for object in &webhook {
        assert_eq!(the(&both, text(object, "/kind"), text(object, "/metadata/name")), object);
    }
    let more: BTreeSet<String> = names(&both).difference(&names(&webhook)).cloned().collect();
    assert_eq!(more, names(&cel).difference(&names(&webhook)).cloned().collect());
    assert_eq!(more.len(), 2 * POLICIES.len(), "{more:?}");
}

#[test]
fn policies_look_at_what_the_webhook_looks_at() {
    let Some(helm) = Helm::find() else { return };
    let set =
        "admission.engine=both,admission.namespaceSelector.matchLabels.mesh=on,admission.excludedNamespaces={calico}";
    let objects = objects(&helm, set);
    let mutating = &the(&objects, "MutatingWebhookConfiguration", RELEASE)["webhooks"][0];
    let validating = &the(&objects, "ValidatingWebhookConfiguration", RELEASE)["webhooks"];
    for (policy, rules) in POLICIES.iter().zip([&mutating["rules"], &validating[1]["rules"], &mutating["rules"]]) {
        let (kind, name) = policy.split_once(' ').unwrap();
        let constraints = &the(&objects, kind, &format!("{RELEASE}-{name}"))["spec"]["matchConstraints"];
        assert_eq!(&constraints["resourceRules"], rules, "{policy}");
        assert_eq!(constraints["namespaceSelector"], mutating["namespaceSelector"], "{policy}");
    }
    let conditions = |name: &str| the(&objects, "ValidatingAdmissionPolicy", name)["spec"]["matchConditions"].clone();
    for name in ["kubectl-mesh-rules", "kubectl-mesh-rules-status"] {
        assert_eq!(conditions(name), validating[0]["matchConditions"], "{name}");
    }
    let marks = &the(&objects, "MutatingAdmissionPolicy", "kubectl-mesh-marks")["spec"];
    assert!(marks.get("matchConditions").is_none(), "whoever breaks the glass still gets the marks");
    assert_eq!(marks["failurePolicy"], "Ignore");
}

#[test]
fn a_policy_can_be_left_out_as_a_webhook_can() {
    let Some(helm) = Helm::find() else { return };
    let found = |set: &str| names(&objects(&helm, &format!("admission.engine=cel,{set}")));
    let unmarked = found("admission.mutating.enabled=false");
    assert!(!unmarked.iter().any(|name| name.starts_with("Mutating")), "{unmarked:?}");
    let unjudged = found("admission.validating.enabled=false");
    assert!(!unjudged.iter().any(|name| name.ends_with("-rules")), "{unjudged:?}");
    assert!(unjudged.contains("MutatingAdmissionPolicy kubectl-mesh-marks"), "{unjudged:?}");
}

#[test]
fn marks_are_written_in_the_version_that_the_server_has() {
    let Some(helm) = Helm::find() else { return };
    let rendered = |version: Option<&str>| {
        let chart = chart();
        let mut arguments = vec!["template", RELEASE, chart.to_str().unwrap(), "--set", "admission.engine=cel"];
        let kind = version.map(|version| format!("admissionregistration.k8s.io/{version}/MutatingAdmissionPolicy"));
        if let Some(kind) = &kind {
            arguments.extend(["--api-versions", kind]);
        }
        let said = helm.run(&arguments);
        assert!(said.succeeded, "{}", said.stderr);
        said.stdout
    };
    for version in ["v1", "v1beta1"] {
        for kind in ["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"] {
            let line = format!("apiVersion: admissionregistration.k8s.io/{version}\nkind: {kind}\n");
            assert!(rendered(Some(version)).contains(&line), "{line}");
        }
    }
    assert!(!rendered(None).contains("MutatingAdmissionPolicy"));
}

#[test]
fn the_notes_tell_what_each_engine_knows() {
    let Some(helm) = Helm::find() else { return };
    let webhook = notes(&helm, "");
    assert!(!webhook.contains("The API server itself refuses"), "{webhook}");
    // Without a server there are no kinds of it.
    let cel = notes(&helm, "admission.engine=cel");
    for part in [
        "no pod is in the path of a deploy",
        "The API server itself refuses MESH-E104, MESH-E105 and MESH-E106",
        "admission.cel and not mesh.yaml",
        "MESH-E101, E102, E108, E110, E111",
        "nobody writes the annotation",
        "kubectl delete validatingadmissionpolicybinding kubectl-mesh-rules kubectl-mesh-rules-status",
    ] {
        assert!(cel.contains(part), "{part}\n\n{cel}");
    }
    assert!(!cel.contains("helm test") && !cel.contains("webhookconfiguration"), "{cel}");
    let both = notes(&helm, "admission.engine=both");
    for part in ["mode optimistic", "The API server itself refuses", "helm test", "only the webhook writes marks"] {
        assert!(both.contains(part), "{part}\n\n{both}");
    }
    assert!(!both.contains("MESH-E101"), "{both}");
}

#[test]
fn strict_mode_needs_the_webhook() {
    let Some(helm) = Helm::find() else { return };
    let said = |engine: &str| template(&helm, NAMESPACE, &format!("admission.mode=strict,admission.engine={engine}"));
    let refused = said("cel");
    assert!(!refused.succeeded && refused.stderr.contains("strict needs the webhook"), "{}", refused.stderr);
    assert!(said("both").succeeded);
}

#[test]
fn values_are_literals_of_cel_whatever_they_hold() {
    let Some(helm) = Helm::find() else { return };
    let hostile = r#"it's"x"\n'||true||'<&>"#;
    let objects =
        objects(&helm, &format!("admission.engine=cel,admission.cel.exclude={{{}}}", hostile.replace('\\', r"\\")));
    let spec = &the(&objects, "ValidatingAdmissionPolicy", "kubectl-mesh-rules")["spec"];
    let variables = spec["variables"].as_array().unwrap();
    let takes = variables.iter().find(|variable| variable["name"] == "takesName").unwrap();
    let expression = text(takes, "/expression");
    let list = expression.split("variables.objectIdentity in ").nth(1).unwrap().strip_suffix(')').unwrap();
    assert_eq!(serde_json::from_str::<Value>(list).unwrap(), json!([hostile]), "{expression}");
}

/// From one engine to another and away, on a real API server.
#[test]
fn a_release_changes_its_engine_and_leaves_nothing() {
    let Some((helm, servers)) = Helm::find().zip(ApiServers::shared(&[CLUSTER])) else { return };
    let server = servers.cluster(CLUSTER);
    let does = |verb: &[&str], engine: &str| {
        let chart = chart();
        let set = format!(
            "crds.install=false,guard.enabled=false,rbac.people=false,syncNamespace.name=engines-sync,\
             admission.namespaceSelector.matchLabels.engines=nobody,admission.engine={engine}"
        );
        let arguments: Vec<&str> = match verb[0] {
            "uninstall" => vec![],
            _ => vec![chart.to_str().unwrap(), "--set", &set],
        };
        let all = [verb, &["engines"], &arguments, &["--namespace", "engines"]].concat();
        let said = helm.run_on(servers.kubeconfig(), &all);
        assert!(said.succeeded, "{verb:?} {engine}: {}", said.stderr);
    };
    let registration = "/apis/admissionregistration.k8s.io/v1";
    let policies = [
        format!("{registration}/validatingadmissionpolicies/engines-kubectl-mesh-rules"),
        format!("{registration}/validatingadmissionpolicybindings/engines-kubectl-mesh-rules"),
        format!("{registration}/validatingadmissionpolicies/engines-kubectl-mesh-rules-status"),
        format!("{registration}/validatingadmissionpolicybindings/engines-kubectl-mesh-rules-status"),
        format!("{registration}/mutatingadmissionpolicies/engines-kubectl-mesh-marks"),
        format!("{registration}/mutatingadmissionpolicybindings/engines-kubectl-mesh-marks"),
    ];
    let webhook = [
        format!("{registration}/validatingwebhookconfigurations/engines-kubectl-mesh"),
        format!("{registration}/mutatingwebhookconfigurations/engines-kubectl-mesh"),
        "/apis/apps/v1/namespaces/engines/deployments/engines-kubectl-mesh".to_owned(),
        "/api/v1/namespaces/engines/services/engines-kubectl-mesh".to_owned(),
        "/api/v1/namespaces/engines/serviceaccounts/engines-kubectl-mesh".to_owned(),
        "/api/v1/namespaces/engines/configmaps/mesh-webhook".to_owned(),
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/engines-kubectl-mesh".to_owned(),
    ];
    let are_there = |paths: &[String], wanted: bool| {
        for path in paths {
            assert_eq!(server.get(path).0, if wanted { 200 } else { 404 }, "{path}");
        }
    };
    for (verb, engine) in [
        (&["install", "--create-namespace"][..], "webhook"),
        (&["upgrade"], "cel"),
        (&["upgrade"], "both"),
        (&["upgrade"], "cel"),
        (&["uninstall"], ""),
    ] {
        does(verb, engine);
        are_there(&policies, matches!(engine, "cel" | "both"));
        are_there(&webhook, matches!(engine, "webhook" | "both"));
    }
}
