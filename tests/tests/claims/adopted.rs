//! What runs is adopted; then a claim is demanded of every name, and nothing that runs is refused when it is deployed anew.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_admission::wire::{self, Hook};
use mesh_admission::{Mode, NamePolicy, PlainIndex, Verdict, decide};
use mesh_fleet::directory::DirectoryFleet;
use mesh_model::facts::ClusterFacts;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::policy::MeshPolicy;
use mesh_tests::{TestEnv, copy_folder, example};
use serde_json::json;

use crate::admitted::request;

#[test]
fn after_adoption_strict_mode_refuses_nothing_that_runs_in_the_bookstore() {
    adopted("bookstore");
}

#[test]
fn after_adoption_strict_mode_refuses_nothing_that_runs_in_the_bank() {
    adopted("bank");
}

fn adopted(name: &str) {
    let env = TestEnv::new();
    copy_folder(&example(name), &env.fleet());
    let (fleet, policy) = read(&env);
    let refused_before: usize = fleet.seen().map(|(_, facts)| refused(facts, &policy).len()).sum();
    assert!(refused_before > 3, "nothing was to be adopted: {refused_before}");

    env.on_fleet(&["names", "adopt", "--yes", "--allow-unseen", "100%"]).assert().success();
    env.on_fleet(&["sync", "--yes", "--allow-unseen", "100%"]).assert().success();
    let (fleet, policy) = read(&env);
    for (cluster, facts) in fleet.seen() {
        assert_eq!(refused(facts, &policy), BTreeSet::new(), "{cluster}");
    }
    let again =
        env.on_fleet(&["names", "adopt", "--dry-run", "-o", "name", "--allow-unseen", "100%"]).output().unwrap();
    assert!(again.status.success() && again.stdout.is_empty(), "{again:?}");
}

/// The workloads that a webhook of the cluster would refuse in strict mode, were they deployed as they are.
fn refused(facts: &ClusterFacts, policy: &MeshPolicy) -> BTreeSet<String> {
    let mut index = PlainIndex::default();
    for (name, facts) in &facts.namespaces {
        index.namespaces.insert(name.clone(), Arc::new(facts.clone()));
    }
    facts.claims.values().for_each(|claim| index.add_claim(claim));
    let policy = NamePolicy { mode: Mode::Strict, ..NamePolicy::new(Arc::new(policy.clone())) };
    let is_refused = |request: serde_json::Value| {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        let review = review.to_string();
        let verdict = decide(Hook::Validate, &wire::read(review.as_bytes()).unwrap(), &index, &policy);
        match verdict {
            Verdict::Refused(refusal) => Some(refusal.to_string()),
            Verdict::Allowed { .. } => None,
        }
    };
    let refusals = facts.workloads.iter().filter_map(|workload| {
        let refusal = is_refused(request(workload))?;
        Some(format!("{}/{}: {refusal}", workload.namespace, workload.name))
    });
    refusals.collect()
}

fn read(env: &TestEnv) -> (FleetSnapshot, MeshPolicy) {
    let fleet = DirectoryFleet::open(&env.fleet(), None).unwrap();
    (fleet.observe(), fleet.policy().clone())
}
