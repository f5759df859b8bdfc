//! The webhook, the API server's own rules (`admission.engine: cel`), and both at once: one table of cases, on real API servers.

mod custom;
mod exempt;
mod marks;
mod names;
mod table;

use mesh_testkit::helm::Helm;
use mesh_testkit::servers::{ApiServer, ApiServers, Crds, User, until};
use serde_json::{Value, json};

use self::table::{Came, Case, GLOBAL_NAME, IDENTITY, Seen, Wanted, Who, more_namespaces};
use super::process::{Certificates, SOON, Webhook};
use super::running::{
    CONFIGURATIONS, FULL_NAME, Installed, collection, deployer, helm_does, helm_installs, make_namespaces,
};

/// Cases under one policy of the fleet, of which the chart is told what the API server cannot read for itself.
struct Table {
    cases: Vec<Case>,
    mesh_yaml: Value,
    values: &'static str,
    /// Labels of a workload of identity `checkout` in env `stage`, and how its global name ends.
    usual: Value,
    suffix: &'static str,
}

/// A cluster where an engine judges.
struct Cluster {
    engine: &'static str,
    helm: Helm,
    servers: ApiServers,
    deployer: User,
    breaker: User,
    values: String,
    /// It ends with this.
    _webhook: Option<Webhook>,
}

#[test]
fn engines_say_the_same_of_every_case_but_of_those_that_one_cannot_know() {
    let tables = [
        Table {
            cases: [names::cases(), exempt::cases(), marks::cases()].into_iter().flatten().collect(),
            mesh_yaml: json!({"revision": 2, "ownerFrom": ["namespace-label:kubectl-mesh.io/owner"]}),
            values: "admission.cel.ownerFrom={namespace-label:kubectl-mesh.io/owner}",
            usual: table::pair("checkout", "stage"),
            suffix: "global",
        },
        custom::table(),
    ];
    let seen_by = |engine| seen_by(engine, &tables);
    let Some(by_webhook) = seen_by("webhook") else { return };
    let Some((by_cel, by_both)) = seen_by("cel").zip(seen_by("both")) else { return };
    let cases: Vec<&Case> = tables.iter().flat_map(|table| &table.cases).collect();
    assert!(cases.len() >= 100, "{}", cases.len());
    let mut wrong = Vec::new();
    for (number, case) in cases.into_iter().enumerate() {
        let [webhook, cel, both] = [&by_webhook[number], &by_cel[number], &by_both[number]];
        let (webhook_wanted, cel_wanted) = match &case.wanted {
            Wanted::Differs { webhook, cel, why } => {
                assert!(!why.is_empty() && webhook != cel, "{}", case.what);
                (&**webhook, &**cel)
            }
            wanted => (wanted, wanted),
        };
        let checks = [
            (webhook_wanted.is(&webhook.came), "not what the webhook should say"),
            (cel_wanted.is(&cel.came), "not what cel should say"),
            (webhook_wanted != cel_wanted || webhook.came == cel.came, "cel writes other marks"),
            ((&webhook.came, &webhook.labels) == (&both.came, &both.labels), "both are not as the webhook"),
            (webhook_wanted != cel_wanted || cel.has_labels_of(webhook), "cel leaves a label that is wrong"),
        ];
        let told = checks.iter().filter(|(holds, _)| !holds);
        wrong.extend(told.map(|(_, what)| format!("{}: {what}:\n  {webhook:?}\n  {cel:?}\n  {both:?}", case.what)));
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What comes of the cases of all tables with an engine. None where there are no servers.
fn seen_by(engine: &'static str, tables: &[Table]) -> Option<Vec<Seen>> {
    let cluster = cluster(engine, |helm, servers, values| {
        let server = &servers.clusters()[0];
        more_namespaces(server);
        // What was there before anybody judged.
        for (number, case) in tables.iter().flat_map(|table| &table.cases).enumerate() {
            if let Some(before) = &case.before {
                let before = table::named(number, before);
                let (code, answer) = server.create(&collection(case.namespace, &before), &before);
                assert_eq!(code, 201, "{}: {answer}", case.what);
            }
        }
        helm_installs(helm, servers, &format!("{values},{}", tables[0].values));
        let policy = json!({"metadata": {"name": "mesh-policy"}, "data": {"mesh.yaml": tables[0].mesh_yaml()}});
        let (code, answer) = server.create("/api/v1/namespaces/mesh-sync/configmaps", &policy);
        assert_eq!(code, 201, "{answer}");
    })?;
    let server = cluster.server();
    let mut seen = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        if number > 0 {
            let policy = json!({"data": {"mesh.yaml": table.mesh_yaml()}});
            let (code, answer) = server.patch("/api/v1/namespaces/mesh-sync/configmaps/mesh-policy", &policy);
            assert_eq!(code, 200, "{answer}");
            helm_does(&cluster.helm, &cluster.servers, &["upgrade"], &format!("{},{}", cluster.values, table.values));
        }
        let others: Vec<&Value> =
            tables.iter().map(|other| &other.usual).filter(|usual| **usual != table.usual).collect();
        let is_in_force = || cluster.follows(table, &others);
        assert!(until(SOON, || (0..5).all(|_| is_in_force())), "{engine}: table {number} is not in force");
        for case in &table.cases {
            let by = if case.by == Who::Breaker { &cluster.breaker } else { &cluster.deployer };
            seen.push(case.tried(server, by, seen.len()));
        }
    }
    if engine != "webhook" {
        check_variables_too(server);
        assert_eq!(server.policy_warnings()?, Vec::<String>::new(), "{engine}");
    }
    Some(seen)
}

/// Kubernetes checks the types of validations and not of variables: in a copy that is bound to nothing each variable is one.
fn check_variables_too(server: &ApiServer) {
    for (kind, name) in [("validating", "rules"), ("mutating", "marks")] {
        let (code, policy) = server.get(&format!("{CONFIGURATIONS}/{kind}admissionpolicies/{FULL_NAME}-{name}"));
        assert_eq!(code, 200, "{policy}");
        let (constraints, variables) = (&policy["spec"]["matchConstraints"], &policy["spec"]["variables"]);
        let expressions = variables.as_array().unwrap().iter().map(|variable| variable["expression"].as_str().unwrap());
        let validations: Vec<Value> =
            expressions.map(|expression| json!({"expression": format!("[{expression}].size() == 1")})).collect();
        let copy = json!({
            "metadata": {"name": format!("variables-of-{name}")},
            "spec": {"matchConstraints": constraints, "variables": variables, "validations": validations},
        });
        let (code, answer) = server.create(&format!("{CONFIGURATIONS}/validatingadmissionpolicies"), &copy);
        assert_eq!(code, 201, "{answer}");
    }
}

/// A cluster with the release, whose installation is left to the caller.
fn cluster(engine: &'static str, install: impl FnOnce(&Helm, &ApiServers, &str)) -> Option<Cluster> {
    let by_engine = |values: &str| format!("{values},admission.engine={engine}");
    let with_breaker = |helm, servers: ApiServers, deployer, values, webhook| {
        let breaker = breaker(&servers.clusters()[0]);
        Cluster { engine, helm, servers, deployer, breaker, values, _webhook: webhook }
    };
    if engine == "cel" {
        let (helm, servers) = Helm::find().zip(ApiServers::start(&[engine]))?;
        let server = servers.cluster(engine);
        server.install_crds(&[Crds::Rollouts]);
        make_namespaces(server);
        let values = by_engine("replicaCount=1");
        install(&helm, &servers, &values);
        let deployer = deployer(server);
        return Some(with_breaker(helm, servers, deployer, values, None));
    }
    let install = |helm: &Helm, servers: &ApiServers, values: &str| install(helm, servers, &by_engine(values));
    let setup = Certificates::Folder.into();
    let Installed { servers, helm, values, webhook, deployer } =
        Installed::start_by(install, engine, &[], &setup, &[Crds::Rollouts])?;
    Some(with_breaker(helm, servers, deployer, by_engine(&values), Some(webhook)))
}

impl Table {
    fn mesh_yaml(&self) -> String {
        let mut policy = self.mesh_yaml.clone();
        (policy["apiVersion"], policy["kind"]) = ("kubectl-mesh.io/v1alpha1".into(), "MeshPolicy".into());
        policy.to_string()
    }
}

impl Cluster {
    fn server(&self) -> &ApiServer {
        &self.servers.clusters()[0]
    }

    /// Whether everybody who judges here has heard of the policy of a table, by which the labels of `others` mean nothing.
    fn follows(&self, table: &Table, others: &[&Value]) -> bool {
        let creates_kind = |kind: &str, labels: &Value, own: &Value| {
            let mut probe = table::of(kind, labels, &json!({}));
            (probe["metadata"]["name"], probe["metadata"]["labels"]) = ("probe".into(), own.clone());
            let path = format!("{}?dryRun=All", collection("shop", &probe));
            let body = Some(("application/json", probe.to_string()));
            self.server().request_as(&self.deployer.token, "POST", &path, body).1
        };
        let creates = |labels: &Value, own: &Value| creates_kind("Deployment", labels, own);
        let says = |answer: &Value, words: &[&str]| {
            let message = answer["message"].as_str().unwrap_or_default();
            words.iter().all(|word| message.contains(word))
        };
        let marked = creates(&table.usual, &json!({}));
        let is_marked = marked["metadata"]["annotations"][GLOBAL_NAME] == format!("stage.checkout.{}", table.suffix);
        let mut illegal = table.usual.clone();
        illegal.as_object_mut().unwrap().values_mut().for_each(|value| *value = "MESH_none".into());
        let refused = creates(&illegal, &json!({}));
        // API servers tell their own rules from a webhook's by an article.
        let by =
            if self.engine == "webhook" { "denied the request: [MESH-E105]" } else { "denied request: [MESH-E105]" };
        let is_told_by_label = || {
            let answer = creates(&table.usual, &json!({ IDENTITY: "0000000000000000" }));
            says(&answer, &["denied the request: [MESH-E106]", "by its identity"])
        };
        // Where two of them write marks, the right one may be there before all have heard that others are wrong.
        let are_others_nameless = others.iter().all(|other| {
            let answer = creates(other, &json!({}));
            answer["kind"] == "Deployment" && answer["metadata"]["annotations"][GLOBAL_NAME].is_null()
        });
        // A MutatingAdmissionPolicy refuses objects of a new kind until it has read the server's schemas again.
        let knows_rollouts = creates_kind("Rollout", &table.usual, &json!({}))["reason"] != "ServiceUnavailable";
        is_marked
            && are_others_nameless
            && knows_rollouts
            && says(&refused, &[by])
            && (self.engine == "cel" || is_told_by_label())
    }
}

/// Somebody who may deploy, and break the glass.
fn breaker(server: &ApiServer) -> User {
    let user = server.user();
    let rules = json!([
        {"apiGroups": ["apps"], "resources": ["deployments", "deployments/status"], "verbs": ["get", "create", "update", "patch"]},
        {"apiGroups": ["kubectl-mesh.io"], "resources": ["globalnames"], "verbs": ["breakglass"]},
    ]);
    server.grant(user, &json!({"metadata": {"name": "breaker"}, "rules": rules}));
    user.clone()
}

impl Wanted {
    fn is(&self, came: &Came) -> bool {
        match (self, came) {
            (Self::Name(name), Came::Stored([mark, _])) => mark == name.as_str(),
            (Self::Nameless, Came::Stored([mark, _])) => mark.is_null(),
            (Self::Refused(code), Came::Refused(by)) => code == by,
            _ => false,
        }
    }
}

impl Seen {
    /// CEL knows no sha-256: it writes no label, and leaves none that is not right.
    fn has_labels_of(&self, webhook: &Self) -> bool {
        self.labels.iter().zip(&webhook.labels).all(|(cel, by)| cel.is_null() || cel == by)
    }
}
