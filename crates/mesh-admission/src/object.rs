//! Objects in reviews, as far as anything is decided by them. What is read must have the right type: what does not read is
//! never passed over.

use std::borrow::Cow;
use std::collections::BTreeMap;

use mesh_model::naming::Meta;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// Labels or annotations.
pub(crate) type Pairs<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

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

    /// Does something with its look-ups.
    pub(crate) fn with<'s, R>(&'s self, work: impl FnOnce(&Meta<'_, 's>) -> R) -> R {
        let (label, annotation) = (|key: &str| self.label(key), |key: &str| self.annotation(key));
        work(&Meta { label: &label, annotation: &annotation })
    }
}

/// Any object. Its parts are kept as text, so that each is read as the map that it must be.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parts<'a> {
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    spec: Option<&'a RawValue>,
    #[serde(borrow)]
    template: Option<&'a RawValue>,
    #[serde(borrow, rename = "jobTemplate")]
    job_template: Option<&'a RawValue>,
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
        let Parts { metadata, spec, .. } = read(text)?;
        Ok(Self { metadata: metadata.map(read).transpose()?, spec })
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
        let Object { metadata, spec } = Object::read(text)?;
        let parts = |text: Option<&'a RawValue>| text.map(read::<Parts<'a>>).transpose().map(Option::unwrap_or_default);
        let spec = parts(spec)?;
        let (template_text, template_at) = match spec.job_template {
            Some(job) => (parts(parts(Some(job))?.spec)?.template, IN_JOB),
            None => (spec.template, IN_SPEC),
        };
        let template = parts(template_text)?.metadata.map(read).transpose()?;
        Ok(Self { metadata, template, template_text, template_at })
    }

    /// The service account of its pods; none where that does not read.
    pub(crate) fn service_account(&self) -> Option<String> {
        let spec = read::<Parts<'_>>(self.template_text?).ok()?.spec;
        let spec: PodSpec = spec.map(read).transpose().ok()?.unwrap_or_default();
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

/// Reads a part of a review, which must be a map: serde takes lists for structs as well, and passes over what is not there.
pub(crate) fn read<'a, T: Deserialize<'a>>(text: &'a RawValue) -> Result<T, String> {
    if !text.get().starts_with('{') {
        return Err("what should be a map is none".to_owned());
    }
    serde_json::from_str(text.get()).map_err(|error| error.to_string())
}

/// What is null is not given.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}
