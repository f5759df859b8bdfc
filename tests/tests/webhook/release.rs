//! A release that changes while everybody deploys: the webhooks see to their certificates themselves.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use mesh_testkit::servers::until;

use super::process::{Certificates, SOON};
use super::running::{CONFIGURATIONS, FULL_NAME, Installed};
use super::status::fleet_status;

const SECRET: &str = "/api/v1/namespaces/mesh-system/secrets/mesh-kubectl-mesh-tls";

#[test]
fn upgrades_and_rollbacks_break_no_review() {
    let Some(installed) = Installed::start("release", Certificates::SelfManaged) else { return };
    let second = installed.replica();
    second.gets_ready();
    let authority = || installed.server().get(SECRET).1["data"]["ca.crt"].clone();
    let first = authority();
    assert!(first.is_string(), "{first}");
    let is_over = AtomicBool::new(false);
    let (failed, count) = thread::scope(|scope| {
        let deploys = scope.spawn(|| installed.deploys_until(&is_over));
        installed.upgrades("admission.validating.timeoutSeconds=4");
        installed.upgrades("replicaCount=5,logFormat=text");
        installed.upgrades("admission.mutating.timeoutSeconds=1,admission.disclosure=none");
        let back = ["rollback", "mesh", "1", "--namespace", "mesh-system"];
        let said = installed.helm.run_on(installed.servers.kubeconfig(), &back);
        assert!(said.succeeded, "{}", said.stderr);
        is_over.store(true, Ordering::Relaxed);
        deploys.join().unwrap()
    });
    assert!(failed.is_empty(), "{} of {count}: {:?}", failed.len(), failed.first());
    assert!(count > 20, "too few to tell: {count}");
    assert_eq!(authority(), first, "one authority, whatever is released");
    let bundle = &installed.server().get(&format!("{CONFIGURATIONS}/validatingwebhookconfigurations/{FULL_NAME}")).1;
    for webhook in bundle["webhooks"].as_array().unwrap() {
        assert_eq!(webhook["clientConfig"]["caBundle"], first, "{}", webhook["name"]);
    }
    fleets_see_both_replicas(&installed);
    // The second one shows a certificate of the same authority, and stops when it is told to.
    assert_eq!(second.admin("/readyz").0, 200, "{}", second.log());
}

/// Their certificates are in the memory of each, and all that people have is what they say of them.
fn fleets_see_both_replicas(installed: &Installed) {
    let seen = || fleet_status(installed)["members"][0].clone();
    let all_said = until(SOON, || seen()["selfTestPassed"] == true && seen()["certificateDays"].is_i64());
    let member = seen();
    assert!(all_said, "{member}");
    assert_eq!((&member["authorityMatches"], &member["certificateDays"]), (&true.into(), &6.into()), "{member}");
    let (_, said) = installed.server().get("/api/v1/namespaces/mesh-system/configmaps/mesh-webhook");
    assert_eq!(said["data"].as_object().map(serde_json::Map::len), Some(2), "{said}");
    assert!(!said.to_string().contains("PRIVATE"), "{said}");
}
