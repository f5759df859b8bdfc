//! Names that were claimed in clusters that had not met: what the webhook of one of them says once a sync has carried the claims.

use mesh_testkit::servers::{ApiServer, Crds, until};
use mesh_tests::TestEnv;
use serde_json::{Value, json};

use super::process::{Certificates, SOON};
use super::running::{Installed, collection, deployment};
use crate::live::{Said, small};

const HOST: &str = "prod.pay.global";
const MERGE: &str = "application/merge-patch+json";

/// A fleet of which the first cluster has a webhook.
struct Fleet {
    installed: Installed,
    env: TestEnv,
}

impl Fleet {
    fn start(hooked: &str, others: &[&str]) -> Option<Self> {
        let installed = Installed::start_among(hooked, others, Certificates::Folder, &[Crds::Istio])?;
        installed.servers.install_crds(&Crds::ALL);
        let fleet = Self { installed, env: TestEnv::new() };
        let policy = small::policy(&[&[hooked], others].concat());
        fleet.env.write("mesh.yaml", &small::with_uids(&fleet.installed.servers, &policy));
        let file = fleet.env.fleet().join("mesh.yaml");
        fleet.runs("contexts:*", &["policy", "push", file.to_str().unwrap(), "--yes"]).exits(0);
        Some(fleet)
    }

    fn cluster(&self, name: &str) -> &ApiServer {
        self.installed.servers.cluster(name)
    }

    /// Runs the program on some clusters, as their administrator.
    fn runs(&self, fleet: &str, args: &[&str]) -> Said {
        let mut command = self.env.mesh(args);
        command.env("KUBECONFIG", self.installed.servers.kubeconfig()).env("MESH_FLEET", fleet).env("COLUMNS", "160");
        Said::of(&command.output().unwrap())
    }

    fn syncs(&self, fleet: &str) -> Said {
        self.runs(fleet, &["sync", "--yes", "--allow-unseen", "1"]).exits(0)
    }

    /// Deploys the name from `shop`, of team-shop, once more, where the webhook is.
    fn deploys(&self, image: &str) -> (u16, Value) {
        let containers = json!([{"name": "app", "image": image}]);
        let change = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        self.installed.tries("PATCH", &at(), Some((MERGE, &change)))
    }

    /// Who may not deploy is told so, and by whom the name is held.
    fn is_refused(&self, words: &[&str]) {
        let mut last = String::new();
        let is_so = until(SOON, || {
            let (code, answer) = self.deploys("app:refused");
            answer["message"].as_str().unwrap_or_default().clone_into(&mut last);
            code == 403 && last.contains("[MESH-E101]") && words.iter().all(|word| last.contains(word))
        });
        assert!(is_so, "{last}\n{}", self.installed.webhook.log());
    }

    fn passes(&self, image: &str) {
        let mut last = Value::Null;
        let is_so = until(SOON, || {
            let (code, answer) = self.deploys(image);
            last = answer;
            code == 200
        });
        assert!(is_so, "{last}\n{}", self.installed.webhook.log());
    }

    /// The addresses that callers of the name in a cluster are led to.
    fn endpoints(&self, cluster: &str) -> Vec<String> {
        let entry = format!("/apis/networking.istio.io/v1/namespaces/mesh-sync/serviceentries/{HOST}-se");
        let entry = self.cluster(cluster).get(&entry).1;
        let endpoints = entry["spec"]["endpoints"].as_array().unwrap_or_else(|| panic!("{entry}"));
        endpoints.iter().map(|endpoint| endpoint["address"].as_str().unwrap().to_owned()).collect()
    }
}

/// Where `shop` deploys.
fn at() -> String {
    format!("{}/web", collection("shop", &deployment("web", "pay", "prod")))
}

/// Lets a namespace `default` of an owner serve the name.
fn serves(cluster: &ApiServer, owner: &str) {
    let labels = json!({"metadata": {"labels": {"kubectl-mesh.io/owner": owner}}});
    assert_eq!(cluster.patch("/api/v1/namespaces/default", &labels).0, 200);
    small::deployment(cluster, "pay");
    small::service(cluster, "pay", 8080);
}

#[test]
fn who_lost_a_name_keeps_what_runs_and_deploys_again_after_a_transfer() {
    let Some(fleet) = Fleet::start("there", &["here"]) else { return };
    // Each is alone: here a sync claims, there the webhook does, later.
    serves(fleet.cluster("here"), "team-first");
    fleet.syncs("contexts:here");
    let (code, made) = fleet.installed.creates("shop", &deployment("web", "pay", "prod"), "");
    assert_eq!(code, 201, "{made}");
    let service = json!({
        "metadata": {"name": "pay"}, "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 8080}]},
    });
    assert_eq!(fleet.cluster("there").create("/api/v1/namespaces/shop/services", &service).0, 201);
    assert_eq!(fleet.installed.claim(HOST)["spec"]["owner"], "team-shop");
    fleet.syncs("contexts:there");
    fleet.passes("app:2");
    let before = [fleet.endpoints("here"), fleet.endpoints("there")];

    fleet.syncs("contexts:*").says("rival-claims").says("team-first keeps it");
    for (was, is) in before.iter().zip([fleet.endpoints("here"), fleet.endpoints("there")]) {
        assert!(was.iter().all(|address| is.contains(address)), "{was:?} {is:?}");
    }
    fleet.is_refused(&["held by \"team-first\"", "claimed in cluster \"here\"", "kubectl mesh names transfer"]);
    // Whatever else is written of what runs goes on.
    let scale = json!({"spec": {"replicas": 3}});
    let (code, answer) = fleet.installed.tries("PATCH", &format!("{}/scale", at()), Some((MERGE, &scale)));
    assert_eq!(code, 200, "{answer}");

    // The holder is not reached while the name is transferred, and hears of it later.
    let transfer = ["names", "transfer", HOST, "--to", "team-shop", "--yes", "--allow-unseen", "1"];
    fleet.runs("contexts:there", &transfer).exits(0);
    fleet.passes("app:3");
    fleet.syncs("contexts:*");
    fleet.passes("app:4");
    for (was, is) in before.iter().zip([fleet.endpoints("here"), fleet.endpoints("there")]) {
        assert!(was.iter().all(|address| is.contains(address)), "{was:?} {is:?}");
    }
    fleet.runs("contexts:*", &["plan"]).exits(0).says("No changes.");
}

#[test]
fn a_claim_of_the_first_of_three_is_enforced_in_the_third_and_stays_so_when_the_first_is_gone() {
    let Some(fleet) = Fleet::start("third", &["first", "second"]) else { return };
    serves(fleet.cluster("first"), "team-first");
    // Nobody has told the third yet.
    let web = deployment("web", "pay", "prod");
    assert_eq!(fleet.installed.creates("shop", &web, "?dryRun=All").0, 201);
    let refused = || {
        let (code, answer) = fleet.installed.creates("shop", &web, "?dryRun=All");
        code == 403 && answer["message"].as_str().is_some_and(|message| message.contains("held by \"team-first\""))
    };
    fleet.syncs("contexts:*");
    assert!(until(SOON, refused), "{}", fleet.installed.webhook.log());
    fleet.syncs("contexts:second,third");
    assert!(until(SOON, refused), "{}", fleet.installed.webhook.log());
    let sets = "/apis/kubectl-mesh.io/v1alpha1/globalnamesets";
    assert!(fleet.cluster("third").get(sets).1.to_string().contains(HOST), "what is not seen is kept");
}
