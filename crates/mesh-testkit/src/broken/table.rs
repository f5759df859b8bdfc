//! The table: every way to be broken, the law that must see it, and where.

use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::policy::MeshPolicy;
use mesh_plan::laws::{
    Given, Law, Lost, Observation, Planner, Violation, applied_plan_is_a_fixpoint, every_step_names_its_facts,
    exposes_only_what_is_routed, hosts_and_addresses_are_unique, input_order_does_not_matter,
    older_run_never_overwrites, scope_is_a_restriction, touches_only_what_is_ours, unseen_changes_nothing,
};
use mesh_plan::scope::Scope;

use super::{Breaker, Subject, answers, emitted_is_accepted, fleets, questions, real};
use crate::build::{cluster_name, policy};

/// Every way to be broken, by law.
pub fn table() -> Vec<Breaker> {
    vec![
        plan(Law::L1, "the time of the run is written", answers::time_is_written, l1_settled),
        plan(Law::L1, "origins are dropped", answers::origins_are_dropped, l1_fresh),
        plan(Law::L1, "holds are shown later", questions::holds_are_shown_later, l1_shrunk_in_part),
        plan(Law::L2, "a hold is turned into a delete", answers::holds_become_deletes, l2_east_lost),
        plan(Law::L2, "endpoints of unseen clusters go", answers::unseen_endpoints_go, l2_east_lost),
        plan(Law::L2, "unseen clusters are taken for empty", questions::unseen_clusters_are_empty, l2_east_lost),
        plan(Law::L2, "unseen kinds are taken for empty", questions::unseen_kinds_are_empty, l2_kinds_lost),
        plan(Law::L2, "values are credited to their holder", questions::origins_are_at_home, l2_east_lost),
        plan(Law::L3, "steps are not sorted", answers::steps_are_not_sorted, l3_fresh),
        plan(Law::L3, "the first destination wins", questions::first_destination_wins, l3_fresh),
        plan(Law::L3, "the first Dependency wins", questions::first_dependency_wins, l3_many_dependencies),
        plan(Law::L4, "reasons are missing", answers::reasons_are_missing, l4_fresh),
        plan(Law::L4, "reasons name no facts", answers::reasons_are_empty, l4_fresh),
        plan(Law::L4, "reasons are invented", answers::reasons_are_invented, l4_fresh),
        plan(Law::L5, "versions are old", answers::versions_are_old, l5_shrunk),
        plan(Law::L5, "versions are forgotten", answers::versions_are_forgotten, l5_shrunk),
        plan(Law::L5, "objects of others are deleted", answers::others_are_deleted, l5_taken),
        plan(Law::L5, "objects of others are overlooked", questions::others_do_not_exist, l5_taken),
        plan(Law::L5, "unseen clusters are written", answers::unseen_clusters_are_written, l5_shrunk_in_part),
        plan(Law::L6, "every object is written twice", answers::objects_are_doubled, l6_fresh),
        plan(Law::L6, "all hosts have one address", answers::addresses_are_one, l6_fresh),
        plan(Law::L7, "the scope is ignored", questions::scope_is_ignored, l7_fresh),
        plan(Law::L7, "what is out of scope does not exist", questions::scope_is_all_there_is, l7_fresh),
        plan(Law::L7, "a scoped plan loses a step", answers::scope_loses_a_step, l7_fresh),
        plan(Law::L8, "a duration is zero", answers::durations_are_zero, l8_fresh),
        plan(Law::L8, "a field is misspelled", answers::fields_are_misspelled, l8_fresh),
        plan(Law::L9, "versions are forgotten", answers::versions_are_forgotten, l9_change_of_mind),
        Breaker {
            law: Law::L9,
            name: "facts are read before objects",
            broken: Subject { observation: Observation::FactsFirst, ..real() },
            judge: l9_change_of_mind,
        },
        Breaker {
            law: Law::L10,
            name: "clients are written first",
            broken: Subject { order: answers::clients_first, ..real() },
            judge: l10_fresh,
        },
        Breaker {
            law: Law::L10,
            name: "steps are written as planned",
            broken: Subject { order: answers::as_planned, ..real() },
            judge: l10_fresh,
        },
    ]
}

type PlanFn = fn(&FleetSnapshot, &MeshPolicy, &Scope, jiff::Timestamp) -> mesh_plan::plan::Plan;

fn plan(law: Law, name: &'static str, plan: PlanFn, judge: fn(Subject) -> Result<(), Violation>) -> Breaker {
    Breaker { name, law, broken: Subject { planner: Planner { plan }, ..real() }, judge }
}

fn on<T>(fleet: &FleetSnapshot, judge: impl FnOnce(Given<'_>) -> T) -> T {
    judge(Given { fleet, policy: &policy(), now: fleets::now() })
}

fn l1_settled(subject: Subject) -> Result<(), Violation> {
    on(&fleets::settled(), |given| applied_plan_is_a_fixpoint(subject.planner, given))
}

fn l1_fresh(subject: Subject) -> Result<(), Violation> {
    on(&fleets::fresh(), |given| applied_plan_is_a_fixpoint(subject.planner, given))
}

fn l1_shrunk_in_part(subject: Subject) -> Result<(), Violation> {
    on(&fleets::shrunk_in_part(), |given| applied_plan_is_a_fixpoint(subject.planner, given))
}

fn l2_east_lost(subject: Subject) -> Result<(), Violation> {
    let lost = Lost { clusters: [cluster_name("c2")].into(), ..Lost::default() };
    on(&fleets::fresh(), |given| unseen_changes_nothing(subject.planner, given, &lost))
}

fn l2_kinds_lost(subject: Subject) -> Result<(), Violation> {
    let kinds = [Kind::Deployment, Kind::Dependency, Kind::GlobalTrafficPolicy].map(|kind| (kind, false)).into();
    let lost = Lost { kinds: [(cluster_name("c1"), kinds)].into(), ..Lost::default() };
    on(&fleets::fresh(), |given| unseen_changes_nothing(subject.planner, given, &lost))
}

fn l3_fresh(subject: Subject) -> Result<(), Violation> {
    let fleet = fleets::fresh();
    (0..20).try_for_each(|seed| on(&fleet, |given| input_order_does_not_matter(subject.planner, given, seed)))
}

fn l3_many_dependencies(subject: Subject) -> Result<(), Violation> {
    let fleet = fleets::many_dependencies();
    (0..20).try_for_each(|seed| on(&fleet, |given| input_order_does_not_matter(subject.planner, given, seed)))
}

fn l4_fresh(subject: Subject) -> Result<(), Violation> {
    on(&fleets::fresh(), |given| every_step_names_its_facts(subject.planner, given))
}

fn l5_shrunk(subject: Subject) -> Result<(), Violation> {
    on(&fleets::shrunk(), |given| touches_only_what_is_ours(subject.planner, given))
}

fn l5_taken(subject: Subject) -> Result<(), Violation> {
    on(&fleets::taken(), |given| touches_only_what_is_ours(subject.planner, given))
}

fn l5_shrunk_in_part(subject: Subject) -> Result<(), Violation> {
    on(&fleets::shrunk_in_part(), |given| touches_only_what_is_ours(subject.planner, given))
}

fn l6_fresh(subject: Subject) -> Result<(), Violation> {
    on(&fleets::fresh(), |given| hosts_and_addresses_are_unique(subject.planner, given))
}

fn l7_fresh(subject: Subject) -> Result<(), Violation> {
    let scope = Scope { names: vec!["checkout".into()], ..Scope::default() };
    on(&fleets::fresh(), |given| scope_is_a_restriction(subject.planner, given, &scope))
}

fn l8_fresh(subject: Subject) -> Result<(), Violation> {
    on(&fleets::fresh(), |given| emitted_is_accepted(subject.planner, given))
}

fn l9_change_of_mind(subject: Subject) -> Result<(), Violation> {
    let (before, after) = (fleets::shrunk(), fleets::grown());
    on(&before, |given| {
        older_run_never_overwrites(subject.planner, subject.observation, given, [&after, &after], usize::MAX)
    })
}

fn l10_fresh(subject: Subject) -> Result<(), Violation> {
    on(&fleets::fresh(), |given| {
        let plan = subject.planner.all(given.fleet, given.policy, given.now);
        exposes_only_what_is_routed(given.fleet, (subject.order)(&plan))
    })
}
