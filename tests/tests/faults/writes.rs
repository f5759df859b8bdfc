//! What goes wrong with a write: it is sent once, and told; running again is the recovery procedure.

use mesh_model::kind::Kind;
use mesh_testkit::apiserver::{Door, Fault, Ill, Verb};
use mesh_tests::TestEnv;
use serde_json::Value;

use super::fleet::{Said, VICTIM, generated, mesh, start};

/// What strikes the one write that the victim needs, what is said of it, and whether it was done all the same.
const ILLS: &[(Ill, &str, bool)] = &[
    (Ill::LostAnswer, "the answer was lost", true),
    (Ill::Reset, "the answer was lost", false),
    (Ill::Status(500), "run again when its API server has recovered", false),
    (Ill::Status(503), "run again when its API server has recovered", false),
    (Ill::RetryAfter(1), "Too Many Requests", false),
    (Ill::Unauthorized, "credentials are refused", false),
    (
        Ill::Forbidden,
        r#"forbidden; the missing rule is {apiGroups: ["networking.istio.io"], resources: ["destinationrules"], verbs: ["create"]}"#,
        false,
    ),
    (Ill::Html, "is a proxy in the way?", true),
    (Ill::CutBody, "the answer was lost", true),
    (Ill::Garbage, "is a proxy in the way?", true),
    (Ill::Hang, "the answer was lost", false),
];

#[test]
fn a_write_is_sent_once_and_running_again_is_the_recovery() {
    for (ill, says, is_done) in ILLS {
        let fleet = start(Door::Tls);
        let victim = fleet.server(VICTIM);
        victim.fault(Fault::new(Verb::Create, ill.clone()).of(Kind::DestinationRule));
        let env = TestEnv::new();
        let said = mesh(&env, &fleet, &["sync", "*", "--yes", "-o", "json"]);
        let report = document(&said);
        assert_eq!(said.exit, Some(3), "{ill:?}: {said:#?}");
        let not_written = report["clusters"].as_array().unwrap().iter().find(|row| row["cluster"] == VICTIM).unwrap();
        let why = not_written["notWritten"][0]["why"].as_str().unwrap_or_default();
        assert!(why.contains(says), "{ill:?}: {why:?}");
        assert_eq!(victim.writes().len(), 1, "{ill:?}: {:#?}", victim.writes());
        let key = (VICTIM.to_owned(), Kind::DestinationRule, "prod.payments.global-default-dr".to_owned());
        assert_eq!(generated(&fleet).contains_key(&key), *is_done, "{ill:?}");
        assert_eq!(report["written"], 1, "{ill:?}: the other cluster is written: {said:#?}");

        victim.heal();
        victim.forget_requests();
        let again = mesh(&env, &fleet, &["sync", "*", "--yes", "-o", "json"]);
        assert_eq!(again.exit, Some(0), "{ill:?}: {again:#?}");
        assert_eq!(victim.writes().len(), usize::from(!is_done), "{ill:?}: {:#?}", victim.writes());
        assert!(generated(&fleet).contains_key(&key), "{ill:?}");
    }
}

fn document(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:#?}"))
}
