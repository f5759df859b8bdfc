//! Sharing of repeated texts: label keys, namespaces and specs repeat thousands of times in a fleet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ahash::AHashSet;
use mesh_model::facts::{LabelSet, ServicePort};
use mesh_model::name::Namespace;
use mesh_model::origin::{Origins, OriginsError};
use mesh_model::owned;

use super::text::Pairs;

/// Named ports of a workload's containers.
pub(crate) type NamedPorts = Arc<[(Arc<str>, u16)]>;

/// Repeated values, each kept once. One for a whole fleet: clients of a name hold equal objects in every cluster.
#[derive(Debug, Default)]
pub struct Interner {
    texts: AHashSet<Arc<str>>,
    labels: AHashSet<LabelSet>,
    pairs: AHashSet<Arc<owned::Pairs>>,
    ports: BTreeSet<Arc<[ServicePort]>>,
    container_ports: AHashSet<NamedPorts>,
    namespaces: AHashSet<Namespace>,
    origins: BTreeMap<Arc<str>, Arc<Origins>>,
}

impl Interner {
    /// The one copy of `text`.
    pub(crate) fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let new: Arc<str> = Arc::from(text);
        self.texts.insert(new.clone());
        new
    }

    /// The one copy of a label set.
    pub(crate) fn labels(&mut self, pairs: &Pairs<'_>) -> LabelSet {
        let set: Vec<(Arc<str>, Arc<str>)> = pairs.iter().map(|(k, v)| (self.text(k), self.text(v))).collect();
        if let Some(known) = self.labels.get(set.as_slice()) {
            return known.clone();
        }
        let new: LabelSet = set.into();
        self.labels.insert(new.clone());
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
    pub(crate) fn namespace(&mut self, text: &str) -> Option<Namespace> {
        if let Some(known) = self.namespaces.get(text) {
            return Some(known.clone());
        }
        let new = Namespace::parse(text).ok()?;
        self.namespaces.insert(new.clone());
        Some(new)
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
        assert!(interner.namespace("Not A Namespace").is_none());
    }
}
