//! Whose service account callers do not accept yet learns of it while deploying, as kubectl shows it.

use mesh_testkit::servers::until;
use serde_json::{Value, json};

use super::kubectl::Kubectl;
use super::process::{Certificates, SOON};
use super::running::{Installed, deployment};

const ENTRIES: &str = "/apis/networking.istio.io/v1/namespaces/mesh-sync/serviceentries";

#[test]
fn a_service_account_that_callers_do_not_accept_yet_is_warned_of() {
    let Some(installed) = Installed::start("accounts", Certificates::Folder) else { return };
    let kubeconfig = installed.server().kubeconfig_as(&installed.deployer.token);
    let Some(kubectl) = Kubectl::of(&kubeconfig) else { return };
    let policy = "apiVersion: kubectl-mesh.io/v1alpha1\nkind: MeshPolicy\nsans: serviceAccounts\n";
    let policy = json!({"metadata": {"name": "mesh-policy"}, "data": {"mesh.yaml": policy}});
    assert_eq!(installed.server().create("/api/v1/namespaces/mesh-sync/configmaps", &policy).0, 201);
    generated(&installed, "stage.checkout.global", &["spiffe://cluster.local/ns/shop/sa/till"]);
    generated(&installed, "stage.open.global", &[]);

    let web = deployment("web", "checkout", "stage");
    let warned = until(SOON, || kubectl_says(&kubectl, &web).contains("MESH-W205"));
    let said = kubectl_says(&kubectl, &web);
    assert!(warned && said.contains("service account \"default\"") && said.contains("kubectl mesh sync"), "{said}");
    let mut till = web.clone();
    till["spec"]["template"]["spec"]["serviceAccountName"] = "till".into();
    for (deployment, why) in [
        (till, "its account is accepted"),
        (deployment("web", "open", "stage"), "everybody is accepted"),
        (deployment("web", "new", "stage"), "nobody calls it yet"),
    ] {
        let said = kubectl_says(&kubectl, &deployment);
        assert!(said.contains("MESH-W201") && !said.contains("MESH-W205"), "{why}: {said}");
    }
    // After a sync that knows of it.
    generated(&installed, "stage.checkout.global", &["spiffe://cluster.local/ns/shop/sa/default"]);
    assert!(until(SOON, || !kubectl_says(&kubectl, &web).contains("MESH-W205")));
}

/// Writes an entry as a sync generates it.
fn generated(installed: &Installed, host: &str, accounts: &[&str]) {
    let entry = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
        "metadata": {"name": format!("{host}-se"), "annotations": {"app.kubernetes.io/created-by": "kubectl-mesh"}},
        "spec": {"hosts": [host], "location": "MESH_INTERNAL", "resolution": "DNS", "subjectAltNames": accounts,
                 "ports": [{"number": 80, "name": "http", "protocol": "http"}]},
    });
    if installed.server().create(ENTRIES, &entry).0 != 201 {
        let change = json!({"spec": {"subjectAltNames": accounts}});
        assert_eq!(installed.server().patch(&format!("{ENTRIES}/{host}-se"), &change).0, 200);
    }
}

/// What a dry run shows to somebody who deploys into `shop`, warnings included.
fn kubectl_says(kubectl: &Kubectl, object: &Value) -> String {
    kubectl.write("web.json", object);
    let said =
        kubectl.runs(&["create", "--dry-run=server", "--validate=false", "--namespace=shop", "--filename=web.json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    said.stderr
}
