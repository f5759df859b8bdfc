//! Whether the meshes of a fleet trust each other: roots, trust domains, server identities.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mesh_model::finding::{Code, Severity};
use mesh_model::mesh::{Certificate, MeshSettings};
use mesh_model::name::ClusterName;

use super::mesh::Mesh;
use super::problem::Problem;
use crate::desire::site::Site;
use crate::limits::{ROOT_ENDS_SOON, ROOT_ENDS_VERY_SOON};

/// Fingerprints of the roots of a cluster.
type Roots<'a> = BTreeSet<&'a str>;

/// What is wrong with the roots of a fleet.
pub(crate) fn roots(meshes: &BTreeMap<&ClusterName, Mesh<'_>>, now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut by_cluster: BTreeMap<&ClusterName, Roots<'_>> = BTreeMap::new();
    for (cluster, mesh) in meshes {
        problems.extend(bundles_of(mesh));
        let known = roots_of(mesh);
        if !known.is_empty() {
            problems.extend(known.values().filter_map(|root| ends(cluster, root, now)));
            by_cluster.insert(cluster, known.keys().copied().collect());
        }
    }
    let Some(usual) = usual(by_cluster.values()) else { return problems };
    let is_usual = |roots: &Roots<'_>| *roots == usual;
    let example = by_cluster.iter().find(|(_, roots)| is_usual(roots)).map(|(cluster, _)| *cluster);
    let Some(example) = example else { return problems };
    for (cluster, roots) in by_cluster.iter().filter(|(_, roots)| !is_usual(roots)) {
        let have =
            |roots: &Roots<'_>| roots.iter().map(|root| root.get(..16).unwrap_or(root)).collect::<Vec<_>>().join(", ");
        let (code, consequence) = if roots.is_disjoint(&usual) {
            (Code::DifferentRoots, "calls between it and the others fail: 503 UF CERTIFICATE_VERIFY_FAILED")
        } else {
            (Code::RootsDiffer, "calls work as long as both sides have the root in use")
        };
        let others = match by_cluster.values().filter(|roots| is_usual(roots)).count() {
            1 => example.to_string(),
            count => format!("{example} and {} more", count - 1),
        };
        let what = format!("its roots are {}, those of {others} are {}; {consequence}", have(roots), have(&usual));
        problems.push(Problem::new(code, Some(cluster), cluster.to_string(), what));
    }
    problems
}

/// The roots of a cluster, by fingerprint.
pub(crate) fn roots_of<'a>(mesh: &Mesh<'a>) -> BTreeMap<&'a str, &'a Certificate> {
    let bundles = mesh.facts.mesh.bundles.values();
    bundles.flat_map(|bundle| &bundle.roots).map(|root| (&*root.fingerprint, &**root)).collect()
}

/// The roots that most clusters have; of equally many, the smallest.
fn usual<'r, 'a: 'r>(all: impl Iterator<Item = &'r Roots<'a>>) -> Option<Roots<'a>> {
    let mut counts: BTreeMap<&Roots<'a>, usize> = BTreeMap::new();
    for roots in all {
        *counts.entry(roots).or_default() += 1;
    }
    // The first of equals: `max_by_key` takes the last, so the order is reversed.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(roots, _)| roots.clone())
}

/// Bundles of a cluster that differ, or do not read.
fn bundles_of(mesh: &Mesh<'_>) -> Vec<Problem> {
    let bundles = &mesh.facts.mesh.bundles;
    let place = |namespace: &str| format!("ConfigMap {namespace}/istio-ca-root-cert");
    let mut problems = Vec::new();
    let mut kinds: BTreeMap<Vec<&str>, (&str, usize)> = BTreeMap::new();
    for (namespace, bundle) in bundles {
        if let Some(why) = &bundle.problem {
            problems.push(Problem::new(Code::BadRoots, Some(mesh.cluster), place(namespace), format!("it {why}")));
        }
        let roots = bundle.roots.iter().map(|root| &*root.fingerprint).collect();
        kinds.entry(roots).or_insert((namespace, 0)).1 += 1;
    }
    let Some(most) = kinds.values().map(|(_, count)| *count).max() else { return problems };
    let Some((usual, _)) = kinds.values().find(|(_, count)| *count == most).copied() else { return problems };
    for (namespace, count) in kinds.values().filter(|(namespace, _)| *namespace != usual) {
        let others = if *count > 1 { format!(" (and {} further namespaces)", count - 1) } else { String::new() };
        let what = format!("its roots{others} are not those of {usual}: pods of one cluster trust different clusters");
        problems.push(Problem::new(Code::RootsDiffer, Some(mesh.cluster), place(namespace), what));
    }
    problems
}

/// That a root has ended, or ends soon.
fn ends(cluster: &ClusterName, root: &Certificate, now: Timestamp) -> Option<Problem> {
    let left = root.not_after.duration_since(now);
    if left > ROOT_ENDS_SOON {
        return None;
    }
    let (severity, when) = if left <= SignedDuration::ZERO {
        (Severity::Error, "has ended: no connection comes about, 503 UF".to_owned())
    } else if left <= ROOT_ENDS_VERY_SOON {
        (Severity::Error, format!("ends in {} days", left.as_hours() / 24))
    } else {
        (Severity::Warning, format!("ends in {} days", left.as_hours() / 24))
    };
    let what = format!("its root {:?} {when}, on {}", root.subject, root.not_after);
    Some(Problem::new(Code::RootExpires, Some(cluster), cluster.to_string(), what).with_severity(severity))
}

/// Trust domains that are not as the policy says, or that a server's cluster does not accept.
pub(crate) fn trust_domains(
    meshes: &BTreeMap<&ClusterName, Mesh<'_>>,
    sites: &BTreeMap<&ClusterName, Site<'_>>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let settings: BTreeMap<&ClusterName, &MeshSettings> =
        meshes.iter().filter_map(|(cluster, mesh)| Some((*cluster, mesh.facts.mesh.settings.as_ref()?))).collect();
    let domains: BTreeSet<&Arc<str>> = settings.values().map(|settings| &settings.trust_domain).collect();
    for (cluster, settings) in &settings {
        let problem = |what| Problem::new(Code::TrustDomain, Some(cluster), cluster.to_string(), what);
        let expected = &sites[*cluster].trust_domain;
        let real = &settings.trust_domain;
        if expected != real {
            problems.push(problem(format!("its mesh has trust domain {real:?}, and the policy says {expected:?}")));
        }
        let strange: Vec<&str> = domains
            .iter()
            .filter(|domain| **domain != real && !settings.other_trust_domains.contains(domain))
            .map(|domain| &***domain)
            .collect();
        if !strange.is_empty() {
            let what = format!("its mesh does not accept trust domain {}, of other clusters", strange.join(", "));
            problems.push(problem(what).with_severity(Severity::Warning));
        }
    }
    problems
}
