//! Whose service account callers do not accept yet learns of it while deploying, as kubectl shows it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use mesh_testkit::servers::until;
use mesh_tests::skipped_without;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::process::{Certificates, SOON};
use super::running::{Installed, deployment};

const ENTRIES: &str = "/apis/networking.istio.io/v1/namespaces/mesh-sync/serviceentries";

#[test]
fn a_service_account_that_callers_do_not_accept_yet_is_warned_of() {
    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        return skipped_without("kubectl");
    }
    let Some(installed) = Installed::start("accounts", Certificates::Folder) else { return };
    let policy = "apiVersion: kubectl-mesh.io/v1alpha1\nkind: MeshPolicy\nsans: serviceAccounts\n";
    let policy = json!({"metadata": {"name": "mesh-policy"}, "data": {"mesh.yaml": policy}});
    assert_eq!(installed.server().create("/api/v1/namespaces/mesh-sync/configmaps", &policy).0, 201);
    generated(&installed, "stage.checkout.global", &["spiffe://cluster.local/ns/shop/sa/till"]);
    generated(&installed, "stage.open.global", &[]);

    let web = deployment("web", "checkout", "stage");
    let warned = until(SOON, || kubectl_says(&installed, &web).contains("MESH-W205"));
    let said = kubectl_says(&installed, &web);
    assert!(warned && said.contains("service account \"default\"") && said.contains("kubectl mesh sync"), "{said}");
    let mut till = web.clone();
    till["spec"]["template"]["spec"]["serviceAccountName"] = "till".into();
    for (deployment, why) in [
        (till, "its account is accepted"),
        (deployment("web", "open", "stage"), "everybody is accepted"),
        (deployment("web", "new", "stage"), "nobody calls it yet"),
    ] {
        let said = kubectl_says(&installed, &deployment);
        assert!(said.contains("MESH-W201") && !said.contains("MESH-W205"), "{why}: {said}");
    }
    // After a sync that knows of it.
    generated(&installed, "stage.checkout.global", &["spiffe://cluster.local/ns/shop/sa/default"]);
    assert!(until(SOON, || !kubectl_says(&installed, &web).contains("MESH-W205")));
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
fn kubectl_says(installed: &Installed, object: &Value) -> String {
    let mut kubeconfig = NamedTempFile::new().unwrap();
    kubeconfig.write_all(installed.server().kubeconfig_as(&installed.deployer.token).as_bytes()).unwrap();
    let mut kubectl = Command::new("kubectl")
        .args(["create", "--dry-run=server", "--validate=false", "--namespace=shop", "--filename=-", "--kubeconfig"])
        .arg(kubeconfig.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    kubectl.stdin.take().unwrap().write_all(object.to_string().as_bytes()).unwrap();
    let output = kubectl.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}
