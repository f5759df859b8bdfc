//! Watches that fail in every way.

use std::time::Duration;

use mesh_model::kind::Kind;
use mesh_testkit::apiserver::{Fault, Ill, Verb};
use mesh_testkit::callers::Question;
use mesh_testkit::servers::{Crds, until};

use super::alone::{asked, cluster, honest, is_kept, webhook};
use super::process::{Certificates, SOON, Setup, Webhook};
use super::running::{Installed, deployment};

/// How long a watch may take to come back: it waits longer after each failure.
const AT_LENGTH: Duration = Duration::from_mins(3);

/// It is not ready for this alone, and lets nobody have what it does not know.
#[track_caller]
fn waits_for_the_index(webhook: &Webhook) {
    let lacks_only_that = || {
        let (code, text) = webhook.admin("/readyz?verbose");
        let lacking: Vec<&str> = text.lines().filter(|line| line.starts_with("[-]")).collect();
        code == 503 && lacking == ["[-] index-synced"]
    };
    assert!(until(SOON, lacks_only_that), "{:?}\n{}", webhook.admin("/readyz?verbose"), webhook.log());
    let refused = asked(webhook, &honest());
    assert_eq!(refused["allowed"], false, "{refused}");
    assert!(refused["status"]["message"].as_str().unwrap().contains("[MESH-E109]"), "{refused}");
    let marked = asked(webhook, &honest().to_mutate());
    assert_eq!(marked["allowed"], true, "{marked}");
}

#[test]
fn a_watch_that_never_syncs_keeps_it_from_being_ready() {
    let server = cluster();
    server.fault(Fault::new(Verb::List, Ill::Wait).of(Kind::Deployment));
    let webhook = webhook(&server, Certificates::Folder);
    waits_for_the_index(&webhook);
    server.heal();
    webhook.gets_ready();
    assert!(is_kept(&webhook));
}

#[test]
fn a_watch_that_is_forbidden_is_said_and_taken_up_once_it_is_granted() {
    let server = cluster();
    server.fault(Fault::new(Verb::List, Ill::Forbidden).of(Kind::GlobalName));
    let webhook = webhook(&server, Certificates::Folder);
    waits_for_the_index(&webhook);
    let is_said =
        || webhook.log().lines().any(|line| line.contains("cannot be watched") && line.contains("GlobalName"));
    assert!(until(SOON, is_said), "{}", webhook.log());
    assert!(webhook.metric("mesh_index_watch_errors_total", "GlobalName") > 0.0);
    server.heal();
    assert!(until(AT_LENGTH, || webhook.is_ready()), "{}", webhook.log());
    assert!(is_kept(&webhook));
}

#[test]
fn a_watch_that_is_forbidden_later_makes_the_view_old_and_changes_nothing() {
    let server = cluster();
    // The past is forgotten, so that the list has to be read anew, which nobody may.
    server.fault(Fault::new(Verb::Watch, Ill::Gone).of(Kind::Deployment));
    let webhook = webhook(&server, Certificates::Folder);
    webhook.gets_ready();
    let age = || webhook.metric("mesh_index_age_seconds", "");
    assert!(until(SOON, || age() < 10.0), "{}", webhook.log());
    server.fault(Fault::new(Verb::List, Ill::Forbidden).of(Kind::Deployment));
    assert!(until(AT_LENGTH, || age() > 10.0), "{}", webhook.log());
    assert!(is_kept(&webhook), "what was known counts");
    assert!(webhook.is_ready());
    server.heal();
    assert!(until(AT_LENGTH, || age() < 10.0), "{}", webhook.log());
}

#[test]
fn a_past_that_is_gone_is_read_anew_without_ghosts() {
    let server = cluster();
    server.fault(Fault::new(Verb::Watch, Ill::Gone));
    // Strict, so that nobody claims the name of who still stands while the second is removed.
    let webhook = webhook(&server, Setup { arguments: &["--mode", "strict"], ..Certificates::Folder.into() });
    webhook.gets_ready();
    assert!(is_kept(&webhook));
    // No watch tells of it.
    assert!(server.remove(Kind::Deployment, "shop", "web"));
    server.remove(Kind::GlobalName, "", "stage.checkout.global");
    assert!(until(AT_LENGTH, || !is_kept(&webhook)), "{}", webhook.log());
    server.remove(Kind::Namespace, "", "pay");
    let is_unknown = || {
        let response = asked(&webhook, &Question::of_deployment("pay", "checkout", "stage"));
        response["status"]["message"].as_str().is_some_and(|message| message.contains("[MESH-E109]"))
    };
    assert!(until(AT_LENGTH, is_unknown), "{}", webhook.log());
}

#[test]
fn a_kind_that_is_installed_later_is_taken_up() {
    let Some(installed) = Installed::start_among("later", &[], Certificates::Folder, &[Crds::Istio]) else { return };
    let webhook = &installed.webhook;
    let said = |log: &str| log.lines().filter(|line| line.contains("is not served here")).count();
    assert_eq!(said(&webhook.log()), 1, "Rollouts are not there, which is said once\n{}", webhook.log());
    installed.server().install_crds(&[Crds::Rollouts]);
    let mut rollout = deployment("web", "late", "stage");
    (rollout["kind"], rollout["apiVersion"]) = ("Rollout".into(), "argoproj.io/v1alpha1".into());
    let (code, made) = installed.creates("shop", &rollout, "");
    assert_eq!(code, 201, "{made}");
    let claim = "/apis/kubectl-mesh.io/v1alpha1/globalnames/stage.late.global";
    assert!(until(AT_LENGTH, || installed.server().get(claim).0 == 200), "{}", webhook.log());
    let taken = deployment("thief", "late", "stage");
    let refused = || installed.creates("pay", &taken, "?dryRun=All").0 == 403;
    assert!(until(SOON, refused), "{}", webhook.log());
}
