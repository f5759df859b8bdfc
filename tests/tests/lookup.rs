//! `whereis` by every kind of key, and `explain` for everything that a person may wonder about.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use mesh_fleet::directory::DirectoryFleet;
use mesh_plan::desire::desire;
use mesh_plan::plan::plan;
use mesh_plan::scope::Scope;
use mesh_tests::{TestEnv, copy_folder, example};
use serde_json::Value;

#[test]
fn whereis_knows_a_service_by_every_kind_of_key() {
    let fleet = like("bookstore");
    let tax = document(&fleet, &["whereis", "tax"]);
    let vip = tax["names"][0]["hosts"][0]["vip"].as_str().expect("tax has an address").to_owned();
    let west = tax["names"][0]["hosts"].as_array().unwrap().iter().find(|host| host["host"] == "west.prod.tax.global");
    let west_vip = west.expect("the policy makes a host")["vip"].as_str().unwrap().to_owned();
    for (key, found_by) in [
        ("tax", "identity"),
        ("prod.tax.global", "global-name"),
        ("Prod.Tax.Global.", "global-name"),
        ("west.prod.tax.global", "prefix-name"),
        (vip.as_str(), "virtual-address"),
        (west_vip.as_str(), "virtual-address"),
        ("tax.tax", "service"),
        ("tax.tax.svc.cluster.local", "service"),
        ("tax/tax", "workload"),
        ("payments-us-east/tax/tax", "workload"),
        ("deployment/tax", "workload"),
        ("tax-7d9f8b6c5-x2x4z", "pod"),
        ("tax/tax-7d9f8b6c5-x2x4z", "pod"),
    ] {
        let answer = document(&fleet, &["whereis", key]);
        assert_eq!(answer["names"][0]["name"], "prod.tax.global", "{key}");
        let sorts = answer["names"][0]["foundBy"].as_array().unwrap();
        assert!(sorts.iter().any(|sort| sort == found_by), "{key}: {sorts:?}");
    }
    let ledger = document(&fleet, &["whereis", "ledger-0"]);
    assert_eq!(ledger["names"][0]["name"], "prod.ledger.global", "the pod of a StatefulSet");
}

#[test]
fn whereis_tells_places_owner_clients_policies_and_split() {
    let fleet = like("bookstore");
    let run = run(&fleet, &["whereis", "tax"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for part in [
        "prod.tax.global\n",
        "identity  tax (env prod)",
        "port      http 80",
        "us-east-2 20%, us-west-2 80%",
        "west.prod.tax.global",
        "full listing",
        "CLUSTER           NAMESPACE  WORKLOAD        SERVICE",
        "payments-us-east  tax        Deployment/tax  tax:80",
        "gw.retail.bookstore.example",
        "GlobalTrafficPolicy tax/tax  active",
    ] {
        assert!(run.stdout.contains(part), "{part:?} is missing in\n{}", run.stdout);
    }
    let payments = document(&fleet, &["whereis", "payments"]);
    let clients: Vec<_> = payments["names"][0]["clients"].as_array().unwrap().iter().map(|c| &c["cluster"]).collect();
    assert!(clients.iter().any(|client| *client == "retail-us-west"), "{clients:?}");
}

#[test]
fn an_unknown_key_gets_the_closest_names_and_exit_1_or_3() {
    let fleet = like("bookstore");
    let unknown = run(&fleet, &["whereis", "recomendations"]);
    assert_eq!(unknown.code, 1, "{}", unknown.stdout);
    assert_eq!(unknown.stdout, "");
    assert!(unknown.stderr.contains("the closest name is recommendations"), "{}", unknown.stderr);

    let copy = like("bookstore");
    fs::write(copy.fleet().join("edge-us-west/.unseen"), "").unwrap();
    let perhaps = run(&copy, &["whereis", "recomendations"]);
    assert_eq!(perhaps.code, 3, "it may be in the unseen cluster: {}", perhaps.stderr);
    assert_eq!(run(&copy, &["whereis", "recomendations", "--allow-unseen", "1"]).code, 1);
    assert_eq!(run(&copy, &["whereis", "tax"]).code, 3, "what was found may not be all");
    assert_eq!(run(&copy, &["explain", "nothing-alike"]).code, 3);
}

#[test]
fn explain_gives_value_rule_and_source_of_a_field() {
    let run = run(&like("bookstore"), &["explain", "payments", "retail-us-west", "endpoints"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("endpoints/gw.payments.bookstore.example."), "{}", run.stdout);
    assert!(run.stdout.contains("payments-us-east: Service payments/payments"), "{}", run.stdout);
    assert!(!run.stdout.contains("DestinationRule"), "{}", run.stdout);
}

#[test]
fn explain_has_a_reason_for_every_field_of_every_object() {
    for name in ["bookstore", "bank"] {
        let explained = document(&like(name), &["explain", "*"]);
        let mut fields = 0;
        for object in explained["names"].as_array().unwrap().iter().flat_map(|name| name["objects"].as_array().unwrap())
        {
            for field in object["fields"].as_array().unwrap() {
                let reasons = field["because"].as_array().unwrap();
                assert!(!reasons.is_empty(), "{}: {}", object["object"], field["field"]);
                let rule = reasons[0]["rule"].as_str().unwrap();
                assert!(
                    !rule.is_empty() && rule != "the same in every fleet",
                    "{}: {}",
                    object["object"],
                    field["field"]
                );
                fields += 1;
            }
            assert!(!object["clusters"].as_array().unwrap().is_empty());
        }
        assert!(fields > 50, "{name}: only {fields} fields were explained");
    }
}

#[test]
fn explain_says_why_a_cluster_gets_nothing() {
    let fleet = like("bookstore");
    for (name, cluster, words) in [
        ("prod.ledger.global", "edge-us-west", "nor of an identity whose Dependency names it"),
        ("recommendations", "edge-us-west", "no Dependency names recommendations"),
        ("payments", "elsewhere", "it is not a member of the fleet"),
    ] {
        let run = run(&fleet, &["explain", name, cluster]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(run.stdout.contains(words), "{name} {cluster}:\n{}", run.stdout);
    }

    let copy = like("bookstore");
    edit(&copy.fleet().join("payments-us-east/tax/tax.yaml"), "    app: tax\n  ports", "    app: other\n  ports");
    let run = run(&copy, &["explain", "tax", "payments-us-east"]);
    assert!(run.stdout.contains("MESH-C021 no-service"), "{}", run.stdout);
}

#[test]
fn explain_says_why_a_traffic_policy_lost() {
    let copy = like("bookstore");
    let file = copy.fleet().join("payments-us-east/tax/traffic-policy.yaml");
    let loser = fs::read_to_string(&file).unwrap();
    let winner = loser
        .replace("  name: tax\n", "  name: tax-release\n")
        .replace("identity: tax\n", "identity: tax\n    priority: \"5\"\n");
    assert!(winner.contains("tax-release") && winner.contains("priority"));
    fs::write(copy.fleet().join("payments-us-east/tax/winner.yaml"), winner).unwrap();
    let answer = document(&copy, &["explain", "tax", "trafficPolicy"]);
    let policies = answer["names"][0]["policies"].as_array().unwrap();
    let of =
        |name: &str| policies.iter().find(|policy| policy["name"] == name).unwrap_or_else(|| panic!("{policies:?}"));
    assert_eq!(of("tax/tax-release")["active"], true);
    assert_eq!(of("tax/tax")["active"], false);
    let why = of("tax/tax")["why"].as_str().unwrap();
    assert!(why.contains("tax-release") || why.contains("priority"), "{why}");
    let shown = run(&copy, &["whereis", "tax"]).stdout;
    assert!(shown.contains("GlobalTrafficPolicy tax/tax          lost"), "{shown}");
}

#[test]
fn explain_says_why_an_endpoint_is_held() {
    let copy = like("bookstore");
    apply(&copy.fleet());
    fs::write(copy.fleet().join("payments-us-east/.unseen"), "").unwrap();
    let run = run(&copy, &["explain", "payments", "retail-us-west", "endpoints"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stdout.contains("? endpoints/gw.payments.bookstore.example."), "{}", run.stdout);
    assert!(run.stdout.contains("held because"), "{}", run.stdout);
    assert!(run.stdout.contains("payments-us-east"), "{}", run.stdout);
    let place = document(&copy, &["whereis", "payments"]);
    let places = place["names"][0]["places"].as_array().unwrap();
    assert!(places.iter().any(|place| place["cluster"] == "payments-us-east" && place["held"] == true), "{places:?}");
}

#[test]
fn a_field_that_nobody_has_is_a_usage_error_with_the_closest_one() {
    let run = run(&like("bookstore"), &["explain", "payments", "retail-us-west", "endpoint"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("did you mean endpoints?"), "{}", run.stderr);
}

struct Run {
    stdout: String,
    stderr: String,
    code: i32,
}

/// A fleet of one's own that is like an example.
fn like(name: &str) -> TestEnv {
    let env = TestEnv::new();
    copy_folder(&example(name), &env.fleet());
    env
}

fn run(env: &TestEnv, words: &[&str]) -> Run {
    let output = env.on_fleet(words).output().unwrap();
    Run {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    }
}

/// The document that `-o json` prints; whether the run was partial does not matter.
fn document(env: &TestEnv, words: &[&str]) -> Value {
    let run = run(env, &[words, &["-o", "json"]].concat());
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}: {}", run.stderr))
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{}", file.display());
    fs::write(file, text.replace(from, to)).unwrap();
}

/// Writes what every cluster should hold.
fn apply(root: &Path) {
    let fleet = DirectoryFleet::open(root, None).unwrap();
    let snapshot = fleet.observe();
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let desired = desire(&snapshot, fleet.policy(), now);
    let report = fleet.apply(&plan(&desired, &snapshot, fleet.policy(), &Scope::default()), &|| false);
    assert!(report.written() > 0 && report.not_written() == 0, "{report:?}");
}
