//! Objects in reviews, as far as anything is decided by them. What is read must have the right type: what does not read is
//! never passed over.

use std::fmt;
use std::marker::PhantomData;

use mesh_model::naming::Meta;
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::wire::Text;

/// Labels or annotations: so few, and looked up so seldom, that they are kept as they come.
#[derive(Debug, Default)]
pub(crate) struct Pairs<'a>(Vec<(Text<'a>, Text<'a>)>);

impl Pairs<'_> {
    /// The value of a key: the last one, if it is there twice.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| **known == *key).map(|(_, value)| &**value)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Collected<'a>(PhantomData<Pairs<'a>>);

        impl<'de: 'a, 'a> Visitor<'de> for Collected<'a> {
            type Value = Pairs<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'a>, A::Error> {
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
        self.labels.as_ref()?.get(key)
    }

    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key)
    }

    /// Does something with its look-ups.
    pub(crate) fn with<'s, R>(&'s self, work: impl FnOnce(&Meta<'_, 's>) -> R) -> R {
        let (label, annotation) = (|key: &str| self.label(key), |key: &str| self.annotation(key));
        work(&Meta { label: &label, annotation: &annotation })
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
    template: Option<&'a RawValue>,
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
    template: Option<&'a RawValue>,
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
    pub(crate) spec: Option<&'a RawValue>,
}

impl<'a> Object<'a> {
    /// Reads it; an error says what does not read.
    pub(crate) fn read(text: &'a RawValue) -> Result<Self, String> {
        let Parts { metadata, spec } = read(text)?;
        Ok(Self { metadata: metadata.map(|Map(metadata)| metadata), spec })
    }
}

/// A workload.
#[derive(Debug, Default)]
pub(crate) struct WorkloadObject<'a> {
    pub(crate) metadata: Option<Metadata<'a>>,
    /// Metadata of its pod template.
    pub(crate) template: Option<Metadata<'a>>,
    /// The whole of its pod template; none where there is none.
    pub(crate) template_text: Option<&'a RawValue>,
    /// Where the template is, from the object.
    pub(crate) template_at: &'static [&'static str],
}

/// Where pod templates are.
const IN_SPEC: &[&str] = &["spec", "template"];
const IN_JOB: &[&str] = &["spec", "jobTemplate", "spec", "template"];

impl<'a> WorkloadObject<'a> {
    /// Reads it; an error says what does not read.
    pub(crate) fn read(text: &'a RawValue) -> Result<Self, String> {
        let Parts { metadata, spec } = read::<Parts<'a, Map<WorkloadSpec<'a>>>>(text)?;
        let Map(WorkloadSpec { template, job_template }) = spec.unwrap_or_default();
        let (template_text, template_at) = match job_template {
            Some(Map(job)) => (job.spec.and_then(|Map(spec)| spec.template), IN_JOB),
            None => (template, IN_SPEC),
        };
        let template = template_text.map(read::<Parts<'a, IgnoredAny>>).transpose()?;
        let template = template.and_then(|template| template.metadata).map(|Map(metadata)| metadata);
        let metadata = metadata.map(|Map(metadata)| metadata);
        Ok(Self { metadata, template, template_text, template_at })
    }

    /// The service account of its pods; none where that does not read.
    pub(crate) fn service_account(&self) -> Option<String> {
        let Parts { spec, .. } = read::<Parts<'_, Map<PodSpec>>>(self.template_text?).ok()?;
        let Map(spec) = spec.unwrap_or_default();
        let named = [spec.service_account_name, spec.service_account].into_iter().flatten();
        Some(named.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned()))
    }

    /// Whether its pods are made from another template than `old`'s: a deploy.
    pub(crate) fn is_deploy_over(&self, old: &Self) -> bool {
        !is_same(self.template_text, old.template_text)
    }
}

/// Whether two parts say the same.
pub(crate) fn is_same(a: Option<&RawValue>, b: Option<&RawValue>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return a.is_none() && b.is_none() };
    let value = |raw: &RawValue| serde_json::from_str::<Value>(raw.get());
    // API servers write both alike; what is too deep to be compared is not the same.
    a.get() == b.get() || matches!((value(a), value(b)), (Ok(a), Ok(b)) if a == b)
}

/// Reads a part of a review, which must be a map.
pub(crate) fn read<'a, T: Deserialize<'a>>(text: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(text.get()).map(|Map(part)| part).map_err(|error| error.to_string())
}

/// What is null is not given.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}
