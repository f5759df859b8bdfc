//! How the webhooks of a fleet are shown, and let fail closed: a member with one, and a member without.

use std::fs;
use std::path::Path;
use std::process::Command;

use mesh_testkit::helm::Helm;
use mesh_testkit::servers::{ApiServers, until};
use mesh_tests::{TestEnv, program};
use serde_json::{Value, json};

use super::authority::Authority;
use super::process::{Certificates, SOON};
use super::running::{CONFIGURATIONS, FULL_NAME, Installed, NAMESPACE, deployment, helm_installs, tell};
use crate::live::on_clusters::Said;

const VALUE: &str = "admission.validating.failurePolicy=Fail";
const PLAIN: &str = "plain";

#[test]
fn webhooks_are_shown_as_they_are_and_promoted_once_they_refuse_what_they_must() {
    let Some(mut installed) = Installed::start_beside("hooked", &[PLAIN], Certificates::Folder) else { return };
    installed.upgrades("replicaCount=1,admission.validating.failurePolicy=Ignore");
    ready(&installed, 1);
    let people = People::of(&installed);
    a_healthy_one_is_ok_and_none_is_none(&installed, &people);
    what_may_not_be_read_is_unknown(&installed, &people);
    a_stale_authority_is_told_and_nothing_is_promoted(&installed, &people);
    who_breaks_the_glass_learns_nothing(&installed);
    promoted_in_two_steps(&installed, &people);
    a_dead_one_is_ill(&mut installed, &people);
}

/// The API server's own rules refuse before a webhook is asked: that it is down must not be hidden by them.
#[test]
fn where_the_api_server_judges_too_the_webhook_itself_is_tried() {
    let install = |helm: &Helm, servers: &ApiServers, values: &str| {
        helm_installs(helm, servers, &format!("{values},admission.engine=both"));
    };
    let setup = Certificates::Folder.into();
    let Some(mut installed) = Installed::start_by(install, "hooked", &[], &setup, &[]) else { return };
    installed.upgrades("admission.engine=both,admission.validating.failurePolicy=Ignore");
    let people = People::of(&installed);
    people.may(&installed, &rules("webhook-promote"));
    let tries = || people.webhook(&["promote", "--namespace", "shop", "--allow-unseen", "1"]);
    assert!(until(SOON, || tries().exit == Some(0)), "{:#?}", tries());
    installed.webhook.dies();
    let refused = installed.creates("shop", &deployment("web", "not_a_name", "stage"), "?dryRun=All").1;
    assert!(refused["message"].as_str().unwrap().contains("denied request: [MESH-E105]"), "{refused}");
    let said = tries();
    assert!(said.exit == Some(4) && said.stderr.contains("does not reach the webhook"), "{said:#?}");
}

fn a_healthy_one_is_ok_and_none_is_none(installed: &Installed, people: &People) {
    let is_well = until(SOON, || people.webhook(&["status"]).exit == Some(0));
    let said = people.webhook(&["status", "-o", "json"]);
    assert!(is_well, "{said:#?}\n{}", installed.webhook.log());
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    as_its_schema_says(&document);
    let [hooked, plain] = &document["members"].as_array().unwrap()[..] else { panic!("{document}") };
    assert_eq!((&hooked["state"], &plain["state"]), (&json!("ok"), &json!("none")), "{document}");
    assert_eq!(hooked["replicas"], json!({"ready": 1, "wanted": 1}));
    assert!(hooked["certificateDays"].as_i64().unwrap() > 300, "{hooked}");
    assert!(hooked["viewAgeSeconds"].as_i64().unwrap() < 300, "{hooked}");
    for (key, value) in
        [("authorityMatches", json!(true)), ("selfTestPassed", json!(true)), ("failurePolicy", json!("Ignore"))]
    {
        assert_eq!(hooked[key], value, "{hooked}");
    }
    let table = people.webhook(&["status"]).stdout;
    assert!(table.lines().any(|line| line.starts_with("hooked   ok       1/1")), "{table}");
    assert!(table.lines().any(|line| line.starts_with("plain    none     -")), "{table}");
    // In the overview of the fleet there is a column of it.
    let overview = fleet(installed, &["status"]).stdout;
    assert!(overview.lines().next().unwrap().contains("WEBHOOK") && overview.contains("ok 1/1"), "{overview}");
}

/// What is not known never looks fine, and its rule is named.
fn what_may_not_be_read_is_unknown(installed: &Installed, people: &People) {
    let rules = self::rules("webhook-status");
    // Who the members are is no matter here.
    let missed = |rule: &&Value| rule["resourceNames"] != json!(["mesh-policy"]);
    for rule in rules.iter().filter(missed) {
        let rest: Vec<Value> = rules.iter().filter(|other| *other != rule).cloned().collect();
        let resource = rule["resources"][0].as_str().unwrap();
        people.may(installed, &rest);
        let shown = || people.webhook(&["status", "-o", "wide"]);
        let is_told = until(SOON, || {
            let said = shown();
            let told = format!("{}{}", said.stdout, said.stderr).contains(&format!("resources: [{resource:?}]"));
            told && matches!(said.exit, Some(3..=4)) && !said.stdout.contains(" ok ")
        });
        assert!(is_told, "{rule}: {:#?}", shown());
    }
    people.may(installed, &self::rules("webhook-promote"));
    let shown = || people.webhook(&["status"]);
    assert!(until(SOON, || shown().exit == Some(0)), "{:#?}", shown());
}

fn a_stale_authority_is_told_and_nothing_is_promoted(installed: &Installed, people: &People) {
    let other = Authority::new("another").pem();
    tell(installed.server(), &other);
    let said = people.webhook(&["status"]);
    assert_eq!(said.exit, Some(1), "{said:#?}");
    assert!(said.stdout.contains("differs") && said.stdout.contains("names.kubectl-mesh.io of"), "{said:#?}");
    // The API server takes up the new authority a moment later.
    let fails = || people.webhook(&["promote", "--write", "--namespace", "shop"]);
    assert!(until(SOON, || fails().exit == Some(4)), "{:#?}", fails());
    let said = fails();
    assert!(said.stderr.contains("does not reach the webhook"), "{said:#?}");
    assert_eq!(policies(installed), ["Ignore", "Ignore", "Fail", "Fail"], "nothing was written");
    tell(installed.server(), &installed.webhook.ca_pem);
    assert!(until(SOON, || people.webhook(&["status"]).exit == Some(0)), "{:#?}", people.webhook(&["status"]));
}

/// An administrator may do everything, and so is asked nothing.
fn who_breaks_the_glass_learns_nothing(installed: &Installed) {
    let said = fleet(installed, &["webhook", "promote", "--namespace", "shop"]);
    assert_eq!(said.exit, Some(4), "{said:#?}");
    assert!(said.stderr.contains("you may break the glass"), "{said:#?}");
}

fn promoted_in_two_steps(installed: &Installed, people: &People) {
    let tries = || people.webhook(&["promote", "--namespace", "shop"]);
    assert!(until(SOON, || tries().exit == Some(0)), "{:#?}", tries());
    assert_eq!(tries().stdout, format!("{VALUE}\n"));
    assert_eq!(policies(installed), ["Ignore", "Ignore", "Fail", "Fail"], "it only says what to set");
    let said = people.webhook(&["promote", "--write", "--namespace", "shop"]);
    assert_eq!(said.exit, Some(0), "{said:#?}");
    assert_eq!(policies(installed), ["Fail"; 4]);
    let again = people.webhook(&["promote", "--write", "--namespace", "shop"]);
    assert!(again.exit == Some(0) && again.stderr.contains("fails closed already"), "{again:#?}");
    let shown: Value = serde_json::from_str(&people.webhook(&["status", "-o", "json"]).stdout).unwrap();
    assert_eq!(shown["members"][0]["failurePolicy"], "Fail", "{shown}");
    // Whoever goes on with the old value is told by Helm who it was.
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/kubectl-mesh");
    let values = format!("{},replicaCount=1,admission.validating.failurePolicy=Ignore", installed.values);
    let upgrade = ["upgrade", "mesh", chart.to_str().unwrap(), "--namespace", NAMESPACE, "--set", &values];
    let said = installed.helm.run_on(installed.servers.kubeconfig(), &upgrade);
    assert!(!said.succeeded && said.stderr.contains("\"kubectl-mesh\""), "{}", said.stderr);
    installed.upgrades(&format!("replicaCount=1,{VALUE}"));
    ready(installed, 1);
}

fn a_dead_one_is_ill(installed: &mut Installed, people: &People) {
    installed.webhook.terminate();
    assert_eq!(installed.webhook.ends(), Some(0));
    let (_, said) = installed.server().get(&format!("/api/v1/namespaces/{NAMESPACE}/configmaps/mesh-webhook"));
    assert_eq!(said["data"].as_object().map_or(0, serde_json::Map::len), 0, "it took back what it said: {said}");
    let said = people.webhook(&["status"]);
    assert_eq!(said.exit, Some(3), "a kubelet has not noticed yet, and nothing is known: {said:#?}");
    ready(installed, 0);
    let said = people.webhook(&["status", "--allow-unseen", "1"]);
    assert_eq!(said.exit, Some(1), "{said:#?}");
    assert!(said.stdout.contains("0 of 1 replicas are ready"), "{said:#?}");
    let said = people.webhook(&["promote", "--namespace", "shop"]);
    assert_eq!(said.exit, Some(4), "{said:#?}");
    assert!(said.stderr.contains("failed calling webhook"), "{said:#?}");
}

/// What a kubelet would say of the Deployment.
fn ready(installed: &Installed, replicas: u32) {
    let path = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{FULL_NAME}/status");
    let status =
        json!({"status": {"replicas": 1, "readyReplicas": replicas, "updatedReplicas": 1, "observedGeneration": 1}});
    let (code, answer) = installed.server().patch(&path, &status);
    assert_eq!(code, 200, "{answer}");
}

/// `failurePolicy` of every entry of the validating configuration, those of namespaces that opted in last.
fn policies(installed: &Installed) -> Vec<String> {
    let (_, found) = installed.server().get(&format!("{CONFIGURATIONS}/validatingwebhookconfigurations/{FULL_NAME}"));
    let policies = found["webhooks"].as_array().unwrap().iter().map(|one| one["failurePolicy"].as_str().unwrap());
    policies.map(str::to_owned).collect()
}

/// What an administrator of the fleet is shown.
fn fleet(installed: &Installed, args: &[&str]) -> Said {
    let env = TestEnv::new();
    let mut command = env.mesh(args);
    command.env("KUBECONFIG", installed.servers.kubeconfig()).env("MESH_FLEET", "contexts:*").env_remove("MESH_NOW");
    Said::of(&command.env("COLUMNS", "160").output().unwrap())
}

/// `webhook status` of all clusters, as a document, to an administrator.
pub(super) fn fleet_status(installed: &Installed) -> Value {
    serde_json::from_str(&fleet(installed, &["webhook", "status", "-o", "json"]).stdout).unwrap()
}

fn as_its_schema_says(document: &Value) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas/webhook-status-list.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let problems: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(document).map(|error| error.to_string()).collect();
    assert_eq!(problems, Vec::<String>::new(), "{document}");
}

/// Somebody in each cluster with the rights that `permissions` prints, and no others.
struct People {
    env: TestEnv,
}

const ROLE: &str = "looker";

impl People {
    fn of(installed: &Installed) -> Self {
        let env = TestEnv::new();
        let folder = env.root().join("clusters");
        fs::create_dir(&folder).unwrap();
        for server in installed.servers.clusters() {
            let user = server.user();
            server.grant(user, &json!({"metadata": {"name": ROLE}, "rules": rules("webhook-status")}));
            fs::write(folder.join(format!("{}.yaml", server.name())), server.kubeconfig_as(&user.token)).unwrap();
        }
        Self { env }
    }

    /// From now on they may do this, and nothing else; it is in force a moment later.
    fn may(&self, installed: &Installed, rules: &[Value]) -> &Self {
        for server in installed.servers.clusters() {
            let path = format!("/apis/rbac.authorization.k8s.io/v1/clusterroles/{ROLE}");
            assert_eq!(server.patch(&path, &json!({"rules": rules})).0, 200);
        }
        self
    }

    fn webhook(&self, args: &[&str]) -> Said {
        let mut command = self.env.mesh(&[&["webhook"], args].concat());
        command.env("MESH_FLEET", "kubeconfigs:clusters").env("COLUMNS", "160").env_remove("MESH_NOW");
        Said::of(&command.output().unwrap())
    }
}

/// The rules that are printed for a verb, of a release that has another name.
fn rules(verb: &str) -> Vec<Value> {
    let printed = Command::new(program()).args(["permissions", verb]).output().unwrap();
    let mut role: Value = serde_saphyr::from_str(&String::from_utf8(printed.stdout).unwrap()).unwrap();
    let rules = role["rules"].as_array_mut().unwrap();
    for rule in rules.iter_mut().filter(|rule| rule["resourceNames"] == json!(["kubectl-mesh"])) {
        rule["resourceNames"] = json!([FULL_NAME]);
    }
    rules.clone()
}
