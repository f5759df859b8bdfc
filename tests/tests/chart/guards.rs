//! Who may claim, transfer, own and opt out, by policies of the API server itself.

use std::time::Duration;

use mesh_testkit::helm::Helm;
use mesh_testkit::servers::{ApiServer, ApiServers, Crds, until};
use serde_json::{Value, json};

use super::accepted::{CLUSTER, make_namespace};
use super::names::claim;
use super::{chart, text};

const NAMES: &str = "/apis/kubectl-mesh.io/v1alpha1/globalnames";
const SETS: &str = "/apis/kubectl-mesh.io/v1alpha1/globalnamesets";
const NAMESPACES: &str = "/api/v1/namespaces";
const HELD: &str = "prod.held.global";

/// Each with all rights of the usual verbs, but for the accounts, which have those of the chart.
const CLAIMS: &str = "\
                                     writer claimer keeper webhook sync
claims a name                        no     yes     yes    yes     yes
claims a name with a higher epoch    no     no      yes    no      yes
claims a name as released            no     no      yes    no      yes
claims a name for two owners         no     no      yes    no      yes
claims a name as confirmed           no     no      yes    no      yes
gives a name to another owner        no     no      yes    no      yes
admits another owner                 no     no      yes    no      yes
releases a name                      no     no      yes    no      yes
raises the epoch                     no     no      yes    no      yes
claims to have been earlier          no     no      yes    no      yes
claims it for another cluster        no     no      yes    no      yes
changes the identity                 no     no      yes    no      yes
changes the env                      no     no      yes    no      yes
confirms a claim                     no     no      yes    no      yes
labels a claim                       yes    yes     yes    no      yes
writes the status                    yes    yes     yes    no      no
deletes a claim                      no     no      yes    no      no
writes what others have claimed      no     no      yes    no      yes
";

const OWNERS: &str = "\
                                     editor owner
makes a namespace                    yes    yes
makes a namespace of an owner        no     yes
makes a namespace that opts out      no     yes
says who owns it                     no     yes
says that another owns it            no     yes
says that nobody owns it             no     yes
takes it out of the mesh             no     yes
takes it out of admission            no     yes
lets it fail open                    no     yes
labels it                            yes    yes
says who owns it, through status     no     yes
says who owns it, through finalize   no     yes
";

#[test]
fn claims_and_owners_are_changed_by_whoever_has_the_verb_for_it() {
    let Some((helm, servers)) = Helm::find().zip(ApiServers::shared(&[CLUSTER])) else { return };
    let server = servers.cluster(CLUSTER);
    server.install_crds(&[Crds::Claims]);
    install(&helm, servers);
    assert_eq!(server.create(NAMES, &claim(HELD, HELD, 3)).0, 201);
    make_namespace(
        server,
        "guarded",
        &json!({"kubectl-mesh.io/owner": "a", "guarded": "on", "kubectl-mesh.io/admission": "closed"}),
    );
    make_namespace(server, "free", &json!({}));

    let usual = ["get", "list", "create", "update", "delete"];
    let edits_names = rule("kubectl-mesh.io", &["globalnames", "globalnames/status", "globalnamesets"], &usual);
    let edits_namespaces = rule("", &["namespaces", "namespaces/status", "namespaces/finalize"], &usual);
    let rendered = |name: &str| {
        let (code, role) = server.get(&format!("/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}"));
        assert_eq!(code, 200, "{role}");
        role["rules"][0].clone()
    };
    let user = |name: &str, rules: Value| {
        let user = server.user();
        server.grant(user, &json!({"metadata": {"name": format!("guards-{name}")}, "rules": rules}));
        user.token.as_str()
    };
    let claimants = [
        user("writer", json!([edits_names])),
        user("claimer", json!([edits_names, rule("kubectl-mesh.io", &["globalnames"], &["claim"])])),
        user("keeper", json!([edits_names, rendered("guards-kubectl-mesh-names")])),
        &account(server, "guards-kubectl-mesh"),
        &account(server, "guards-kubectl-mesh-sync"),
    ];
    in_force(server, claimants[0]);
    judge(CLAIMS, &claimants, |token, what| claims(server, token, what));
    let owners = [
        user("editor", json!([edits_namespaces])),
        user("owner", json!([edits_namespaces, rendered("guards-kubectl-mesh-owners")])),
    ];
    let guarded = until(Duration::from_secs(30), || owns(server, owners[0], "says who owns it").0 == 403);
    assert!(guarded, "the policy of namespaces is not in force");
    judge(OWNERS, &owners, |token, what| owns(server, token, what));
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
}

/// A release of its own, whose guards hold in the whole cluster: its administrators may do everything.
fn install(helm: &Helm, servers: &ApiServers) {
    let chart = chart();
    let set = "crds.install=false,sync.access=true,syncNamespace.name=guards-sync,admission.mutating.enabled=false,\
               admission.validating.enabled=false,admission.namespaceSelector.matchLabels.guarded=on";
    let said = helm.run_on(
        servers.kubeconfig(),
        &["install", "guards", chart.to_str().unwrap(), "--namespace", "guards", "--create-namespace", "--set", set],
    );
    assert!(said.succeeded, "{}", said.stderr);
}

/// A token of a ServiceAccount of the release.
fn account(server: &ApiServer, name: &str) -> String {
    let path = format!("/api/v1/namespaces/guards/serviceaccounts/{name}/token");
    let (code, answer) = server.create(&path, &json!({"spec": {"expirationSeconds": 3600}}));
    assert_eq!(code, 201, "{answer}");
    text(&answer, "/status/token").to_owned()
}

/// Policies hold a moment after they were created.
fn in_force(server: &ApiServer, token: &str) {
    for what in ["claims a name", "writes what others have claimed"] {
        assert!(until(Duration::from_secs(30), || claims(server, token, what).0 == 403), "{what}");
    }
}

/// Tries every cell of a table.
fn judge(table: &str, tokens: &[&str], attempt: impl Fn(&str, &str) -> (u16, Value)) {
    let mut lines = table.lines();
    let who: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(who.len(), tokens.len());
    let mut wrong = Vec::new();
    for line in lines {
        let (what, cells) = line.split_at(37);
        let what = what.trim();
        for ((who, token), wanted) in who.iter().zip(tokens).zip(cells.split_whitespace()) {
            let (code, answer) = attempt(token, what);
            let verdict = match code {
                200 | 201 => "yes",
                403 => "no",
                _ => panic!("{who} {what}: {code}: {answer}"),
            };
            if verdict != wanted {
                wrong.push(format!("{who} {what}: {verdict}: {}", text(&answer, "/message")));
            }
            let message = text(&answer, "/message");
            // Accounts have no right to try most of it.
            if verdict == "no" && !matches!(*who, "webhook" | "sync") {
                assert!(
                    message.contains("needs the verb ") && message.is_ascii() && message.len() <= 512,
                    "{who} {what}: {message}"
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Nothing is stored, so that no attempt stands in the way of the next.
fn claims(server: &ApiServer, token: &str, what: &str) -> (u16, Value) {
    let send = |method: &str, path: &str, object: &Value| {
        server.request_as(token, method, &format!("{path}?dryRun=All"), Some(("application/json", object.to_string())))
    };
    let held = || server.get(&format!("{NAMES}/{HELD}")).1;
    let create = |field: &str, value: Value| {
        let mut object = claim("prod.new.global", "prod.new.global", 1);
        object["spec"][field] = value;
        send("POST", NAMES, &object)
    };
    let change = |fields: &[(&str, Value)]| {
        let mut object = held();
        for (field, value) in fields {
            object["spec"][*field] = value.clone();
        }
        send("PUT", &format!("{NAMES}/{HELD}"), &object)
    };
    match what {
        "claims a name" => create("epoch", json!(1)),
        "claims a name with a higher epoch" => create("epoch", json!(2)),
        "claims a name as released" => create("phase", json!("Released")),
        "claims a name for two owners" => create("alsoOwners", json!(["b"])),
        "claims a name as confirmed" => create("confirmedAt", json!("2026-11-02T00:00:00Z")),
        "gives a name to another owner" => change(&[("owner", json!("b")), ("epoch", json!(4))]),
        "admits another owner" => change(&[("alsoOwners", json!(["b"]))]),
        "releases a name" => change(&[("phase", json!("Released")), ("epoch", json!(4))]),
        "raises the epoch" => change(&[("epoch", json!(4))]),
        "claims to have been earlier" => change(&[("claimedAt", json!("2020-01-01T00:00:00Z"))]),
        "claims it for another cluster" => change(&[("claimedIn", json!("uid-0"))]),
        "changes the identity" => change(&[("identity", json!("other"))]),
        "changes the env" => change(&[("env", json!("other"))]),
        "confirms a claim" => change(&[("confirmedAt", json!("2026-11-02T00:00:00Z"))]),
        "labels a claim" => {
            let mut object = held();
            object["metadata"]["labels"] = json!({"a": "b"});
            send("PUT", &format!("{NAMES}/{HELD}"), &object)
        }
        "writes the status" => send("PUT", &format!("{NAMES}/{HELD}/status"), &held()),
        // With a body, the query counts for nothing.
        "deletes a claim" => send("DELETE", &format!("{NAMES}/{HELD}"), &json!({"dryRun": ["All"]})),
        "writes what others have claimed" => {
            let set = json!({"apiVersion": "kubectl-mesh.io/v1alpha1", "kind": "GlobalNameSet", "metadata": {"name": "c2"}, "spec": {"entries": []}});
            send("POST", SETS, &set)
        }
        _ => panic!("{what}?"),
    }
}

fn owns(server: &ApiServer, token: &str, what: &str) -> (u16, Value) {
    let send = |method: &str, path: &str, object: &Value| {
        server.request_as(token, method, &format!("{path}?dryRun=All"), Some(("application/json", object.to_string())))
    };
    let create = |metadata: Value| {
        let mut object = json!({"metadata": metadata});
        object["metadata"]["name"] = json!("new");
        send("POST", NAMESPACES, &object)
    };
    let change = |name: &str, subresource: &str, kind: &str, key: &str, value: Value| {
        let (_, mut object) = server.get(&format!("{NAMESPACES}/{name}"));
        object["metadata"][kind][key] = value;
        send("PUT", &format!("{NAMESPACES}/{name}{subresource}"), &object)
    };
    let owner = "kubectl-mesh.io/owner";
    match what {
        "makes a namespace" => create(json!({"labels": {"a": "b"}})),
        "makes a namespace of an owner" => create(json!({"labels": {owner: "a"}})),
        "makes a namespace that opts out" => create(json!({"annotations": {"admiral.io/ignore": "true"}})),
        "says who owns it" => change("free", "", "labels", owner, json!("b")),
        "says that another owns it" => change("guarded", "", "labels", owner, json!("b")),
        "says that nobody owns it" => change("guarded", "", "labels", owner, Value::Null),
        "takes it out of the mesh" => change("guarded", "", "annotations", "admiral.io/ignore", json!("true")),
        "takes it out of admission" => change("guarded", "", "labels", "guarded", json!("off")),
        "lets it fail open" => change("guarded", "", "labels", "kubectl-mesh.io/admission", Value::Null),
        "labels it" => change("guarded", "", "labels", "a", json!("b")),
        "says who owns it, through status" => change("free", "/status", "labels", owner, json!("b")),
        "says who owns it, through finalize" => change("free", "/finalize", "labels", owner, json!("b")),
        _ => panic!("{what}?"),
    }
}
