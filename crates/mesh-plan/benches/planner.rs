//! How long the planner computes, by the size of the fleet.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use mesh_model::policy::MeshPolicy;
use mesh_plan::apply_model;
use mesh_plan::desire::{Names, Survey, desire};
use mesh_plan::desired::Desired;
use mesh_plan::plan::plan;
use mesh_plan::scope::Scope;
use mesh_testkit::scale;

/// Services of a cluster at the design point.
const SERVICES: usize = 2_000;

fn desire_from_scratch(c: &mut Criterion) {
    let mut group = c.benchmark_group("desire");
    for members in [10, 100, 300] {
        let fleet = scale::fleet(members, SERVICES, scale::SOURCES);
        group.bench_function(BenchmarkId::from_parameter(members), |b| {
            b.iter(|| desire(black_box(&fleet), &MeshPolicy::default(), Timestamp::UNIX_EPOCH));
        });
    }
}

fn desire_one_name(c: &mut Criterion) {
    let (policy, now) = (MeshPolicy::default(), Timestamp::UNIX_EPOCH);
    let empty = scale::fleet(300, SERVICES, scale::SOURCES);
    let first = plan(&desire(&empty, &policy, now), &empty, &policy, &Scope::default());
    let fleet = apply_model::apply(&empty, &first);
    let survey = Survey::of(&fleet, &policy);
    let names = Names::of(&survey, now);
    let all = names.without_objects().names;
    let base = all.keys().nth(all.len() / 2).expect("a big fleet has names");
    c.bench_function("desire for one name/300", |b| {
        b.iter(|| {
            let mut desired = Desired::default();
            names.desire_one(black_box(base), &mut desired);
            desired
        });
    });
}

fn plan_without_changes(c: &mut Criterion) {
    let policy = MeshPolicy::default();
    let (everything, now) = (Scope::default(), Timestamp::UNIX_EPOCH);
    let empty = scale::fleet(100, SERVICES, scale::SOURCES);
    let first = plan(&desire(&empty, &policy, now), &empty, &policy, &everything);
    let fleet = apply_model::apply(&empty, &first);
    let desired = desire(&fleet, &policy, now);
    assert!(plan(&desired, &fleet, &policy, &everything).is_empty(), "a written fleet needs no change");
    c.bench_function("plan without changes/100", |b| {
        b.iter(|| plan(black_box(&desired), black_box(&fleet), &policy, &everything));
    });
}

criterion_group! {
    name = planner;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(5));
    targets = desire_from_scratch, desire_one_name, plan_without_changes
}
criterion_main!(planner);
