//! What one object costs in memory once it is read. A program of its own, since it replaces the allocator by one that
//! counts.
#![expect(clippy::print_stdout, reason = "`--nocapture` shows the figure for docs/performance.md")]

use std::sync::Arc;

use mesh_fleet::decode::{ClusterDecoder, Interner, Place, Source};
use mesh_model::facts::ClusterFacts;
use mesh_model::policy::MeshPolicy;
use mesh_testkit::{build, manifests};

/// The promise of docs/performance.md: bytes held for each Service or workload, names and labels included.
const MOST_BYTES: usize = 400;
/// Deployments, and as many Services.
const OBJECTS: usize = 1_000;
/// Objects in a page of an API server.
const PAGE: usize = 500;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

#[test]
fn a_service_or_workload_is_held_in_400_bytes() {
    let lists = [manifests::deployments(OBJECTS), manifests::services(OBJECTS)];
    let pages: Vec<String> =
        lists.iter().flat_map(|list| list.chunks(PAGE)).map(|page| manifests::page(page.to_vec())).collect();
    let policy = MeshPolicy::default();

    // Not earlier: every allocation is slow from here on.
    let _counting = dhat::Profiler::builder().testing().build();
    let before = dhat::HeapStats::get().curr_bytes;
    let facts = read(&policy, &pages);
    let held = dhat::HeapStats::get().curr_bytes - before;

    let services: usize = facts.services.values().map(Vec::len).sum();
    assert_eq!((facts.workloads.len(), services), (OBJECTS, OBJECTS), "everything is read");
    let each = held / (2 * OBJECTS);
    println!("{each} bytes held for each Service or workload");
    assert!(each <= MOST_BYTES, "{each} bytes are held for each Service or workload, {MOST_BYTES} are promised");
}

fn read(policy: &MeshPolicy, pages: &[String]) -> ClusterFacts {
    let version: Arc<str> = "v1".into();
    let mut interner = Interner::default();
    let mut decoder = ClusterDecoder::new(build::cluster_name("c1"), policy, &mut interner);
    for page in pages {
        decoder.take(Source::Answer(page), Place { file: "page", line: 1, version: Some(&version) });
    }
    decoder.finish().facts
}
