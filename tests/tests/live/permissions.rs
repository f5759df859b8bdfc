//! What `permissions VERB` prints is enough for the verb on a real API server, and every rule of it is missed.

use std::time::{Duration, Instant};

use mesh_testkit::servers::{ApiServer, ApiServers, Crds, User};
use mesh_tests::{TestEnv, example};
use serde_json::{Value, json};

use super::on_clusters::Said;

const CLUSTER: &str = "retail-us-west";
const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/// One cluster of the bookstore, which is a fleet of its own.
struct Live {
    servers: ApiServers,
    env: TestEnv,
}

/// A user with the role of a verb, and nothing else.
struct Granted<'a> {
    cluster: &'a ApiServer,
    user: &'a User,
    role: Value,
}

#[test]
fn every_verb_works_with_exactly_the_role_that_is_printed_for_it_and_misses_each_rule() {
    let Some(servers) = ApiServers::start(&[CLUSTER]) else { return };
    servers.install_crds(&Crds::ALL);
    let loaded = servers.cluster(CLUSTER).load(&example("bookstore").join(CLUSTER));
    assert_eq!(loaded.refused, Vec::<String>::new());
    let live = Live { servers, env: TestEnv::new() };

    // Before there is a list of members. It makes the sync namespace, its Role and the stored policy.
    live.verb("fleet-init", &["fleet", "init", "--yes"]);
    live.verb("sync", &["sync", "--yes"]);
    live.reads_with_one_role();
    let policy = live.env.root().join("mesh.yaml");
    live.write_policy(&policy);
    live.verb("policy-push", &["policy", "push", policy.to_str().unwrap(), "--yes"]);
    // The last member cannot be retired: nobody would be left to store that.
    let retire = live.granted("fleet-retire");
    let said = live.mesh(&retire.user.token, &["fleet", "retire", CLUSTER, "--yes"]);
    said.exits(4).says("no active member was reached");
}

impl Live {
    fn cluster(&self) -> &ApiServer {
        self.servers.cluster(CLUSTER)
    }

    fn mesh(&self, token: &str, args: &[&str]) -> Said {
        let kubeconfig = self.env.root().join("kubeconfig");
        std::fs::write(&kubeconfig, self.cluster().kubeconfig_as(token)).unwrap();
        let mut command = self.env.mesh(args);
        command.env("KUBECONFIG", &kubeconfig).env("MESH_FLEET", "contexts:*").env("COLUMNS", "400");
        Said::of(&command.output().unwrap())
    }

    fn role(&self, verb: &str) -> Value {
        let printed = self.mesh("none", &["permissions", verb]).exits(0);
        serde_saphyr::from_str(&printed.stdout).unwrap()
    }

    fn granted(&self, verb: &str) -> Granted<'_> {
        let (cluster, role) = (self.cluster(), self.role(verb));
        let user = cluster.user();
        cluster.grant(user, &role);
        Granted { cluster, user, role }
    }

    /// First what is missed without each rule, then that the whole role is enough.
    fn verb(&self, verb: &str, args: &[&str]) {
        let granted = self.granted(verb);
        for number in 0..granted.rules().len() {
            let rule = &granted.rules()[number];
            if is_for_other_days(verb, rule) {
                continue;
            }
            granted.have(&without(&granted.role, number));
            self.undo(args);
            let said = self.mesh(&granted.user.token, args);
            misses(&said, verb, rule);
        }
        granted.have(&granted.role);
        self.undo(args);
        self.mesh(&granted.user.token, args).exits(0);
    }

    /// What the verb has to write is missing or stale again: without anything to write no rule is missed.
    fn undo(&self, args: &[&str]) {
        let cluster = self.cluster();
        match args {
            ["fleet", "init", ..] => {
                let path = "/api/v1/namespaces/mesh-sync/configmaps/mesh-policy";
                let (status, _) = cluster.delete(path);
                assert!(matches!(status, 200 | 404), "{status}");
            }
            ["sync", ..] => {
                let list = "/apis/networking.istio.io/v1/namespaces/mesh-sync/destinationrules";
                for rule in cluster.get(list).1["items"].as_array().into_iter().flatten() {
                    let name = rule["metadata"]["name"].as_str().unwrap();
                    assert_eq!(cluster.delete(&format!("{list}/{name}")).0, 200);
                }
            }
            _ => {}
        }
    }

    /// All reading verbs have one role.
    fn reads_with_one_role(&self) {
        let reads: [(&str, &[&str]); 8] = [
            ("plan", &["plan"]),
            ("diff", &["diff"]),
            ("render", &["render", "--output-dir", "rendered"]),
            ("status", &["status"]),
            ("whereis", &["whereis", "orders"]),
            ("explain", &["explain", "orders"]),
            ("check", &["check"]),
            ("fleet-list", &["fleet", "list"]),
        ];
        let granted = self.granted("plan");
        for number in 0..granted.rules().len() {
            let rule = &granted.rules()[number];
            granted.have(&without(&granted.role, number));
            misses(&self.mesh(&granted.user.token, &["status"]), "status", rule);
        }
        granted.have(&granted.role);
        for (verb, args) in reads {
            let mut role = self.role(verb);
            // It needs pods for keys that are nothing else.
            let pods = |rule: &Value| matches!(rule["resources"][0].as_str(), Some("pods" | "replicasets"));
            let rules = role["rules"].as_array_mut().unwrap();
            assert_eq!(rules.iter().filter(|rule| pods(rule)).count(), if verb == "whereis" { 2 } else { 0 }, "{verb}");
            rules.retain(|rule| !pods(rule));
            assert_eq!(role["rules"], granted.role["rules"], "{verb}");
            let said = self.mesh(&granted.user.token, args);
            // This one cluster of the bookstore calls names that nobody serves here: those are findings.
            assert!(said.exit == Some(0) || (verb == "check" && said.exit == Some(1)), "{verb}: {said:?}");
        }
    }

    fn write_policy(&self, file: &std::path::Path) {
        let (_, stored) = self.cluster().get("/api/v1/namespaces/mesh-sync/configmaps/mesh-policy");
        std::fs::write(file, stored["data"]["mesh.yaml"].as_str().unwrap()).unwrap();
    }
}

impl Granted<'_> {
    fn rules(&self) -> &[Value] {
        self.role["rules"].as_array().unwrap()
    }

    /// Puts `role` in the place of the user's, and waits until every rule of the whole one is allowed or not by it.
    fn have(&self, role: &Value) {
        let path = format!("{ROLES}/{}", self.role["metadata"]["name"].as_str().unwrap());
        let (_, mut there) = self.cluster.get(&path);
        there["rules"] = role["rules"].clone();
        assert_eq!(self.cluster.replace(&path, &there).0, 200);
        let start = Instant::now();
        while !self.rules().iter().all(|rule| self.may(rule) == role["rules"].as_array().unwrap().contains(rule)) {
            assert!(start.elapsed() < Duration::from_secs(30), "the role is not in force");
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    fn may(&self, rule: &Value) -> bool {
        let review = json!({"spec": {"user": self.user.name, "resourceAttributes": {
            "group": rule["apiGroups"][0], "resource": rule["resources"][0], "verb": rule["verbs"][0],
            "name": rule["resourceNames"][0],
        }}});
        self.cluster.create(REVIEWS, &review).1["status"]["allowed"] == true
    }
}

fn without(role: &Value, number: usize) -> Value {
    let mut role = role.clone();
    role["rules"].as_array_mut().unwrap().remove(number);
    role
}

/// Rules about the stored policy that are needed only where members have an older one, or none: here is one member.
fn is_for_other_days(verb: &str, rule: &Value) -> bool {
    let writes = rule["verbs"] == json!(["create"]) || rule["verbs"] == json!(["get", "update"]);
    let stores = rule["resources"] == json!(["configmaps"]) && writes;
    stores && verb == "sync"
}

/// The run says that this rule is missing, as a rule, and ends with 3, or with 4 or 2 where nothing can be done
/// without it.
#[track_caller]
fn misses(said: &Said, verb: &str, rule: &Value) {
    // The server's own words for a Role that gives more than one has are a rule too, in capitals.
    let screen = format!("{}{}", said.stdout, said.stderr).to_lowercase().replace(' ', "");
    let group = &rule["apiGroups"][0];
    let is_said = rule["resources"].as_array().unwrap().iter().any(|resource| {
        let begins = format!("{{apigroups:[{group}],resources:[{resource}],");
        screen.match_indices(&begins).any(|(at, _)| {
            let rest = screen[at + begins.len()..].split('}').next().unwrap_or_default();
            rule["verbs"].as_array().unwrap().iter().any(|verb| rest.contains(&verb.to_string()))
        })
    });
    assert!(is_said, "{verb} does not say that {rule} is missing: {said:#?}");
    assert!(matches!(said.exit, Some(2..=4)), "{verb} without {rule}: {said:#?}");
}
