//! One ill, suffered by every verb.

use std::time::Duration;

use mesh_model::kind::Kind;
use mesh_testkit::apiserver::{FakeFleet, Verb};
use mesh_tests::TestEnv;
use serde_json::Value;

use super::fleet::{Generated, HEALTHY, Said, VICTIM, generated, mesh, start};
use super::ills::{Ill, Unseen};

/// What a cluster may take to be read where the ill one takes all of it: healthy ones need it too on a busy machine.
const SHORT: Duration = Duration::from_secs(8);
/// The same for ills that nobody waits for.
const LONG: Duration = Duration::from_mins(2);
/// What a run may take beyond that on a machine that does other things too.
const SLACK: Duration = Duration::from_secs(25);

/// The verbs, with what makes their output a document.
const VERBS: [(&str, &[&str]); 5] = [
    ("plan", &["plan"]),
    ("status", &["status"]),
    ("whereis --full", &["whereis", "tax", "--full"]),
    ("fleet list", &["fleet", "list"]),
    ("sync", &["sync", "--yes"]),
];

/// A row of the table.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) unseen: Unseen,
    /// Exit statuses in the order of the verbs.
    pub(super) exits: Vec<i32>,
    pub(super) says: [&'static str; 2],
}

/// Runs every verb, and asserts what holds for every ill.
pub(super) fn suffer(ill: &Ill) -> Row {
    let fleet = start(ill.door);
    let victim = fleet.server(VICTIM);
    let env = TestEnv::new();
    let before = generated(&fleet);
    let mut exits = Vec::new();
    for (verb, words) in VERBS {
        victim.heal();
        victim.forget_requests();
        for fault in (ill.faults)() {
            victim.fault(fault);
        }
        let patience = if ill.says[0].contains("no answer") { SHORT } else { LONG };
        let timeout = format!("{}s", patience.as_secs());
        let said = mesh(&env, &fleet, &[words, &["--cluster-timeout", &timeout, "-o", "json"]].concat());
        let about = format!("{}, {verb}: {said:#?}", ill.name);
        assert!(said.took < SHORT + SLACK, "late: {about}");
        assert_eq!(said.exit, Some(if ill.unseen == Unseen::Nothing { 0 } else { 3 }), "{about}");
        check_words(ill, verb, &said, &about);
        check_unseen(ill, verb, &said, &about);
        if let Some((path, times)) = ill.sent {
            let sent = victim.requests().iter().filter(|request| request.target.contains(path)).count();
            assert_eq!(sent, times, "how often {path} was asked for: {about}");
        }
        check_held(&fleet, &before, &about);
        exits.push(said.exit.unwrap_or(-1));
    }
    let healed = &generated(&fleet);
    let key = (HEALTHY.to_owned(), Kind::DestinationRule, "prod.orders.global-default-dr".to_owned());
    assert!(healed.contains_key(&key), "{}: the others are written", ill.name);
    Row { name: ill.name, unseen: ill.unseen, exits, says: ill.says }
}

/// Every verb says where, what and what next.
fn check_words(ill: &Ill, verb: &str, said: &Said, about: &str) {
    let screen = format!("{}{}", said.stdout.replace("\\\"", "\""), said.stderr);
    for words in ill.says {
        assert!(screen.contains(words), "{words:?} is not said: {about}");
    }
    if ill.unseen != Unseen::Nothing {
        assert!(screen.contains(VICTIM), "{about}");
    }
    if let Unseen::Kind(kind) = ill.unseen {
        assert!(screen.contains(kind.plural()), "{verb}: {about}");
    }
    assert!(!screen.contains("panicked"), "{about}");
}

/// stdout is one document, and what it says of the cluster is true.
fn check_unseen(ill: &Ill, verb: &str, said: &Said, about: &str) {
    let document: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {about}"));
    assert!(document["kind"].is_string(), "{about}");
    if verb != "fleet list" {
        return;
    }
    let members = document["members"].as_array().unwrap();
    for member in members {
        let (seen, kinds) = match (member["cluster"] == VICTIM, ill.unseen) {
            (true, Unseen::Cluster) => (false, Vec::new()),
            (true, Unseen::Kind(kind)) => (true, vec![kind.as_str()]),
            _ => (true, Vec::new()),
        };
        assert_eq!(member["seen"], seen, "{about}");
        let unseen: Vec<&str> =
            member["unseenKinds"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert_eq!(unseen, kinds, "{about}");
    }
}

/// Nothing is gone, nothing is different from what it was; what is new was missing.
fn check_held(fleet: &FakeFleet, before: &Generated, about: &str) {
    let now = generated(fleet);
    for (key, object) in before {
        let there = now.get(key).unwrap_or_else(|| panic!("{key:?} is gone: {about}"));
        assert_eq!(there["spec"], object["spec"], "{key:?} changed: {about}");
    }
    for (name, server) in fleet.servers() {
        let deleted = server.requests().into_iter().find(|request| request.verb == Verb::Delete);
        assert_eq!(deleted, None, "{name}: {about}");
    }
}
