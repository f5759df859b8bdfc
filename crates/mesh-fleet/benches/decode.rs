//! How long it takes to read manifests: pages of an API server, a file of a repository. Each holds 500 objects.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mesh_fleet::decode::{ClusterDecoder, Decoded, Interner, Place, Source, yaml_documents};
use mesh_model::policy::MeshPolicy;
use mesh_testkit::{build, manifests};

/// A page of our own lists.
const OBJECTS: usize = 500;

fn decode(c: &mut Criterion) {
    let policy = MeshPolicy::default();
    let mut group = c.benchmark_group("decode");
    for (name, objects) in
        [("Deployments", manifests::deployments(OBJECTS)), ("Services", manifests::services(OBJECTS))]
    {
        let page = manifests::page(objects);
        group.throughput(Throughput::Bytes(page.len() as u64));
        group.bench_function(format!("page of 500 {name}"), |b| {
            b.iter(|| take(&policy, [Source::Answer(black_box(&page))]));
        });
    }
    let objects = [manifests::deployments(OBJECTS / 2), manifests::services(OBJECTS / 2)].concat();
    let file = manifests::file(&manifests::kept(objects));
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("file of 500 Deployments and Services", |b| {
        b.iter(|| take(&policy, yaml_documents(black_box(&file)).iter().map(|document| document.source)));
    });
}

fn take<'a>(policy: &MeshPolicy, documents: impl IntoIterator<Item = Source<'a>>) -> Decoded {
    let version: Arc<str> = "v1".into();
    let mut interner = Interner::default();
    let mut decoder = ClusterDecoder::new(build::cluster_name("c1"), policy, &mut interner);
    for document in documents {
        decoder.take(document, Place { file: "bench", line: 1, version: Some(&version) });
    }
    let read = decoder.finish();
    assert!(read.objects == OBJECTS && read.findings.is_empty(), "everything is read: {:?}", read.findings);
    read
}

criterion_group!(reading, decode);
criterion_main!(reading);
