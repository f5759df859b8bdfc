//! Whatever is read: the corpora of `tests/fuzz`, a folder for each target, and what becomes of them when bytes are changed.
//!
//! `MESH_FUZZ` says how many changed inputs each target gets, `PROPTEST_RNG_SEED` which. What breaks one is shown as Rust writes
//! bytes, made as small as can be: put it into the target's folder with the mending.

mod changed;
mod targets;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use changed::changed;
use targets::{TARGETS, Target};

/// Inputs that each target gets, unless `MESH_FUZZ` says otherwise.
const INPUTS: u32 = 1_000;
/// Which, unless `PROPTEST_RNG_SEED` says otherwise.
const SEED: u64 = 2_026;
/// The largest file of a corpus, in bytes, and the most files of all.
const LARGEST: usize = 4 << 10;
const MOST: usize = 300;

#[test]
fn what_is_kept_of_inputs_breaks_nothing() {
    let mut count = 0;
    for target in &TARGETS {
        for (path, bytes) in corpus(target) {
            count += 1;
            assert!(bytes.len() <= LARGEST, "{} has {} bytes", path.display(), bytes.len());
            (target.take)(&bytes).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        }
    }
    assert!(count <= MOST, "{count} files");
}

#[test]
fn changed_reviews_break_nothing() {
    fuzz("reviews");
}

#[test]
fn changed_manifests_break_nothing() {
    fuzz("manifests");
}

#[test]
fn changed_claims_break_nothing() {
    fuzz("claims");
}

#[test]
fn changed_policies_break_nothing() {
    fuzz("policies");
}

#[test]
fn changed_names_break_nothing() {
    fuzz("names");
}

#[test]
fn changed_kubeconfigs_break_nothing() {
    fuzz("kubeconfigs");
}

#[test]
fn every_folder_is_that_of_a_target() {
    let folders = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let strays: Vec<String> = folders.filter(|name| TARGETS.iter().all(|target| target.name != name)).collect();
    assert!(strays.is_empty(), "{strays:?}");
    assert_eq!(
        TARGETS.map(|target| target.name),
        ["reviews", "manifests", "claims", "policies", "names", "kubeconfigs"]
    );
}

fn fuzz(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let corpus: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, bytes)| bytes).collect();
    let told = |variable| env::var(variable).ok().and_then(|text| text.parse::<u64>().ok());
    let config = Config {
        cases: told("MESH_FUZZ").and_then(|cases| cases.try_into().ok()).unwrap_or(INPUTS),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(told("PROPTEST_RNG_SEED").unwrap_or(SEED)),
        ..Config::default()
    };
    let judged =
        TestRunner::new(config).run(&changed(corpus), |bytes| (target.take)(&bytes.0).map_err(TestCaseError::fail));
    judged.unwrap_or_else(|error| panic!("{name}: {error}"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// What a target is known to take, by path.
fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = root().join(target.name);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}
