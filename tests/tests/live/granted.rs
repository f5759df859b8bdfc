//! Users who have the role that `permissions VERB` prints, and nothing else, on one or more real clusters.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mesh_testkit::servers::{ApiServer, ApiServers, Crds, User};
use mesh_tests::TestEnv;
use serde_json::{Value, json};

use super::on_clusters::Said;

const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/// Real clusters with all CRDs.
pub(super) struct Live {
    pub(super) servers: ApiServers,
    pub(super) env: TestEnv,
}

/// A user in each cluster with one role, and nothing else.
pub(super) struct Granted<'a> {
    live: &'a Live,
    users: Vec<(&'a ApiServer, &'a User)>,
    pub(super) role: Value,
}

impl Live {
    pub(super) fn start(names: &[&str]) -> Option<Self> {
        let servers = ApiServers::start(names)?;
        servers.install_crds(&Crds::ALL);
        Some(Self { servers, env: TestEnv::new() })
    }

    /// Runs the program as the users of these tokens, one a cluster.
    pub(super) fn mesh_as(&self, tokens: &[(&ApiServer, &str)], fleet: &str, args: &[&str]) -> Said {
        let mut command = self.env.mesh(args);
        let kubeconfig = self.kubeconfig_as(tokens);
        command.env("KUBECONFIG", &kubeconfig).env("MESH_FLEET", fleet).env("COLUMNS", "400");
        Said::of(&command.output().unwrap())
    }

    /// Files with one context a cluster, as `KUBECONFIG` lists them.
    pub(super) fn kubeconfig_as(&self, tokens: &[(&ApiServer, &str)]) -> PathBuf {
        let file = |(cluster, token): &(&ApiServer, &str)| {
            let file = self.env.root().join(format!("kubeconfig-of-{}", cluster.name()));
            std::fs::write(&file, cluster.kubeconfig_as(token)).unwrap();
            file
        };
        std::env::join_paths(tokens.iter().map(file)).unwrap().into()
    }

    /// New users in all clusters with the role that is printed for `permissions`: a verb, and flags.
    pub(super) fn granted(&self, permissions: &[&str]) -> Granted<'_> {
        let printed = Said::of(&self.env.mesh(&[&["permissions"], permissions].concat()).output().unwrap()).exits(0);
        let mut role: Value = serde_saphyr::from_str(&printed.stdout).unwrap();
        role["metadata"]["name"] = json!(permissions.join("").replace("--", "-and-"));
        let users: Vec<_> = self.servers.clusters().iter().map(|cluster| (cluster, cluster.user())).collect();
        for (cluster, user) in &users {
            cluster.grant(user, &role);
        }
        Granted { live: self, users, role }
    }
}

impl Granted<'_> {
    pub(super) fn mesh(&self, fleet: &str, args: &[&str]) -> Said {
        self.live.mesh_as(&self.tokens(), fleet, args)
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.live.kubeconfig_as(&self.tokens())
    }

    fn tokens(&self) -> Vec<(&ApiServer, &str)> {
        self.users.iter().map(|(cluster, user)| (*cluster, user.token.as_str())).collect()
    }

    pub(super) fn rules(&self) -> &[Value] {
        self.role["rules"].as_array().unwrap()
    }

    /// First what is missed without each rule, but those that are for other days, then that the whole role is enough.
    /// `undo` makes that there is something to write again: without it no rule is missed.
    pub(super) fn misses_each_rule(
        &self,
        fleet: &str,
        args: &[&str],
        is_for_other_days: &dyn Fn(&Value) -> bool,
        undo: &dyn Fn(),
    ) -> Said {
        for (number, rule) in self.rules().iter().enumerate() {
            if !is_for_other_days(rule) {
                self.have(&self.without(number));
                undo();
                misses(&self.mesh(fleet, args), &args.join(" "), rule);
            }
        }
        self.have(&self.role);
        undo();
        self.mesh(fleet, args).exits(0)
    }

    /// The role but one rule.
    pub(super) fn without(&self, number: usize) -> Value {
        let mut role = self.role.clone();
        role["rules"].as_array_mut().unwrap().remove(number);
        role
    }

    /// Puts `role` in the place of the users', and waits until every rule of the whole one is allowed or not by it.
    pub(super) fn have(&self, role: &Value) {
        for (cluster, user) in &self.users {
            let path = format!("{ROLES}/{}", self.role["metadata"]["name"].as_str().unwrap());
            let (_, mut there) = cluster.get(&path);
            there["rules"] = role["rules"].clone();
            assert_eq!(cluster.replace(&path, &there).0, 200);
            let is_in_force = || {
                let given = role["rules"].as_array().unwrap();
                self.rules().iter().all(|rule| may(cluster, user, rule) == given.contains(rule))
            };
            let start = Instant::now();
            while !is_in_force() {
                assert!(start.elapsed() < Duration::from_secs(30), "the role is not in force");
                std::thread::sleep(Duration::from_millis(25));
            }
        }
    }
}

fn may(cluster: &ApiServer, user: &User, rule: &Value) -> bool {
    let review = json!({"spec": {"user": user.name, "resourceAttributes": {
        "group": rule["apiGroups"][0], "resource": rule["resources"][0], "verb": rule["verbs"][0],
        "name": rule["resourceNames"][0],
    }}});
    cluster.create(REVIEWS, &review).1["status"]["allowed"] == true
}

/// The run says that this rule is missing, as a rule, and ends with 3, or with 4 or 2 where nothing can be done
/// without it.
#[track_caller]
pub(super) fn misses(said: &Said, verb: &str, rule: &Value) {
    assert!(tells_of(said, rule), "{verb} does not say that {rule} is missing: {said:#?}");
    assert!(matches!(said.exit, Some(2..=4)), "{verb} without {rule}: {said:#?}");
}

/// Whether a run says that this rule is missing.
pub(super) fn tells_of(said: &Said, rule: &Value) -> bool {
    // The server's own words for a Role that gives more than one has are a rule too, in capitals.
    let screen = format!("{}{}", said.stdout, said.stderr).to_lowercase().replace(' ', "");
    let group = &rule["apiGroups"][0];
    rule["resources"].as_array().unwrap().iter().any(|resource| {
        let begins = format!("{{apigroups:[{group}],resources:[{resource}],");
        screen.match_indices(&begins).any(|(at, _)| {
            let rest = screen[at + begins.len()..].split('}').next().unwrap_or_default();
            rule["verbs"].as_array().unwrap().iter().any(|verb| rest.contains(&verb.to_string()))
        })
    })
}

/// Whether a rule is for Events, which no run misses.
pub(super) fn is_courtesy(rule: &Value) -> bool {
    rule["resources"] == json!(["events"])
}

/// The text of the policy that a cluster stores, if it does.
pub(super) fn stored_policy(cluster: &ApiServer) -> Option<String> {
    let (status, stored) = cluster.get(POLICY);
    (status == 200).then(|| stored["data"]["mesh.yaml"].as_str().unwrap().to_owned())
}

/// Puts a policy in the place of the stored one; nothing in the place of it where none is given.
pub(super) fn store_policy(cluster: &ApiServer, text: Option<&str>) {
    let Some(text) = text else {
        let (status, answer) = cluster.delete(POLICY);
        assert!(matches!(status, 200 | 404), "{answer}");
        return;
    };
    assert_eq!(cluster.patch(POLICY, &json!({"data": {"mesh.yaml": text}})).0, 200);
}

/// Where it is.
pub(super) const POLICY: &str = "/api/v1/namespaces/mesh-sync/configmaps/mesh-policy";

/// Writes a file of a test.
pub(super) fn file(live: &Live, name: &str, text: &str) -> String {
    let path = live.env.root().join(Path::new(name));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
