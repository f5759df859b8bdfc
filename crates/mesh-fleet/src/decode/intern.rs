//! Sharing of repeated texts: label keys, namespaces and specs repeat thousands of times in a fleet.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use ahash::AHashSet;
use hashbrown::{Equivalent, HashSet};
use mesh_model::facts::{LabelSet, ServicePort};
use mesh_model::mesh::TrustBundle;
use mesh_model::name::{Env, Identity, NameError, Namespace};
use mesh_model::origin::{Origins, OriginsError};
use mesh_model::owned;

use super::text::Pairs;

/// Named ports of a workload's containers.
pub(crate) type NamedPorts = Arc<[(Arc<str>, u16)]>;

/// Repeated values, each kept once. One for a whole fleet: clients of a name hold equal objects in every cluster.
#[derive(Debug, Default)]
pub struct Interner {
    texts: AHashSet<Arc<str>>,
    /// Looked up by pairs that are not shared yet, which the sets of std cannot do.
    labels: HashSet<Labels, ahash::RandomState>,
    pairs: AHashSet<Arc<owned::Pairs>>,
    ports: BTreeSet<Arc<[ServicePort]>>,
    container_ports: AHashSet<NamedPorts>,
    namespaces: AHashSet<Namespace>,
    identities: AHashSet<Identity>,
    envs: AHashSet<Env>,
    origins: BTreeMap<Arc<str>, Arc<Origins>>,
    bundles: BTreeMap<Arc<str>, Arc<TrustBundle>>,
}

impl Interner {
    /// The one copy of `text`.
    pub(crate) fn text(&mut self, text: &str) -> Arc<str> {
        let Ok(one) = one(&mut self.texts, text, |text| Ok::<_, Infallible>(text.into()));
        one
    }

    /// The one copy of a label set.
    pub(crate) fn labels(&mut self, pairs: &Pairs<'_>) -> LabelSet {
        if let Some(known) = self.labels.get(pairs) {
            return known.0.clone();
        }
        let new: LabelSet = pairs.iter().map(|(k, v)| (self.text(k), self.text(v))).collect();
        self.labels.insert(Labels(new.clone()));
        new
    }

    /// The one copy of labels or annotations of a generated object.
    pub(crate) fn pairs(&mut self, pairs: owned::Pairs) -> Arc<owned::Pairs> {
        if let Some(known) = self.pairs.get(&pairs) {
            return known.clone();
        }
        let new = Arc::new(pairs);
        self.pairs.insert(new.clone());
        new
    }

    /// The one copy of a Service's ports.
    pub(crate) fn ports(&mut self, ports: Vec<ServicePort>) -> Arc<[ServicePort]> {
        if let Some(known) = self.ports.get(ports.as_slice()) {
            return known.clone();
        }
        let new: Arc<[ServicePort]> = ports.into();
        self.ports.insert(new.clone());
        new
    }

    /// The one copy of a workload's named ports.
    pub(crate) fn container_ports(&mut self, ports: Vec<(Arc<str>, u16)>) -> NamedPorts {
        if let Some(known) = self.container_ports.get(ports.as_slice()) {
            return known.clone();
        }
        let new: NamedPorts = ports.into();
        self.container_ports.insert(new.clone());
        new
    }

    /// The one copy of a namespace, if `text` is one.
    pub(crate) fn namespace(&mut self, text: &str) -> Result<Namespace, NameError> {
        one(&mut self.namespaces, text, Namespace::parse)
    }

    /// The one copy of an identity, if `text` is one.
    pub(crate) fn identity(&mut self, text: &str) -> Result<Identity, NameError> {
        one(&mut self.identities, text, Identity::parse)
    }

    /// The one copy of an env, if `text` is one.
    pub(crate) fn env(&mut self, text: &str) -> Result<Env, NameError> {
        one(&mut self.envs, text, Env::parse)
    }

    /// The one copy of the origins that `text` says.
    pub(crate) fn origins(&mut self, text: &Arc<str>) -> Result<Arc<Origins>, OriginsError> {
        if let Some(known) = self.origins.get(text) {
            return Ok(known.clone());
        }
        let new = Arc::new(Origins::parse(text, |text| self.text(text))?);
        self.origins.insert(text.clone(), new.clone());
        Ok(new)
    }

    /// The one copy of what `read` makes of a bundle: every namespace has the same.
    pub(crate) fn bundle(&mut self, text: &str, read: impl FnOnce(&str) -> TrustBundle) -> Arc<TrustBundle> {
        if let Some(known) = self.bundles.get(text) {
            return known.clone();
        }
        let new = Arc::new(read(text));
        self.bundles.insert(text.into(), new.clone());
        new
    }
}

/// The one of `known` that is `text`; a new one where there is none yet.
fn one<T, E>(known: &mut AHashSet<T>, text: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, E>
where
    T: Borrow<str> + Clone + Eq + Hash,
{
    if let Some(one) = known.get(text) {
        return Ok(one.clone());
    }
    let new = parse(text)?;
    known.insert(new.clone());
    Ok(new)
}

/// A label set that equal [`Pairs`] find.
#[derive(Debug)]
struct Labels(LabelSet);

impl Labels {
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pairs().for_each(|pair| pair.hash(state));
    }
}

impl Hash for Pairs<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.iter().for_each(|pair| pair.hash(state));
    }
}

impl Equivalent<Labels> for Pairs<'_> {
    fn equivalent(&self, labels: &Labels) -> bool {
        self.iter().eq(labels.pairs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_allocation() {
        let mut interner = Interner::default();
        assert!(Arc::ptr_eq(&interner.text("a"), &interner.text("a")));
        let pairs: Pairs<'_> = serde_json::from_str(r#"{"app":"x"}"#).unwrap();
        assert!(Arc::ptr_eq(&interner.labels(&pairs), &interner.labels(&pairs)));
        let other: Pairs<'_> = serde_json::from_str(r#"{"app":"x","env":"y"}"#).unwrap();
        assert_eq!(interner.labels(&other).len(), 2);
        assert!(interner.namespace("Not A Namespace").is_err());
    }
}
