//! Three fixed inputs for callgrind, which counts the instructions inside [`measured`]: `cargo xtask bench instructions`.
//! Run with the name of an input, this program does that work once.

use std::hint::black_box;
use std::sync::Arc;

use jiff::Timestamp;
use mesh_fleet::decode::{ClusterDecoder, Interner, Place, Source};
use mesh_model::policy::MeshPolicy;
use mesh_plan::apply_model;
use mesh_plan::desire::desire;
use mesh_plan::plan::plan;
use mesh_plan::scope::Scope;
use mesh_testkit::{build, manifests, scale};

const MEMBERS: usize = 20;
const SERVICES: usize = 2_000;

fn main() {
    let (policy, everything, now) = (MeshPolicy::default(), Scope::default(), Timestamp::UNIX_EPOCH);
    match std::env::args().nth(1).as_deref() {
        Some("decode") => {
            let page = manifests::page(manifests::deployments(500));
            let version: Arc<str> = "v1".into();
            let mut interner = Interner::default();
            let mut decoder = ClusterDecoder::new(build::cluster_name("c1"), &policy, &mut interner);
            measured(&mut || {
                decoder.take(Source::Answer(&page), Place { file: "page", line: 1, version: Some(&version) });
            });
            assert_eq!(decoder.finish().facts.workloads.len(), 500, "everything is read");
        }
        Some("desire") => {
            let fleet = scale::fleet(MEMBERS, SERVICES, scale::SOURCES);
            measured(&mut || drop(black_box(desire(&fleet, &policy, now))));
        }
        Some("plan") => {
            let empty = scale::fleet(MEMBERS, SERVICES, scale::SOURCES);
            let first = plan(&desire(&empty, &policy, now), &empty, &policy, &everything);
            let fleet = apply_model::apply(&empty, &first);
            let desired = desire(&fleet, &policy, now);
            measured(&mut || assert!(plan(&desired, &fleet, &policy, &everything).is_empty(), "nothing is to do"));
        }
        // `cargo bench` runs every bench, and this one only makes sense under callgrind.
        _ => {}
    }
}

/// What is counted: everything that happens inside this function.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
}
