//! CustomResourceDefinitions, as YAML files.

use std::fs;

use http::Method;
use serde_json::Value;

use super::api_server::ApiServer;
use super::limits::IN_FORCE;
use super::until;
use crate::programs;

/// The file of Istio's, which `cargo xtask servers` takes from Istio's own module.
pub(super) const ISTIO: &str = "istio-crds.yaml";

/// A family of CRDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crds {
    /// `admiral.io/v1alpha1`: the kinds that Admiral reads.
    Admiral,
    /// `kubectl-mesh.io/v1alpha1`: GlobalName and GlobalNameSet.
    Claims,
    /// `multicluster.x-k8s.io/v1alpha1`: ClusterProfile.
    ClusterProfiles,
    /// All of Istio's.
    Istio,
    /// `argoproj.io/v1alpha1`: Rollout.
    Rollouts,
}

impl Crds {
    /// Every family.
    pub const ALL: [Self; 5] = [Self::Admiral, Self::Claims, Self::ClusterProfiles, Self::Istio, Self::Rollouts];

    fn text(self) -> String {
        match self {
            Self::Admiral => include_str!("../../../../charts/kubectl-mesh/files/crds/admiral.yaml").to_owned(),
            Self::Claims => include_str!("../../../../charts/kubectl-mesh/files/crds/claims.yaml").to_owned(),
            Self::ClusterProfiles => include_str!("../../crds/cluster-profiles.yaml").to_owned(),
            Self::Istio => {
                let path = programs::find(ISTIO).expect("no server starts without it");
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
            }
            Self::Rollouts => include_str!("../../crds/rollouts.yaml").to_owned(),
        }
    }
}

impl ApiServer {
    /// Installs CRDs, unless they are there already, and waits until their kinds are served.
    pub fn install_crds(&self, crds: &[Crds]) {
        let texts: Vec<String> = crds.iter().map(|crds| crds.text()).collect();
        let documents = texts.iter().flat_map(|text| text.split("\n---")).filter(|text| text.contains("\nkind:"));
        let crds: Vec<Value> = documents.map(|document| self.create_crd(document)).collect();
        for crd in &crds {
            for path in served_paths(crd) {
                let served = until(IN_FORCE, || self.get(&format!("{path}?limit=1")).0 == 200);
                assert!(served, "{}: {path} is not served", self.name());
            }
        }
    }

    /// The CRD as it was created, or as it was there.
    fn create_crd(&self, document: &str) -> Value {
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let create = format!("{path}?fieldValidation=Strict");
        match self.send(&Method::POST, &create, "application/yaml", document.to_owned()) {
            (201, crd) => crd,
            (409, status) => self.get(&format!("{path}/{}", status["details"]["name"].as_str().unwrap_or_default())).1,
            (status, answer) => panic!("{}: {status}: {}\n{document}", self.name(), answer["message"]),
        }
    }
}

/// The collection of each version that it serves.
fn served_paths(crd: &Value) -> Vec<String> {
    let spec = &crd["spec"];
    let text = |value: &Value| value.as_str().expect("a CRD that was accepted is whole").to_owned();
    let versions = spec["versions"].as_array().expect("a CRD has versions");
    let served = versions.iter().filter(|version| version["served"] == true);
    served
        .map(|version| {
            format!("/apis/{}/{}/{}", text(&spec["group"]), text(&version["name"]), text(&spec["names"]["plural"]))
        })
        .collect()
}
