//! The workload that a pod is named after.
//!
//! Controllers name pods by rule: a Deployment's `name-<template hash>-<5>`, a StatefulSet's `name-<ordinal>`, a
//! DaemonSet's and a Job's `name-<5>`, a CronJob's `name-<minutes>-<5>`. Random parts come from an alphabet without vowels
//! (`k8s.io/apimachinery/pkg/util/rand`); anything with a digit is taken as well, so that a made-up example is found.

use mesh_model::kind::Kind;

/// Longest generated name, in bytes (`k8s.io/apiserver/pkg/storage/names`); the base is cut so that the suffix fits.
const MAX_GENERATED: usize = 63;
/// Length of the random suffix.
const SUFFIX: usize = 5;
/// Kubernetes' alphabet for random parts.
const ALPHABET: &str = "bcdfghjklmnpqrstvwxz2456789";

/// Whether `pod` is named as a pod of workload `name` would be.
pub(super) fn is_pod_of(pod: &str, name: &str, kind: Option<Kind>) -> bool {
    match kind {
        Some(Kind::StatefulSet) => rest_of(pod, name).is_some_and(is_number),
        Some(Kind::DaemonSet | Kind::Job) => rest_of(pod, name).is_some_and(is_suffix) || is_cut(pod, name),
        Some(Kind::CronJob) => {
            let parts = rest_of(pod, name).and_then(|rest| rest.split_once('-'));
            parts.is_some_and(|(minutes, suffix)| is_number(minutes) && is_suffix(suffix)) || is_cut(pod, name)
        }
        _ => {
            let parts = rest_of(pod, name).and_then(|rest| rest.split_once('-'));
            parts.is_some_and(|(hash, suffix)| is_hash(hash) && is_suffix(suffix)) || is_cut(pod, name)
        }
    }
}

fn rest_of<'p>(pod: &'p str, name: &str) -> Option<&'p str> {
    pod.strip_prefix(name)?.strip_prefix('-')
}

/// Whether `pod` is as long as names get and its base is the beginning of what the name's pods have.
fn is_cut(pod: &str, name: &str) -> bool {
    if pod.len() != MAX_GENERATED || !pod.is_ascii() || !is_suffix(&pod[MAX_GENERATED - SUFFIX..]) {
        return false;
    }
    let base = &pod[..MAX_GENERATED - SUFFIX];
    name.starts_with(base) || base.strip_prefix(name).is_some_and(|rest| rest.strip_prefix('-').is_some_and(is_random))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_suffix(text: &str) -> bool {
    text.len() == SUFFIX && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn is_hash(text: &str) -> bool {
    (6..=10).contains(&text.len()) && is_random(text)
}

fn is_random(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && (text.chars().all(|c| ALPHABET.contains(c)) || text.bytes().any(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_named_after_their_workload() {
        let long = "a-service-with-a-name-that-is-much-longer-than-pods-can-have";
        let cut = format!("{}x2x4z", &long[..58]);
        for (pod, name, kind, want) in [
            ("checkout-7d9f8b6c5-x2x4z", "checkout", Kind::Deployment, true),
            ("checkout-7d9f8b6c5-x2x4z", "check", Kind::Deployment, false),
            ("checkout-7d9f8b6c5-x2x4z", "checkout", Kind::StatefulSet, false),
            ("checkout-payments-proxy", "checkout", Kind::Deployment, false),
            ("checkout-v2-7d9f8b6c5-x2x4z", "checkout", Kind::Deployment, false),
            ("checkout-v2-7d9f8b6c5-x2x4z", "checkout-v2", Kind::Deployment, true),
            ("ledger-0", "ledger", Kind::StatefulSet, true),
            ("ledger-12", "ledger", Kind::StatefulSet, true),
            ("ledger-x", "ledger", Kind::StatefulSet, false),
            ("ledger-0", "ledger", Kind::Deployment, false),
            ("agent-x2x4z", "agent", Kind::DaemonSet, true),
            ("agent-x2x4", "agent", Kind::DaemonSet, false),
            ("nightly-28391045-x2x4z", "nightly", Kind::CronJob, true),
            ("nightly-abc-x2x4z", "nightly", Kind::CronJob, false),
            ("checkout", "checkout", Kind::Deployment, false),
            (cut.as_str(), long, Kind::Deployment, true),
            ("é-7d9f8b6c5-x2x4z", "é", Kind::Deployment, true),
        ] {
            assert_eq!(is_pod_of(pod, name, Some(kind)), want, "{pod} of {kind} {name}");
        }
    }
}
