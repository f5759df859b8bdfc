//! How the control planes of a fleet are set up.

use std::collections::BTreeMap;

use mesh_model::finding::Code;
use mesh_model::name::ClusterName;

use super::mesh::Mesh;
use super::problem::Problem;
use crate::desire::site::{Gateway, Site};
use crate::limits::MAX_VERSION_SKEW;

/// Istiods that are too far apart.
pub(crate) fn versions(meshes: &BTreeMap<&ClusterName, Mesh<'_>>) -> Vec<Problem> {
    let all = meshes.values().flat_map(|mesh| {
        let planes = mesh.facts.mesh.control_planes.iter();
        planes.filter_map(|plane| Some((plane.version?, mesh.cluster, plane)))
    });
    let all: Vec<_> = all.collect();
    let Some((newest, newest_in, _)) = all.iter().max_by_key(|(version, ..)| *version) else { return Vec::new() };
    let old = all.iter().filter(|((major, minor), ..)| *major != newest.0 || minor + MAX_VERSION_SKEW < newest.1);
    old.map(|((major, minor), cluster, plane)| {
        let what = format!(
            "it is of version {major}.{minor}, and {newest_in} has {}.{}: more than {MAX_VERSION_SKEW} minor versions apart",
            newest.0, newest.1
        );
        let place = format!("Deployment {}/{}", plane.namespace, plane.name);
        Problem::new(Code::VersionSkew, Some(cluster), place, what)
    })
    .collect()
}

/// Clusters that share a network: a gateway that asks for the endpoints of its own network is told of the other's gateway, too.
pub(crate) fn networks(sites: &BTreeMap<&ClusterName, Site<'_>>) -> Vec<Problem> {
    let mut by_network: BTreeMap<&str, Vec<&ClusterName>> = BTreeMap::new();
    for (cluster, site) in sites.iter().filter(|(_, site)| site.facts.is_some() && site.gateway != Gateway::None) {
        by_network.entry(&site.network).or_default().push(cluster);
    }
    let shared = by_network.into_iter().filter(|(_, clusters)| clusters.len() > 1);
    shared
        .flat_map(|(network, clusters)| {
            let first = clusters[0];
            clusters.into_iter().skip(1).map(move |cluster| {
                let what = format!(
                    "its network is {network:?}, as that of {first}: their gateways hand on to each other what is meant for one"
                );
                Problem::new(Code::OneNetwork, Some(cluster), cluster.to_string(), what)
            })
        })
        .collect()
}

/// That agents do not answer DNS, where clients of global names run.
pub(crate) fn dns_capture(mesh: &Mesh<'_>) -> Option<Problem> {
    let settings = mesh.facts.mesh.settings.as_ref()?;
    (!settings.dns_capture).then(|| {
        let what = "agents do not answer DNS: global names resolve only where something else answers".to_owned();
        Problem::new(Code::NoDnsCapture, Some(mesh.cluster), "ConfigMap istio", what)
    })
}
