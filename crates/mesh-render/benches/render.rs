//! How long it takes to print what a person reads.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use mesh_model::policy::MeshPolicy;
use mesh_plan::desire::desire;
use mesh_plan::plan::plan;
use mesh_plan::scope::Scope;
use mesh_render::plan::Detail;
use mesh_render::style::Styling;
use mesh_render::table::Table;
use mesh_testkit::scale;

/// What `whereis` and `status` print of a big fleet.
const ROWS: usize = 5_000;

fn table(c: &mut Criterion) {
    c.bench_function("table/5000 rows", |b| {
        b.iter(|| {
            let mut table = Table::new(&["CLUSTER", "NAMESPACE", "WORKLOAD", "SERVICE", "READY", "REGION", "GATEWAY"]);
            for row in 0..black_box(ROWS) {
                let (cluster, workload) = (format!("cluster-{:03}", row % 300), format!("inventory-service-{row:05}"));
                let gateway = format!("gw-{:03}.example.com:15443", row % 300);
                table.row(None, [&*cluster, "team-07", &*workload, "inventory:80", "3/3", "us-west-2", &*gateway]);
            }
            table.render(Styling::PLAIN)
        });
    });
}

fn whole_plan(c: &mut Criterion) {
    let policy = MeshPolicy::default();
    let fleet = scale::fleet(10, 2_000, scale::SOURCES);
    let desired = desire(&fleet, &policy, Timestamp::UNIX_EPOCH);
    let plan = plan(&desired, &fleet, &policy, &Scope::default());
    let name = format!("plan/{} steps", plan.steps.len());
    c.bench_function(&name, |b| {
        b.iter(|| mesh_render::plan::render(black_box(&plan), &[], Detail::Full, Styling::PLAIN));
    });
}

criterion_group!(printing, table, whole_plan);
criterion_main!(printing);
