//! What an API server serves. Only its own word counts: a proxy's "404" is not the absence of a kind.

use std::collections::BTreeMap;

use mesh_model::kind::Kind;
use serde::Deserialize;

use super::rest::{Rest, RestError};

/// The group and version under which each kind is served; kinds that are not served are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Served(BTreeMap<Kind, String>);

/// Groups and versions in one answer (KEP-3352), else the list of groups only.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// Versions that are understood, the one that is preferred first.
const ISTIO_VERSIONS: [&str; 2] = ["v1", "v1beta1"];
const ONLY_V1: [&str; 1] = ["v1"];
const ONLY_ALPHA: [&str; 1] = ["v1alpha1"];

impl Served {
    /// Asks. Kinds of Kubernetes itself are always served.
    pub(crate) async fn ask(rest: &Rest) -> Result<Self, RestError> {
        let text = rest.read_as("/apis", AGGREGATED).await?;
        let strange = || RestError::Strange("something else than API groups".to_owned());
        let answer: Answer = serde_json::from_str(&text).map_err(|_| strange())?;
        let mut served = Self::default();
        for kind in Kind::ALL.into_iter().filter(|kind| !is_optional(*kind)) {
            served.0.insert(kind, path_of(kind.group(), "v1"));
        }
        match answer {
            Answer::Aggregated { kind, items } if kind == "APIGroupDiscoveryList" => {
                for group in &items {
                    for kind in of_group(&group.metadata.name) {
                        let version = versions(kind).iter().find(|wanted| {
                            group.versions.iter().any(|version| {
                                version.version == **wanted
                                    && version.resources.iter().any(|resource| resource.resource == kind.plural())
                            })
                        });
                        if let Some(version) = version {
                            served.0.insert(kind, path_of(kind.group(), version));
                        }
                    }
                }
            }
            Answer::Plain { kind, groups } if kind == "APIGroupList" => {
                for group in &groups {
                    served.take_group(rest, group).await?;
                }
            }
            _ => return Err(strange()),
        }
        Ok(served)
    }

    /// Where lists of the kind are: `/apis/apps/v1`; none when it is not served.
    pub(crate) fn path(&self, kind: Kind) -> Option<&str> {
        self.0.get(&kind).map(String::as_str)
    }

    /// The kinds that a cluster may lack and this one has.
    pub(crate) fn optional_kinds(&self) -> impl Iterator<Item = Kind> {
        self.0.keys().copied().filter(|kind| is_optional(*kind))
    }

    /// Whether claims can be written.
    pub(crate) fn has_claims(&self) -> bool {
        [Kind::GlobalName, Kind::GlobalNameSet].iter().all(|kind| self.0.contains_key(kind))
    }

    /// An older server: one question more a version.
    async fn take_group(&mut self, rest: &Rest, group: &PlainGroup) -> Result<(), RestError> {
        let kinds: Vec<Kind> = of_group(&group.name).collect();
        let Some(first) = kinds.first() else { return Ok(()) };
        for wanted in versions(*first) {
            if !group.versions.iter().any(|version| version.version == *wanted) {
                continue;
            }
            let text = rest.read(&path_of(&group.name, wanted)).await?;
            let list: ResourceList = serde_json::from_str(&text)
                .map_err(|_| RestError::Strange("something else than API resources".to_owned()))?;
            for kind in &kinds {
                if list.resources.iter().any(|resource| resource.name == kind.plural()) {
                    self.0.entry(*kind).or_insert_with(|| path_of(&group.name, wanted));
                }
            }
        }
        Ok(())
    }
}

/// Whether a cluster may do without the kind: it comes with a CRD.
pub(crate) fn is_optional(kind: Kind) -> bool {
    !matches!(kind.group(), "" | "apps" | "batch")
}

fn of_group(group: &str) -> impl Iterator<Item = Kind> {
    Kind::ALL.into_iter().filter(move |kind| is_optional(*kind) && kind.group() == group)
}

fn versions(kind: Kind) -> &'static [&'static str] {
    match kind.group() {
        "networking.istio.io" | "security.istio.io" => &ISTIO_VERSIONS,
        "" | "apps" | "batch" => &ONLY_V1,
        _ => &ONLY_ALPHA,
    }
}

fn path_of(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Aggregated { kind: String, items: Vec<Group> },
    Plain { kind: String, groups: Vec<PlainGroup> },
}

#[derive(Deserialize)]
struct Group {
    metadata: GroupMetadata,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct GroupMetadata {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    resource: String,
}

#[derive(Deserialize)]
struct PlainGroup {
    name: String,
    #[serde(default)]
    versions: Vec<PlainVersion>,
}

#[derive(Deserialize)]
struct PlainVersion {
    version: String,
}

#[derive(Deserialize)]
struct ResourceList {
    resources: Vec<PlainResource>,
}

#[derive(Deserialize)]
struct PlainResource {
    name: String,
}
