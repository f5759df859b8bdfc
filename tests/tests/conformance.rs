//! What the real Admiral wrote, and what we would: the cases of `tests/conformance` (its README has the format).
//!
//! Each step of each case is judged three ways: rendered from scratch, with each step's output live in the next, and with
//! the address store that Admiral left behind. `MESH_CONFORMANCE_REPORT=DIR` writes a report per case.

use std::path::{Path, PathBuf};

mod case;
mod compare;
mod folder;
mod judge;
mod wanted;

use case::{Case, Row};
use judge::{Way, judge};
use mesh_model::name::ClusterName;
use mesh_model::policy::{Member, MemberState};

#[test]
fn every_case_holds_what_admiral_wrote_when_rendered_from_scratch() {
    all_pass(Way::FromScratch);
}

#[test]
fn every_case_holds_what_admiral_wrote_when_each_steps_output_is_live_in_the_next() {
    all_pass(Way::Live);
}

#[test]
fn with_admirals_address_store_every_host_keeps_its_address() {
    all_pass(Way::WithStore);
}

#[test]
fn retiring_a_member_does_what_admiral_did_after_its_registration_was_deleted() {
    let mut case = Case::load(&cases().join("cluster-unregistered"));
    case.explained.clear();
    case.explained_live.clear();
    // Step 2 is the deletion itself, which Admiral acts upon only at the next event, in step 3.
    case.steps.remove(1);
    case.steps[1].policy.fleet.members = ["hub", "c1", "c2", "c3"].map(|name| member(name, name == "c2")).into();
    for way in [Way::FromScratch, Way::Live] {
        // What Admiral left in the cluster that left is not ours to compare: there, everything of ours must be gone.
        let problems = judge(&case, way).problems;
        let (in_c2, elsewhere): (Vec<_>, Vec<_>) = problems.into_iter().partition(|problem| problem.cluster == "c2");
        assert!(elsewhere.is_empty(), "{way:?}: {elsewhere:#?}");
        let gone = in_c2.iter().filter(|problem| problem.text.contains("we hold nothing")).count();
        assert_eq!((in_c2.len(), gone), (2, 2), "{way:?}: {in_c2:#?}");
    }
}

#[test]
fn a_changed_expected_value_is_red() {
    let case = Case::load(&cases().join("basic-two-sources"));
    for way in [Way::FromScratch, Way::Live, Way::WithStore] {
        assert_eq!(judge(&case, way).problems, [], "the case itself is green");
    }
    for (what, change) in DOCTORED {
        let mut doctored = Case::load(&cases().join("basic-two-sources"));
        change(&mut doctored);
        let problems = judge(&doctored, Way::FromScratch).problems;
        assert_eq!(problems.len(), 1, "{what}: {problems:#?}");
    }
}

#[test]
fn a_changed_address_is_red_when_the_store_has_it() {
    let mut case = Case::load(&cases().join("basic-two-sources"));
    *case.expected(1, "c3", "ServiceEntry", "stage.checkout.global-se").pointer_mut("/spec/addresses/0").unwrap() =
        "240.0.10.9".into();
    assert_eq!(judge(&case, Way::WithStore).problems.len(), 1);
}

#[test]
fn an_explained_object_that_turns_out_equal_is_red() {
    let mut case = Case::load(&cases().join("basic-two-sources"));
    case.explained.push(Row::parse("step1 c3 ServiceEntry stage.checkout.global-se  # not so").unwrap());
    let problems = judge(&case, Way::FromScratch).problems;
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].text.contains("turned out equal"), "{problems:#?}");
}

#[test]
fn a_row_for_an_object_that_nobody_has_is_red() {
    let mut case = Case::load(&cases().join("basic-two-sources"));
    case.explained.push(Row::parse("step1 c3 ServiceEntry stage.nothing.global-se  # a slip of the pen").unwrap());
    assert_eq!(judge(&case, Way::FromScratch).problems.len(), 1);
}

/// Everything that we want in any step of any case, with where.
pub(crate) fn wanted() -> Vec<(String, serde_json::Value)> {
    wanted::of_every_step(&cases())
}

type Change = fn(&mut Case);

/// Changes to what is expected of `basic-two-sources`, each of which must be seen.
const DOCTORED: [(&str, Change); 8] = [
    ("a value", |case| {
        *service_entry(case).pointer_mut("/spec/endpoints/0/locality").unwrap() = "eu-central-1".into();
    }),
    ("a label", |case| {
        *service_entry(case).pointer_mut("/metadata/labels").unwrap() = serde_json::json!({"admiral.io/env": "prod"});
    }),
    ("an annotation", |case| {
        service_entry(case)["metadata"]["annotations"]["associated-gtp"] = "x".into();
    }),
    ("an address too few", |case| {
        *service_entry(case).pointer_mut("/spec/addresses").unwrap() = serde_json::json!([]);
    }),
    ("an endpoint too many", |case| {
        let endpoints = service_entry(case)["spec"]["endpoints"].as_array_mut().unwrap();
        let mut further = endpoints[0].clone();
        further["address"] = "elsewhere.bank.example.".into();
        endpoints.push(further);
    }),
    ("a traffic policy", |case| {
        *case
            .expected(1, "c1", "DestinationRule", "stage.checkout.global-default-dr")
            .pointer_mut("/spec/trafficPolicy/outlierDetection/maxEjectionPercent")
            .unwrap() = 33.into();
    }),
    ("an object that nobody writes", |case| {
        let mut further = service_entry(case).clone();
        further["metadata"]["name"] = "stage.more.global-se".into();
        case.steps[0].expected.get_mut("c3").unwrap().push(further);
    }),
    ("an object that we write and Admiral does not", |case| {
        case.steps[0].expected.get_mut("c3").unwrap().retain(|object| object["kind"] != "DestinationRule");
    }),
];

fn service_entry(case: &mut Case) -> &mut serde_json::Value {
    case.expected(1, "c3", "ServiceEntry", "stage.checkout.global-se")
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance")
}

fn member(name: &str, retired: bool) -> Member {
    Member {
        name: ClusterName::parse(name).unwrap(),
        uid: None,
        context: None,
        region: None,
        network: None,
        gateway: None,
        trust_domain: None,
        state: if retired { MemberState::Retired } else { MemberState::Active },
    }
}

/// Judges every case, prints the table and fails with every problem of every case.
fn all_pass(way: Way) {
    let cases = Case::load_all(&cases());
    assert!(cases.len() >= 52, "cases are missing: {}", cases.len());
    let mut table = vec![format!("{:<36}{:>8}{:>11}{:>10}", "CASE", "OBJECTS", "EXPLAINED", "PROBLEMS")];
    let mut problems = Vec::new();
    let (mut compared, mut explained) = (0, 0);
    for case in &cases {
        let verdict = judge(case, way);
        verdict.report(case, way);
        table.push(format!(
            "{:<36}{:>8}{:>11}{:>10}",
            case.name,
            verdict.compared,
            verdict.explained,
            verdict.problems.len()
        ));
        compared += verdict.compared;
        explained += verdict.explained;
        problems.extend(verdict.problems.iter().map(|problem| format!("{}: {problem}", case.name)));
    }
    table.push(format!("{:<36}{compared:>8}{explained:>11}{:>10}", format!("{} cases", cases.len()), problems.len()));
    show(&table.join("\n"));
    assert!(problems.is_empty(), "{way:?}: {} problems\n\n{}", problems.len(), problems.join("\n"));
}

#[expect(clippy::print_stdout, reason = "the summary of a suite; captured unless asked for")]
fn show(text: &str) {
    println!("{text}");
}
