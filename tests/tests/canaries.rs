//! Credentials with a canary in each of them, and everything that the program says or writes: none is ever there, at any
//! verbosity, whatever servers answer.

use mesh_model::kind::Kind;
use mesh_testkit::apiserver::{Fault, Ill, Verb};
use serde_json::json;

mod aviary;

use aviary::{Aviary, CLUSTERS};

/// Variables by which programs like this one are made to talk.
const LOUD: [(&str, &str); 5] = [
    ("RUST_LOG", "trace"),
    ("MESH_LOG", "trace"),
    ("KUBE_LOG", "trace"),
    ("RUST_BACKTRACE", "full"),
    ("SSLKEYLOGFILE", "keys"),
];

/// What goes wrong, given the address of another server.
type Faults = fn(&str) -> Vec<Fault>;

#[test]
fn no_verb_shows_a_credential_at_any_verbosity() {
    let aviary = Aviary::new();
    let policy = mesh_tests::example("bookstore").join("mesh.yaml");
    let push = ["policy", "push", policy.to_str().unwrap(), "--yes"];
    let verbs: [&[&str]; 19] = [
        &push,
        &["plan"],
        &["plan", "-o", "json"],
        &["diff"],
        &["render", "--output-dir", "rendered"],
        &["sync", "--dry-run", "-o", "yaml"],
        &["sync", "--yes"],
        &["sync", "--yes", "-o", "json"],
        &["status", "-o", "wide"],
        &["whereis", "orders", "-o", "json"],
        &["explain", "orders"],
        &["check", "-o", "json"],
        &["trace", "orders", "orders", "-o", "json"],
        &["graph", "-o", "html"],
        &["fleet", "list", "-o", "json"],
        &["fleet", "retire", "nobody", "--yes"],
        &["policy", "show"],
        &["permissions", "sync"],
        &["version"],
    ];
    for verb in verbs {
        for loud in [&[][..], &["-v"], &["-vvv"]] {
            let said = aviary.mesh(&[verb, loud].concat(), &LOUD);
            assert!(matches!(said.exit, Some(0..=4)), "{verb:?}: {said:#?}");
            aviary.shows_none(&said, &format!("{verb:?} {loud:?}"));
        }
    }
    // Every cluster was reached by its own kind of credential.
    let status = aviary.mesh(&["fleet", "list", "-o", "json"], &[]).exits(0);
    assert_eq!(status.stdout.matches("\"seen\": true").count(), CLUSTERS.len(), "{}", status.stdout);
    aviary.no_file_has_one();
}

#[test]
fn servers_that_quote_the_credential_are_not_quoted() {
    let ills: [(&str, Faults); 9] = [
        ("401", |_| vec![Fault::new(Verb::Any, Ill::Quote(401))]),
        ("403", |_| vec![Fault::new(Verb::Any, Ill::Quote(403))]),
        ("500", |_| vec![Fault::new(Verb::Any, Ill::Quote(500))]),
        ("403 for lists of Services", |_| vec![Fault::new(Verb::List, Ill::Quote(403)).of(Kind::Service)]),
        ("422 for writes", |_| vec![Fault::new(Verb::Create, Ill::Quote(422))]),
        ("a page of HTML with 502", |_| vec![Fault::new(Verb::Any, Ill::QuotingPage(502))]),
        ("a page of HTML with 200", |_| vec![Fault::new(Verb::Any, Ill::QuotingPage(200))]),
        ("cut bodies", |_| vec![Fault::new(Verb::Any, Ill::CutBody)]),
        ("a redirect", |elsewhere| vec![Fault::new(Verb::Any, Ill::Redirect(elsewhere.to_owned()))]),
    ];
    let aviary = Aviary::new();
    aviary.push_policy();
    let elsewhere = Aviary::elsewhere();
    for (name, faults) in ills {
        for (_, server) in aviary.fleet.servers() {
            server.heal();
            for fault in faults(&elsewhere.url()) {
                server.fault(fault);
            }
        }
        for verb in [&["plan", "-o", "json"][..], &["status"], &["sync", "--yes"]] {
            let said = aviary.mesh(&[verb, &["-vvv"]].concat(), &LOUD);
            let is_only_of_writes = name.ends_with("for writes");
            assert!(matches!(said.exit, Some(2..=4)) || is_only_of_writes, "{name}, {verb:?}: {said:#?}");
            aviary.shows_none(&said, &format!("{name}, {verb:?}"));
        }
        assert_eq!(elsewhere.requests(), Vec::new(), "{name}: nobody is sent elsewhere");
    }
    aviary.no_file_has_one();
}

#[test]
fn an_object_that_quotes_the_credential_is_not_shown_and_not_believed() {
    let aviary = Aviary::new();
    aviary.push_policy();
    for ((name, server), token) in aviary.fleet.servers().zip(Aviary::tokens()) {
        server.put(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "quoting", "namespace": "default", "labels": {"app": token}}, "spec": {},
        }));
        assert!(server.object(Kind::Service, "default", "quoting").is_some(), "{name}");
    }
    for verb in [&["plan", "-o", "json"][..], &["status"], &["check"], &["sync", "--yes"]] {
        let said = aviary.mesh(&[verb, &["-vvv"]].concat(), &LOUD);
        assert_eq!(said.exit, Some(3), "{verb:?}: {said:#?}");
        assert!(said.stderr.contains("with the credential that it was sent in it"), "{verb:?}: {said:#?}");
        aviary.shows_none(&said, &format!("{verb:?}"));
    }
}

#[test]
fn kubeconfigs_in_secrets_are_used_and_never_shown() {
    let aviary = Aviary::new();
    let hub = aviary.hub();
    // Without a list of members each key of a Secret is one.
    let said = aviary.on(&hub, "secrets:hub", &["fleet", "list", "-o", "json", "-vvv"], &LOUD);
    assert_eq!(said.stdout.matches("\"seen\": true").count(), CLUSTERS.len(), "{said:#?}");
    assert!(said.stderr.contains("runs a program") || said.stdout.contains("runs a program"), "{said:#?}");
    aviary.shows_none(&said, "fleet list");
    aviary.push_policy();
    for verb in [&["plan", "-o", "json"][..], &["sync", "--yes"], &["check"], &["status"]] {
        let said = aviary.on(&hub, "secrets:hub", &[verb, &["-vvv"]].concat(), &LOUD);
        aviary.shows_none(&said, &format!("{verb:?}"));
    }
    hub.server("hub").fault(Fault::new(Verb::Any, Ill::Quote(403)));
    let said = aviary.on(&hub, "secrets:hub", &["plan", "-vvv"], &LOUD).exits(2);
    aviary.shows_none(&said, "the hub quotes");
}

#[test]
fn a_credential_plugin_gets_nobody_elses_credential() {
    let aviary = Aviary::new();
    aviary.push_policy();
    let given = aviary.given_to_plugin();
    assert!(given.contains("KUBERNETES_EXEC_INFO="), "{given}");
    aviary.has_none(&given, "what the plugin is given");
}
