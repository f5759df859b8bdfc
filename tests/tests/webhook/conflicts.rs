//! Who may deploy what, by every way in which objects are written.

use mesh_testkit::servers::until;
use serde_json::{Value, json};

use super::process::{Certificates, SOON};
use super::running::{Installed, collection, deployment};

const HOST: &str = "stage.checkout.global";
const MARK: &str = "kubectl-mesh.io/global-name";
const LABEL: &str = "kubectl-mesh.io/identity";

#[test]
fn names_are_marked_claimed_and_kept_from_others() {
    let Some(installed) = Installed::start("names", Certificates::Folder) else { return };
    first_come(&installed);
    others_are_refused_however_they_write(&installed);
    hosts_are_not_taken_by_hand(&installed);
    marks_are_right(&installed);
    the_owner_goes_on(&installed);
    a_dry_run_leaves_nothing(&installed);
}

fn first_come(installed: &Installed) {
    let (code, made) = installed.creates("shop", &deployment("web", "checkout", "stage"), "");
    assert_eq!(code, 201, "{made}");
    for metadata in [&made["metadata"], &made["spec"]["template"]["metadata"]] {
        assert_eq!(metadata["annotations"][MARK], HOST, "{metadata}");
        assert_eq!(metadata["labels"][LABEL].as_str().map(str::len), Some(16), "{metadata}");
    }
    let claim = installed.claim(HOST);
    assert_eq!((&claim["spec"]["owner"], &claim["spec"]["phase"]), (&json!("team-shop"), &json!("Bound")), "{claim}");
    assert_eq!(claim["spec"]["claimedIn"], installed.server().uid());
}

#[track_caller]
fn is_refused((code, answer): (u16, Value), refusal: &str, words: &[&str]) {
    let message = answer["message"].as_str().unwrap_or_default();
    assert_eq!(code, 403, "{answer}");
    assert!(message.contains(&format!("denied the request: [{refusal}]")), "{message}");
    for word in words {
        assert!(message.contains(word), "{word}: {message}");
    }
}

fn others_are_refused_however_they_write(installed: &Installed) {
    let holder: &[&str] = &[HOST, "team-shop", "team-pay", "kubectl mesh names transfer"];
    let taken = deployment("thief", "checkout", "stage");
    // Until its watch has told of the claim, the webhook refuses by what runs.
    let is_told = || installed.creates("pay", &taken, "?dryRun=All").1.to_string().contains("held by");
    assert!(until(SOON, is_told), "{}", installed.webhook.log());
    is_refused(installed.creates("pay", &taken, ""), "MESH-E101", holder);
    is_refused(installed.creates("pay", &taken, "?dryRun=All"), "MESH-E101", holder);
    let at = format!("{}/thief", collection("pay", &taken));
    let apply = Some(("application/apply-patch+yaml", &taken));
    is_refused(installed.tries("PATCH", &format!("{at}?fieldManager=me"), apply), "MESH-E101", holder);
    for (kind, api_version) in
        [("StatefulSet", "apps/v1"), ("DaemonSet", "apps/v1"), ("Rollout", "argoproj.io/v1alpha1")]
    {
        let mut other = taken.clone();
        (other["kind"], other["apiVersion"]) = (kind.into(), api_version.into());
        if kind == "StatefulSet" {
            other["spec"]["serviceName"] = "thief".into();
        }
        is_refused(installed.creates("pay", &other, ""), "MESH-E101", holder);
    }

    // One that was there, and takes the name by an update.
    let mut innocent = deployment("thief", "thief", "stage");
    assert_eq!(installed.creates("pay", &innocent, "").0, 201);
    innocent["spec"]["template"]["metadata"]["labels"]["identity"] = "checkout".into();
    is_refused(installed.tries("PUT", &at, Some(("application/json", &innocent))), "MESH-E101", holder);
    let labels = json!({"spec": {"template": {"metadata": {"labels": {"identity": "checkout"}}}}});
    for content_type in ["application/merge-patch+json", "application/strategic-merge-patch+json"] {
        is_refused(installed.tries("PATCH", &at, Some((content_type, &labels))), "MESH-E101", holder);
    }
    let json_patch = json!([{"op": "replace", "path": "/spec/template/metadata/labels/identity", "value": "checkout"}]);
    is_refused(installed.tries("PATCH", &at, Some(("application/json-patch+json", &json_patch))), "MESH-E101", holder);
    let apply = Some(("application/apply-patch+yaml", &taken));
    is_refused(installed.tries("PATCH", &format!("{at}?fieldManager=me&force=true"), apply), "MESH-E101", holder);

    // Two identities of one host, also of one owner; what is no name; what takes no part.
    let upper = deployment("upper", "Checkout", "stage");
    is_refused(installed.creates("shop", &upper, ""), "MESH-E112", &["Checkout", "checkout"]);
    is_refused(installed.creates("shop", &deployment("p", "checkout", "canary.stage"), ""), "MESH-E112", &["canary."]);
    is_refused(installed.creates("shop", &deployment("bad", "a_b", "stage"), ""), "MESH-E105", &["a_b"]);
    let mut parted = deployment("parted", "checkout", "stage");
    parted["spec"]["template"]["metadata"]["annotations"] = json!({"admiral.io/identityPartition": "retail"});
    is_refused(installed.creates("shop", &parted, ""), "MESH-E112", &["\"retail.checkout\"", "\"checkout\""]);
    let mut apart = taken.clone();
    apart["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"] = "false".into();
    assert_eq!(
        installed.creates("pay", &apart, "?dryRun=All").0,
        409,
        "its name in the cluster is taken, and nothing else"
    );
    apart["metadata"]["name"] = "apart".into();
    assert_eq!(installed.creates("pay", &apart, "?dryRun=All").0, 201);
}

fn hosts_are_not_taken_by_hand(installed: &Installed) {
    let entry = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": {"name": "mine"},
        "spec": {"hosts": ["a.example", HOST], "resolution": "DNS", "ports": [{"number": 80, "name": "http"}]},
    });
    let route = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "mine"},
        "spec": {"hosts": ["*.checkout.global"], "http": [{"route": [{"destination": {"host": "other"}}]}]},
    });
    for object in [&entry, &route] {
        is_refused(installed.creates("pay", object, ""), "MESH-E110", &[HOST]);
        assert_eq!(installed.creates("shop", object, "?dryRun=All").0, 201);
    }
    let policy = |prefix: &str| {
        json!({
            "apiVersion": "admiral.io/v1alpha1", "kind": "GlobalTrafficPolicy",
            "metadata": {"name": "mine", "labels": {"identity": "checkout"}, "annotations": {"admiral.io/env": "stage"}},
            "spec": {"policy": [{"dnsPrefix": prefix, "lbType": 0, "target": [{"region": "west", "weight": 100}]}]},
        })
    };
    let name = deployment("name", "stage.checkout", "west");
    assert_eq!(installed.creates("more", &name, "").0, 201);
    installed.claim("west.stage.checkout.global");
    is_refused(installed.creates("shop", &policy("west"), ""), "MESH-E111", &["west.stage.checkout.global"]);
    assert_eq!(installed.creates("shop", &policy("east"), "").0, 201);
    let later = deployment("later", "stage.checkout", "east");
    let refused = || installed.creates("more", &later, "?dryRun=All");
    assert!(until(SOON, || refused().0 == 403));
    is_refused(refused(), "MESH-E111", &["east.stage.checkout.global", HOST]);
}

fn marks_are_right(installed: &Installed) {
    let at = format!("{}/web", collection("shop", &deployment("web", "checkout", "stage")));
    let (_, mut copied) = installed.server().get(&at);
    copied["metadata"] = json!({"name": "copy", "annotations": {MARK: HOST}, "labels": copied["metadata"]["labels"]});
    copied["spec"]["template"]["metadata"]["labels"]["identity"] = "till".into();
    is_refused(installed.creates("shop", &copied, ""), "MESH-E106", &["stage.till.global"]);
    let foreign = json!({"metadata": {"annotations": {MARK: "stage.other.global"}}});
    let merge = "application/merge-patch+json";
    is_refused(installed.tries("PATCH", &at, Some((merge, &foreign))), "MESH-E106", &[HOST]);
    is_refused(installed.tries("PATCH", &format!("{at}/status"), Some((merge, &foreign))), "MESH-E106", &["status"]);
    let status = json!({"status": {"observedGeneration": 1}});
    assert_eq!(installed.tries("PATCH", &format!("{at}/status"), Some((merge, &status))).0, 200);
}

fn the_owner_goes_on(installed: &Installed) {
    let web = deployment("web", "checkout", "stage");
    let at = format!("{}/web", collection("shop", &web));
    let generation = || installed.server().get(&at).1["metadata"]["generation"].as_u64().unwrap();
    let merge = "application/merge-patch+json";
    // By a client that knows nothing of our marks: they stay, and no pod is started for them.
    let mut again = web.clone();
    again["spec"]["template"]["spec"]["containers"][0]["image"] = "app:2".into();
    let (code, made) = installed.tries("PUT", &at, Some(("application/json", &again)));
    assert_eq!((code, &made["metadata"]["annotations"][MARK]), (200, &json!(HOST)), "{made}");
    let before = generation();
    assert_eq!(installed.tries("PUT", &at, Some(("application/json", &again))).0, 200);
    assert_eq!(generation(), before, "a second time is no change");
    let scale = json!({"spec": {"replicas": 3}});
    assert_eq!(installed.tries("PATCH", &format!("{at}/scale"), Some((merge, &scale))).0, 200);
    let restart =
        json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}});
    assert_eq!(installed.tries("PATCH", &at, Some(("application/strategic-merge-patch+json", &restart))).0, 200);
    let applied = installed.tries(
        "PATCH",
        &format!("{at}?fieldManager=me&force=true"),
        Some(("application/apply-patch+yaml", &web)),
    );
    assert_eq!(applied.0, 200, "{}", applied.1);
    // A second Deployment of the name, and a Rollout in its place.
    assert_eq!(installed.creates("shop", &deployment("web-2", "checkout", "stage"), "").0, 201);
    let mut rollout = deployment("web", "checkout", "stage");
    (rollout["kind"], rollout["apiVersion"]) = ("Rollout".into(), "argoproj.io/v1alpha1".into());
    let (code, made) = installed.creates("shop", &rollout, "");
    assert_eq!((code, &made["metadata"]["annotations"][MARK]), (201, &json!(HOST)), "{made}");
    // A rename, and the marks follow.
    let rename = json!({"spec": {"template": {"metadata": {"labels": {"identity": "till"}}}}});
    let (code, made) = installed.tries("PATCH", &at, Some((merge, &rename)));
    assert_eq!(code, 200, "{made}");
    for metadata in [&made["metadata"], &made["spec"]["template"]["metadata"]] {
        assert_eq!(metadata["annotations"][MARK], "stage.till.global", "{metadata}");
    }
    installed.claim("stage.till.global");
    assert_eq!(installed.claim(HOST)["spec"]["owner"], "team-shop", "a name that nobody deploys is still held");
}

fn a_dry_run_leaves_nothing(installed: &Installed) {
    let claims =
        || installed.server().get("/apis/kubectl-mesh.io/v1alpha1/globalnames").1["items"].as_array().map(Vec::len);
    let before = claims();
    let (code, made) = installed.creates("shop", &deployment("dry", "dry", "stage"), "?dryRun=All");
    assert_eq!((code, &made["metadata"]["annotations"][MARK]), (201, &json!("stage.dry.global")));
    // Whatever is claimed after it comes after it.
    assert_eq!(installed.creates("shop", &deployment("wet", "wet", "stage"), "").0, 201);
    installed.claim("stage.wet.global");
    assert_eq!(claims(), before.map(|before| before + 1));
}
