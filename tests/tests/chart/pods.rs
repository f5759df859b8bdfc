//! The pods: what they are told, what they may, and who reaches them.

use mesh_testkit::helm::Helm;
use serde_json::{Value, json};

use super::{RELEASE, VARIANTS, objects, pods, text, the};

#[test]
fn the_webhook_is_told_its_values_and_where_its_certificate_is() {
    let Some(helm) = Helm::find() else { return };
    let arguments = |set: &str| {
        let objects = objects(&helm, set);
        let container = &the(&objects, "Deployment", RELEASE)["spec"]["template"]["spec"]["containers"][0];
        let arguments: Vec<String> = serde_json::from_value(container["args"].clone()).unwrap();
        (arguments.join(" "), container["volumeMounts"].to_string())
    };
    let common = "--namespace=mesh-system --validating-configuration=kubectl-mesh --sync-namespace=mesh-sync --mode=optimistic --max-view-age=5m --on-stale=warn --disclosure=owner --lame-duck=5s --log-format=json";
    let listens = "serve --listen=0.0.0.0:10250 --admin-listen=0.0.0.0:10251";
    let (said, mounts) = arguments("");
    let managed = "--certificates=self-managed --secret=kubectl-mesh-tls --service=kubectl-mesh \
                   --mutating-configuration=kubectl-mesh";
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
