//! Objects one by one, for those who must be able to take one of them back: what a watch tells of.

use std::borrow::Cow;

use mesh_model::facts::{ClusterFacts, Service, Workload};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Namespace};
use mesh_model::owned::{ObjectKey, OwnedObject};
use mesh_model::policy::MeshPolicy;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::intern::Interner;
use super::objects::Shape;
use super::source::Source;
use super::{ClusterDecoder, Part, Place};

/// What is kept of one object. A fleet has hundreds of thousands of workloads, Services and generated objects, and a
/// [`Part`] for each would be mostly room for other kinds.
#[derive(Debug, Clone)]
pub(crate) enum Slim {
    /// No rule uses anything of it.
    Nothing,
    /// A workload.
    Workload(Box<Workload>),
    /// A Service that is no gateway.
    Service(Namespace, Box<Service>),
    /// A generated object.
    Owned(ObjectKey, Box<OwnedObject>),
    /// Anything else, and what did not read.
    Other(Box<Part>),
}

/// Objects by `namespace/name`.
pub(crate) type Slims = Vec<(Box<str>, Slim)>;

impl Slim {
    /// Reads one object of `kind`.
    pub(crate) fn read(
        kind: Kind,
        text: &str,
        request: &str,
        cluster: &ClusterName,
        policy: &MeshPolicy,
        interner: &mut Interner,
    ) -> Self {
        let mut decoder = ClusterDecoder::new(cluster.clone(), policy, interner);
        let place = Place { file: request, line: 1, version: None };
        decoder.take_known(kind, Source::Answer(text), Shape::One, place, false);
        Self::of(kind, decoder.into_part())
    }

    /// The objects of a page of `kind` by `namespace/name`, where all are plain; else it must be read one by one.
    pub(crate) fn of_page(kind: Kind, part: Part) -> Option<Slims> {
        if !part.is_plain() {
            return None;
        }
        let facts = part.facts;
        let id = |namespace: &Namespace, name: &str| format!("{namespace}/{name}").into_boxed_str();
        Some(match kind {
            _ if is_workload(kind) && runs_nothing_known(&facts) => {
                let all = facts.workloads.into_iter();
                all.map(|one| (id(&one.namespace, &one.name), Self::Workload(Box::new(one)))).collect()
            }
            Kind::Service if facts.gateways.is_empty() => {
                let all = facts.services.into_iter().flat_map(|(namespace, services)| {
                    services.into_iter().map(move |service| (namespace.clone(), service))
                });
                all.map(|(namespace, one)| (id(&namespace, &one.name), Self::Service(namespace, Box::new(one))))
                    .collect()
            }
            Kind::ServiceEntry | Kind::DestinationRule if facts.foreign.is_empty() => {
                let all = facts.owned.into_iter();
                all.map(|(key, one)| (id(&key.namespace, &key.name), Self::Owned(key, Box::new(one)))).collect()
            }
            _ => return None,
        })
    }

    /// The version of a generated object.
    pub(crate) fn version(&self) -> Option<&str> {
        match self {
            Self::Owned(_, object) => Some(&object.version),
            _ => None,
        }
    }

    /// Adds it to the facts of its cluster.
    pub(crate) fn put_into(&self, part: &mut Part) {
        part.objects += 1;
        let facts = &mut part.facts;
        match self {
            Self::Nothing => {}
            Self::Workload(workload) => facts.workloads.push((**workload).clone()),
            Self::Service(namespace, service) => {
                facts.services.entry(namespace.clone()).or_default().push((**service).clone());
            }
            Self::Owned(key, object) => {
                facts.owned.insert(key.clone(), (**object).clone());
            }
            Self::Other(other) => {
                part.objects -= 1;
                part.absorb((**other).clone());
            }
        }
    }

    fn of(kind: Kind, mut part: Part) -> Self {
        if !part.is_plain() {
            return Self::Other(Box::new(part));
        }
        let facts = &mut part.facts;
        match kind {
            _ if is_workload(kind) && runs_nothing_known(facts) => match facts.workloads.pop() {
                None => Self::Nothing,
                Some(workload) => Self::Workload(Box::new(workload)),
            },
            Kind::Service if facts.gateways.is_empty() => {
                let service = facts.services.pop_first();
                match service.and_then(|(namespace, mut services)| Some((namespace, services.pop()?))) {
                    None => Self::Nothing,
                    Some((namespace, service)) => Self::Service(namespace, Box::new(service)),
                }
            }
            Kind::ServiceEntry | Kind::DestinationRule if facts.foreign.is_empty() => match facts.owned.pop_first() {
                None => Self::Nothing,
                Some((key, object)) => Self::Owned(key, Box::new(object)),
            },
            _ => Self::Other(Box::new(part)),
        }
    }
}

/// Whether no Deployment runs something that we know by its labels.
fn runs_nothing_known(facts: &ClusterFacts) -> bool {
    facts.admiral.is_none() && facts.webhook.is_none()
}

fn is_workload(kind: Kind) -> bool {
    use Kind::{CronJob, DaemonSet, Deployment, Job, Rollout, StatefulSet};
    matches!(kind, CronJob | DaemonSet | Deployment | Job | Rollout | StatefulSet)
}

/// A page of a list whose objects are still text.
#[derive(Deserialize)]
pub(crate) struct RawPage<'a> {
    kind: Cow<'a, str>,
    #[serde(default)]
    metadata: RawMetadata,
    #[serde(borrow, deserialize_with = "items")]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMetadata {
    #[serde(default)]
    resource_version: String,
}

/// `null` is an empty list, but no list is none: what is answered by something that is no API server is not empty.
fn items<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<&'de RawValue>>, D::Error> {
    Deserialize::deserialize(deserializer)
}

impl<'a> RawPage<'a> {
    /// Reads a page of `kind`.
    pub(crate) fn read(kind: Kind, text: &'a str) -> Result<Self, String> {
        let problem = || format!("the answer is no list of {}", kind.plural());
        let page: Self = serde_json::from_str(text).map_err(|_| problem())?;
        let is_one = page.kind.strip_suffix("List") == Some(kind.as_str());
        is_one.then_some(page).ok_or_else(problem)
    }

    /// Its objects.
    pub(crate) fn items(&self) -> impl Iterator<Item = &'a str> {
        self.items.iter().flatten().map(|item| item.get())
    }

    /// The version of the list.
    pub(crate) fn version(&self) -> &str {
        &self.metadata.resource_version
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Depth;

    #[test]
    fn what_is_no_page_of_the_kind_is_not_an_empty_one() {
        for text in ["", "<html>", "{}", r#"{"kind":"ServiceList"}"#, r#"{"kind":"PodList","items":[]}"#] {
            assert!(RawPage::read(Kind::Service, text).is_err(), "{text}");
        }
        let text = r#"{"kind":"ServiceList","metadata":{"resourceVersion":"7"},"items":null}"#;
        let page = RawPage::read(Kind::Service, text).unwrap();
        assert_eq!((page.items().count(), page.version()), (0, "7"));
    }

    #[test]
    fn a_page_gives_what_its_objects_give_one_by_one() {
        let service = |name: &str, labels: &str| {
            format!(
                r#"{{"metadata":{{"name":"{name}","namespace":"b","labels":{{{labels}}}}},"spec":{{"selector":{{"app":"{name}"}},"ports":[{{"port":80}}]}}}}"#
            )
        };
        let gateway = r#""app":"istio-eastwestgateway""#;
        for (items, is_plain) in [
            (vec![service("x", ""), service("y", "")], true),
            (vec![service("x", ""), service("g", gateway).replace(r#""b""#, r#""istio-system""#)], false),
            (vec![service("x", ""), r#"{"metadata":{"name":"broken","namespace":"b"},"spec":7}"#.to_owned()], false),
        ] {
            let text = format!(
                r#"{{"kind":"ServiceList","metadata":{{"resourceVersion":"7"}},"items":[{}]}}"#,
                items.join(",")
            );
            let (cluster, policy) = (ClusterName::parse("c1").unwrap(), MeshPolicy::default());
            let interner = &mut Interner::default();
            let (part, end) =
                Part::of_page(Kind::Service, &text, "x", &cluster, (&policy, Depth::Plan), interner).unwrap();
            assert_eq!((end.next, &*end.version), (None, "7"));
            let whole = Slim::of_page(Kind::Service, part);
            assert_eq!(whole.is_some(), is_plain, "{items:?}");
            let page = RawPage::read(Kind::Service, &text).unwrap();
            let single = page.items().map(|item| Slim::read(Kind::Service, item, "x", &cluster, &policy, interner));
            let single: Vec<String> = single.map(|slim| format!("{slim:?}")).collect();
            assert_eq!(single.len(), items.len());
            for (id, slim) in whole.into_iter().flatten() {
                assert!(id.starts_with("b/") && single.contains(&format!("{slim:?}")), "{id}: {slim:?}");
            }
        }
    }

    #[test]
    fn an_object_that_does_not_read_makes_its_kind_unseen() {
        let cluster = ClusterName::parse("c1").unwrap();
        let read = |text: &str| {
            let slim = Slim::read(Kind::Service, text, "x", &cluster, &MeshPolicy::default(), &mut Interner::default());
            let mut part = Part::default();
            slim.put_into(&mut part);
            (part.facts.unseen.len(), part.facts.services.len(), part.objects)
        };
        assert_eq!(read(r#"{"metadata":{"name":"a","namespace":"b"},"spec":{"ports":[{"port":80}]}}"#), (0, 1, 1));
        assert_eq!(read(r#"{"metadata":{"name":"a","namespace":"b"},"spec":7}"#), (1, 0, 1));
    }
}
