//! What people see at their terminals: the real kubectl, whose API server asks the webhook.

use serde_json::json;

use super::kubectl::Kubectl;
use super::process::Certificates;
use super::running::{Installed, deployment};

const HOST: &str = "stage.checkout.global";
const PENDING: &str = "Warning: [MESH-W201] the claim of this name is pending; another owner may win it\n";

#[test]
fn people_are_told_who_holds_a_name_and_owners_go_on() {
    let Some(installed) = Installed::start("terminal", Certificates::Folder) else { return };
    let kubeconfig = installed.server().kubeconfig_as(&installed.deployer.token);
    let Some(kubectl) = Kubectl::of(&kubeconfig) else { return };
    owners_go_on(&installed, &kubectl);
    others_are_told(&installed, &kubectl);
    a_rollout_takes_over(&installed, &kubectl);
}

fn owners_go_on(installed: &Installed, kubectl: &Kubectl) {
    let mut web = deployment("web", "checkout", "stage");
    kubectl.write("web.yaml", &web);
    let shop = |words: &[&str]| kubectl.runs(&[words, &["--namespace", "shop"]].concat());
    let first = shop(&["apply", "-f", "web.yaml"]);
    assert_eq!((&*first.stdout, &*first.stderr), ("deployment.apps/web created\n", PENDING));
    installed.claim(HOST);
    // Our marks are no difference to what people wrote.
    shop(&["apply", "-f", "web.yaml"]).goes_on("deployment.apps/web unchanged\n");
    shop(&["diff", "-f", "web.yaml"]).goes_on("");
    shop(&["apply", "-f", "web.yaml", "--dry-run=server"]).goes_on("deployment.apps/web unchanged (server dry run)\n");
    let configured = "deployment.apps/web configured\n";
    web["spec"]["template"]["spec"]["containers"][0]["image"] = "app:2".into();
    kubectl.write("web.yaml", &web);
    let diff = shop(&["diff", "-f", "web.yaml"]);
    let changed: Vec<&str> = diff.stdout.lines().filter(|line| line.starts_with(['+', '-'])).collect();
    assert_eq!(diff.code, Some(1), "{diff:?}");
    assert!(changed.contains(&"+      - image: app:2"), "{diff:?}");
    assert!(!changed.iter().any(|line| line.contains("kubectl-mesh.io")), "{diff:?}");
    shop(&["apply", "-f", "web.yaml"]).goes_on(configured);
    shop(&["replace", "-f", "web.yaml"]).goes_on("deployment.apps/web replaced\n");
    let applied = "deployment.apps/web serverside-applied\n";
    // Forced, as kubectl's own other ways own the image.
    let forced = ["apply", "--server-side", "--force-conflicts", "-f", "web.yaml"];
    shop(&forced).goes_on(applied);
    web["spec"]["template"]["spec"]["containers"][0]["image"] = "app:1".into();
    kubectl.write("web.yaml", &web);
    shop(&forced).goes_on(applied);
    shop(&["edit", "deployment/web"]).goes_on("deployment.apps/web edited\n");
    for (kind, patch) in patches("/spec/template/spec/containers/0/image", "app:3") {
        shop(&["patch", "deployment/web", "--type", kind, "--patch", &patch]).goes_on("deployment.apps/web patched\n");
    }
    shop(&["set", "image", "deployment/web", "app=app:4"]).goes_on("deployment.apps/web image updated\n");
    shop(&["scale", "deployment/web", "--replicas=3"]).goes_on("deployment.apps/web scaled\n");
    shop(&["rollout", "restart", "deployment/web"]).goes_on("deployment.apps/web restarted\n");
    shop(&["label", "deployment/web", "tier=front"]).goes_on("deployment.apps/web labeled\n");
    let marks =
        shop(&["get", "deployment/web", "--output", "jsonpath={.metadata.annotations.kubectl-mesh\\.io/global-name}"]);
    marks.goes_on(HOST);
}

/// A patch of each type that gives a field of a Deployment a value.
fn patches(pointer: &str, value: &str) -> [(&'static str, String); 3] {
    let is_image = pointer.ends_with("image");
    let json_patch = json!([{"op": "replace", "path": pointer, "value": value}]);
    let merge = if is_image {
        json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": format!("{value}-m")}]}}}})
    } else {
        json!({"spec": {"template": {"metadata": {"labels": {"identity": value}}}}})
    };
    let strategic = if is_image {
        json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": format!("{value}-s")}]}}}})
    } else {
        merge.clone()
    };
    [("json", json_patch.to_string()), ("merge", merge.to_string()), ("strategic", strategic.to_string())]
}

/// What is said to `namespace` `pay` of whom the name is.
fn refusal(installed: &Installed) -> String {
    let since = installed.claim(HOST)["spec"]["claimedAt"].clone();
    format!(
        "[MESH-E101] global name \"{HOST}\" is held by \"team-shop\" since {}, claimed in cluster \"{}\"; namespace \"pay\" is of \
         \"team-pay\". Choose another identity or env, or ask its owner for a transfer: kubectl mesh names transfer.",
        since.as_str().unwrap(),
        installed.server().uid()
    )
}

fn others_are_told(installed: &Installed, kubectl: &Kubectl) {
    let refusal = refusal(installed);
    let pay = |words: &[&str]| kubectl.runs(&[words, &["--namespace", "pay"]].concat());
    let taken = deployment("till", "checkout", "stage");
    kubectl.write("taken.yaml", &taken);
    kubectl.write("till.yaml", &deployment("till", "thief", "stage"));
    let forbidden = "Error from server (Forbidden): ";
    let creating = "Error from server (Forbidden): error when creating \"taken.yaml\": ";
    pay(&["create", "-f", "taken.yaml"]).is_refused(creating, &refusal);
    pay(&["apply", "-f", "taken.yaml"]).is_refused(creating, &refusal);
    pay(&["apply", "-f", "taken.yaml", "--dry-run=server"]).is_refused(creating, &refusal);
    pay(&["apply", "--server-side", "-f", "taken.yaml"]).is_refused(forbidden, &refusal);
    pay(&["diff", "-f", "taken.yaml"]).is_refused(forbidden, &refusal);

    // One that was there, and takes the name by an update.
    let first = pay(&["apply", "-f", "till.yaml"]);
    assert_eq!((&*first.stdout, &*first.stderr), ("deployment.apps/till created\n", PENDING));
    let patching = "error when patching \"taken.yaml\": ";
    pay(&["apply", "-f", "taken.yaml"]).is_refused(patching, &refusal);
    pay(&["apply", "-f", "taken.yaml", "--dry-run=server"]).is_refused(patching, &refusal);
    pay(&["diff", "-f", "taken.yaml"]).is_refused(patching, &refusal);
    pay(&["apply", "--server-side", "--force-conflicts", "-f", "taken.yaml"]).is_refused(forbidden, &refusal);
    pay(&["replace", "-f", "taken.yaml"])
        .is_refused("Error from server (Forbidden): error when replacing \"taken.yaml\": ", &refusal);
    pay(&["edit", "deployment/till"]).is_refused("error: deployments.apps \"till\" could not be patched: ", &refusal);
    for (kind, patch) in patches("/spec/template/metadata/labels/identity", "checkout") {
        pay(&["patch", "deployment/till", "--type", kind, "--patch", &patch]).is_refused(forbidden, &refusal);
    }
    // And none of it was stored.
    let identity = pay(&["get", "deployment/till", "--output", "jsonpath={.spec.template.metadata.labels.identity}"]);
    identity.goes_on("thief");
}

/// As Argo Rollouts migrates: a Rollout that refers to the Deployment, which is scaled down behind it; then one with a template of its
/// own, and the Deployment goes.
fn a_rollout_takes_over(installed: &Installed, kubectl: &Kubectl) {
    let shop = |words: &[&str]| kubectl.runs(&[words, &["--namespace", "shop"]].concat());
    let pay = |words: &[&str]| kubectl.runs(&[words, &["--namespace", "pay"]].concat());
    let mut rollout = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 3,
            "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "scaleDown": "progressively"},
            "strategy": {"canary": {"steps": [{"setWeight": 50}]}},
        },
    });
    kubectl.write("rollout.yaml", &rollout);
    // One without a template takes no name: the Deployment that it refers to has it.
    shop(&["apply", "-f", "rollout.yaml"]).goes_on("rollout.argoproj.io/web created\n");
    pay(&["apply", "-f", "rollout.yaml"]).goes_on("rollout.argoproj.io/web created\n");
    for replicas in ["2", "1", "0"] {
        shop(&["scale", "deployment/web", &format!("--replicas={replicas}")]).goes_on("deployment.apps/web scaled\n");
    }
    // What the controller notes on both while it does.
    for kind in ["deployment.apps", "rollout.argoproj.io"] {
        let noted = shop(&["annotate", &format!("{kind}/web"), "rollout.argoproj.io/workload-generation=4"]);
        noted.goes_on(&format!("{kind}/web annotated\n"));
    }
    rollout["spec"].as_object_mut().unwrap().remove("workloadRef");
    rollout["spec"]["selector"] = json!({"matchLabels": {"app": "web"}});
    rollout["spec"]["template"] = deployment("web", "checkout", "stage")["spec"]["template"].clone();
    kubectl.write("rollout.yaml", &rollout);
    shop(&["apply", "-f", "rollout.yaml"]).goes_on("rollout.argoproj.io/web configured\n");
    let refused = pay(&["apply", "-f", "rollout.yaml"]);
    refused.is_refused("error when patching \"rollout.yaml\": ", &refusal(installed));
    let gone = shop(&["delete", "deployment/web", "--wait=false"]);
    assert_eq!((gone.code, &*gone.stderr), (Some(0), ""), "{gone:?}");
    shop(&["apply", "-f", "rollout.yaml"]).goes_on("rollout.argoproj.io/web unchanged\n");
    let mark = "jsonpath={.metadata.annotations.kubectl-mesh\\.io/global-name}";
    shop(&["get", "rollout/web", "--output", mark]).goes_on(HOST);
    let claim = installed.claim(HOST);
    assert_eq!((&claim["spec"]["owner"], &claim["spec"]["phase"]), (&json!("team-shop"), &json!("Bound")), "{claim}");
}
