//! Every kind of source leads to the same clusters, and through each a sync gives the same objects.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mesh_tests::example;
use serde_json::{Value, json};

use super::on_clusters::OnClusters;

/// The cluster whose Secrets and ClusterProfiles list the others.
const HUB: &str = "edge-us-west";

#[test]
fn a_sync_through_each_kind_of_source_gives_what_renders() {
    let Some(live) = OnClusters::example("bookstore") else { return };
    let manifests = example("bookstore");
    live.mesh(&["policy", "push", manifests.join("mesh.yaml").to_str().unwrap(), "--yes"]).exits(0);

    let folder = live.env.root().join("kubeconfigs");
    fs::create_dir(&folder).unwrap();
    for cluster in &live.clusters {
        fs::write(folder.join(format!("{cluster}.yaml")), live.servers.kubeconfig_for(cluster)).unwrap();
    }
    remote_secrets(&live);
    cluster_profiles(&live);

    for source in [
        "contexts:*",
        &format!("kubeconfigs:{}", folder.display()),
        "secrets:edge-us-west",
        "profiles:edge-us-west/mesh-sync",
        "",
    ] {
        nothing_is_generated(&live);
        live.on(source, &["sync", "--yes"]).exits(0).says("50 steps written.");
        live.holds_what_renders(&manifests);
        let writes = live.writes();
        live.on(source, &["sync", "--yes"]).exits(0).says("No changes.");
        assert_eq!(live.writes(), writes, "{source}: a second sync writes nothing");
    }

    // Another cluster's credentials under a member's name are not that member.
    fs::write(folder.join("payments-us-east.yaml"), live.servers.kubeconfig_for("retail-us-west")).unwrap();
    let source = format!("kubeconfigs:{}", folder.display());
    live.on(&source, &["sync", "--yes"]).exits(3).says("reach one cluster");
    live.mesh(&["plan"]).exits(0).says("No changes.");
}

/// As `istioctl create-remote-secret` makes them.
fn remote_secrets(live: &OnClusters) {
    let hub = live.servers.cluster(HUB);
    let (status, _) = hub.create("/api/v1/namespaces", &json!({"metadata": {"name": "istio-system"}}));
    assert!(matches!(status, 201 | 409), "{status}");
    let (_, admiral) = hub.create("/api/v1/namespaces", &json!({"metadata": {"name": "admiral"}}));
    assert_eq!(admiral["metadata"]["name"], "admiral");
    for cluster in &live.clusters {
        let secret = json!({
            "metadata": {
                "name": format!("istio-remote-secret-{cluster}"),
                "labels": {"istio/multiCluster": "true"},
                "annotations": {"networking.istio.io/cluster": cluster},
            },
            "stringData": {cluster.as_str(): live.servers.kubeconfig_for(cluster)},
        });
        let (status, answer) = hub.create("/api/v1/namespaces/istio-system/secrets", &secret);
        assert_eq!(status, 201, "{answer}");
    }
}

/// As the Cluster Inventory API has them: no credential, and a plugin that the user names.
fn cluster_profiles(live: &OnClusters) {
    let hub = live.servers.cluster(HUB);
    let profiles = "/apis/multicluster.x-k8s.io/v1alpha1/namespaces/mesh-sync/clusterprofiles";
    for cluster in live.servers.clusters() {
        let profile = json!({
            "apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ClusterProfile",
            "metadata": {"name": cluster.name()},
            "spec": {"displayName": cluster.name(), "clusterManager": {"name": "tests"}},
        });
        let (status, mut made) = hub.create(profiles, &profile);
        assert_eq!(status, 201, "{made}");
        let ca = base64_of(cluster.ca_pem());
        made["status"] = json!({"accessProviders": [
            {"name": "tests", "cluster": {"server": cluster.url(), "certificate-authority-data": ca}},
        ]});
        let (status, answer) = hub.replace(&format!("{profiles}/{}/status", cluster.name()), &made);
        assert_eq!(status, 200, "{answer}");
    }
    // Every administrator has a token of their own; the plugin is told which cluster it is for.
    let tokens: Value = live.servers.clusters().iter().map(|cluster| (cluster.url(), cluster.admin_token())).collect();
    let folder = live.env.config().join("kubectl-mesh");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("tokens.json"), tokens.to_string()).unwrap();
    let plugin = folder.join("plugin.py");
    fs::write(
        &plugin,
        "#!/usr/bin/env python3\nimport json, os, pathlib\n\
         info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n\
         tokens = json.loads((pathlib.Path(__file__).parent / 'tokens.json').read_text())\n\
         print(json.dumps({'apiVersion': info['apiVersion'], 'kind': 'ExecCredential', 'status': {'token': tokens[info['spec']['cluster']['server']]}}))\n",
    )
    .unwrap();
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
    let config = format!("providers: {{tests: {{command: {}, provideClusterInfo: true}}}}\n", plugin.display());
    fs::write(folder.join("fleet.yaml"), config).unwrap();
}

fn nothing_is_generated(live: &OnClusters) {
    for cluster in live.servers.clusters() {
        for kind in ["serviceentries", "destinationrules"] {
            let (status, answer) = cluster.delete(&format!("/apis/networking.istio.io/v1/namespaces/mesh-sync/{kind}"));
            assert_eq!(status, 200, "{answer}");
        }
    }
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
