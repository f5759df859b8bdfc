//! Objects in reviews, as far as anything is decided by them. What is read must have the right type: what does not read is
//! never passed over.

pub(crate) mod quick;

use std::fmt;
use std::marker::PhantomData;

use mesh_json::{Part, Text};
use mesh_model::naming::Meta;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A map, such as labels: it has so few keys, and they are looked up so seldom, that they are kept as they come.
#[derive(Debug)]
pub(crate) struct Pairs<'a, V = Text<'a>>(Vec<(Text<'a>, V)>);

impl<V> Default for Pairs<'_, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> Pairs<'_, V> {
    /// The value of a key: the last one, if it is there twice.
    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        self.0.iter().rev().find(|(known, _)| **known == *key).map(|(_, value)| value)
    }
}

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for Pairs<'a, V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Collected<'a, V>(PhantomData<Pairs<'a, V>>);

        impl<'de: 'a, 'a, V: Deserialize<'de>> Visitor<'de> for Collected<'a, V> {
            type Value = Pairs<'a, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'a, V>, A::Error> {
                let mut pairs = Vec::with_capacity(8);
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        from.deserialize_map(Collected(PhantomData))
    }
}

/// What must be a map: serde takes a list for a struct as well, and passes over what is not there.
#[derive(Debug, Default)]
struct Map<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Map<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        from.deserialize_map(Read(PhantomData)).map(Self)
    }
}

/// Metadata of an object or of a pod template.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Metadata<'a> {
    #[serde(borrow)]
    pub(crate) labels: Option<Pairs<'a>>,
    #[serde(borrow)]
    pub(crate) annotations: Option<Pairs<'a>>,
}

impl Metadata<'_> {
    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.labels.as_ref()?.get(key).map(|value| &**value)
    }

    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(|value| &**value)
    }
}

/// Does something with the look-ups of metadata; where there is none they find nothing.
pub(crate) fn with_meta<'m, R>(metadata: Option<&'m Metadata<'_>>, work: impl FnOnce(&Meta<'_, 'm>) -> R) -> R {
    let label = |key: &str| metadata.and_then(|metadata| metadata.label(key));
    let annotation = |key: &str| metadata.and_then(|metadata| metadata.annotation(key));
    work(&Meta { label: &label, annotation: &annotation })
}

/// The object of a review.
#[derive(Debug)]
pub(crate) enum Reviewed<'a> {
    /// A workload.
    Workload(WorkloadObject<'a>),
    /// A workload that does not read, and why.
    Unreadable(String),
    /// Of another kind, as it came.
    Other(Part<'a>),
}

impl<'a> Reviewed<'a> {
    /// An object as it came.
    pub(crate) fn read(text: Part<'a>, is_workload: bool) -> Self {
        if !is_workload {
            return Self::Other(text);
        }
        serde_json::from_str(text.get()).map_or_else(|error| Self::Unreadable(error.to_string()), Self::Workload)
    }

    /// The workload that it is; an error says what does not read.
    pub(crate) fn workload(&self) -> Result<&WorkloadObject<'a>, String> {
        match self {
            Self::Workload(workload) => Ok(workload),
            Self::Unreadable(why) => Err(why.clone()),
            Self::Other(_) => Err("it is no workload".to_owned()),
        }
    }

    /// The object of another kind that it is; an error says what does not read.
    pub(crate) fn object(&self) -> Result<Object<'a>, String> {
        let Self::Other(text) = self else { return Err("it is a workload".to_owned()) };
        let Parts { metadata, spec } = read(*text)?;
        Ok(Object { metadata: metadata.map(|Map(metadata)| metadata), spec })
    }
}

/// Any object, in one pass over it.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Parts<'a, T> {
    #[serde(borrow, default)]
    metadata: Option<Map<Metadata<'a>>>,
    #[serde(default = "Option::default")]
    spec: Option<T>,
}

/// `spec` of a workload.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WorkloadSpec<'a> {
    #[serde(borrow)]
    template: Option<Template<'a>>,
    #[serde(borrow, rename = "jobTemplate")]
    job_template: Option<Map<JobTemplate<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct JobTemplate<'a> {
    #[serde(borrow)]
    spec: Option<Map<JobSpec<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct JobSpec<'a> {
    #[serde(borrow)]
    template: Option<Template<'a>>,
}

/// `spec` of a pod template, as far as it says who its pods are.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodSpec {
    service_account_name: Option<String>,
    /// The old name of the same field.
    service_account: Option<String>,
}

/// The account of pods that name none.
const DEFAULT_ACCOUNT: &str = "default";

/// Any object.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    pub(crate) metadata: Option<Metadata<'a>>,
    pub(crate) spec: Option<Part<'a>>,
}

/// A workload.
#[derive(Debug, Deserialize)]
#[serde(from = "Map<Parts<'a, Map<WorkloadSpec<'a>>>>", bound = "'de: 'a")]
pub(crate) struct WorkloadObject<'a> {
    pub(crate) metadata: Option<Metadata<'a>>,
    pub(crate) template: Option<Template<'a>>,
    /// Where the template is, from the object.
    pub(crate) template_at: &'static [&'static str],
}

/// A pod template.
#[derive(Debug)]
pub(crate) struct Template<'a> {
    metadata: Option<Metadata<'a>>,
    /// All of it, as it came.
    parts: Pairs<'a, Part<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Template<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Template<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Template<'de>, A::Error> {
                let (mut metadata, mut parts) = (None, Vec::with_capacity(2));
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    let part: Part<'de> = map.next_value()?;
                    if *key == *"metadata" {
                        let read: Option<Map<Metadata<'de>>> =
                            serde_json::from_str(part.get()).map_err(A::Error::custom)?;
                        metadata = read.map(|Map(metadata)| metadata);
                    }
                    parts.push((key, part));
                }
                Ok(Template { metadata, parts: Pairs(parts) })
            }
        }

        from.deserialize_map(Read)
    }
}

/// Where pod templates are.
const IN_SPEC: &[&str] = &["spec", "template"];
const IN_JOB: &[&str] = &["spec", "jobTemplate", "spec", "template"];

impl<'a> From<Map<Parts<'a, Map<WorkloadSpec<'a>>>>> for WorkloadObject<'a> {
    fn from(Map(Parts { metadata, spec }): Map<Parts<'a, Map<WorkloadSpec<'a>>>>) -> Self {
        let Map(WorkloadSpec { template, job_template }) = spec.unwrap_or_default();
        let (template, template_at) = match job_template {
            Some(Map(job)) => (job.spec.and_then(|Map(spec)| spec.template), IN_JOB),
            None => (template, IN_SPEC),
        };
        Self { metadata: metadata.map(|Map(metadata)| metadata), template, template_at }
    }
}

impl WorkloadObject<'_> {
    /// Metadata of its pod template.
    pub(crate) fn template_metadata(&self) -> Option<&Metadata<'_>> {
        self.template.as_ref()?.metadata.as_ref()
    }

    /// The service account of its pods; none where that does not read.
    pub(crate) fn service_account(&self) -> Option<String> {
        let spec: Option<Map<PodSpec>> =
            self.template.as_ref()?.parts.get("spec").map(|spec| spec.read()).transpose().ok()?.flatten();
        let Map(spec) = spec.unwrap_or_default();
        let named = [spec.service_account_name, spec.service_account].into_iter().flatten();
        Some(named.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned()))
    }

    /// Whether its pods are made from another template than `old`'s: a deploy.
    pub(crate) fn is_deploy_over(&self, old: &Self) -> bool {
        match (&self.template, &old.template) {
            (Some(Template { parts: now, .. }), Some(Template { parts: old, .. })) => {
                let are_same = now.0.iter().all(|(key, part)| is_same(Some(*part), old.get(key).copied()));
                now.0.len() != old.0.len() || !are_same
            }
            (now, old) => now.is_some() != old.is_some(),
        }
    }
}

/// Whether two parts say the same.
pub(crate) fn is_same(a: Option<Part<'_>>, b: Option<Part<'_>>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return a.is_none() && b.is_none() };
    let value = |raw: Part<'_>| serde_json::from_str::<Value>(raw.get());
    // API servers write both alike; what is too deep to be compared is not the same.
    a.get() == b.get() || matches!((value(a), value(b)), (Ok(a), Ok(b)) if a == b)
}

/// Reads a part of a review, which must be a map.
pub(crate) fn read<'a, T: Deserialize<'a>>(text: Part<'a>) -> Result<T, String> {
    text.read().map(|Map(part)| part).map_err(|error| error.to_string())
}

/// What is null is not given.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}
