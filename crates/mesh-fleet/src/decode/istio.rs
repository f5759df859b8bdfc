//! Istio objects: ours, Admiral's, and everybody else's.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_istio::service_entry::is_cluster_local;
use mesh_model::facts::ForeignObject;
use mesh_model::finding::{Code, Finding};
use mesh_model::kind::Kind;
use mesh_model::origin::Origins;
use mesh_model::owned::{self, ADMIRAL_MARK, CREATED_BY, FROM, MANAGED_BY, Mark, OUR_MARK, ObjectKey, OwnedObject};
use mesh_model::policy::Adopt;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::text::Pairs;
use super::whole::Whole;
use super::wire::{ManagedFields, Metadata, Object};
use super::{ClusterDecoder, Item};
use crate::limits::{MAX_ANNOTATION, MAX_ENTRIES, MAX_OBJECT};

/// Those who wrote an object.
type Writers<'a> = Vec<ManagedFields<'a>>;

impl ClusterDecoder<'_> {
    /// A ServiceEntry or a DestinationRule: ours when it carries our mark, or Admiral's in the sync namespace while the
    /// policy adopts it.
    pub(super) fn generated<'a>(
        &mut self,
        item: &Item<'_>,
        object: Object<'a, Whole, IgnoredAny, Writers<'a>>,
    ) -> Result<(), String> {
        let spec = match object.spec {
            None | Some(Whole(Value::Null)) => Value::Object(serde_json::Map::new()),
            Some(Whole(spec @ Value::Object(_))) => spec,
            Some(_) => return Err("its spec is not a map".to_owned()),
        };
        let key = ObjectKey { kind: item.kind, namespace: item.namespace(), name: item.name.clone() };
        if let Some(mark) = self.mark(&key, &object.metadata) {
            return self.owned(item, key, mark, &object.metadata, &spec);
        }
        let hosts = match spec.get("host") {
            Some(Value::String(host)) => vec![host.as_str()],
            _ => texts(&spec, "hosts"),
        };
        let home_ports = self.home_ports(item.kind, &spec);
        self.foreign(item, key, &object.metadata, &hosts, &texts(&spec, "addresses"), home_ports)?;
        self.spec_under_suffix(item, &hosts, &spec)
    }

    pub(super) fn virtual_service(&mut self, item: &Item<'_>, object: Object<'_, Whole>) -> Result<(), String> {
        let key = ObjectKey { kind: item.kind, namespace: item.namespace(), name: item.name.clone() };
        let Whole(spec) = object.spec.unwrap_or_default();
        let hosts = texts(&spec, "hosts");
        self.foreign(item, key, &object.metadata, &hosts, &[], Vec::new())?;
        self.spec_under_suffix(item, &hosts, &spec)
    }

    fn mark<F>(&self, key: &ObjectKey, metadata: &Metadata<'_, F>) -> Option<Mark> {
        match metadata.annotations.value(CREATED_BY) {
            // Wherever it is: under another policy, another namespace was the sync namespace.
            Some(OUR_MARK) => Some(Mark::Ours),
            Some(ADMIRAL_MARK)
                if self.policy.adopt == Adopt::Admiral && key.namespace == self.policy.sync_namespace =>
            {
                Some(Mark::Admiral)
            }
            _ => None,
        }
    }

    fn owned(
        &mut self,
        item: &Item<'_>,
        key: ObjectKey,
        mark: Mark,
        metadata: &Metadata<'_, Writers<'_>>,
        spec: &Value,
    ) -> Result<(), String> {
        let spec = spec.to_string();
        if spec.len() > MAX_OBJECT {
            return Err(format!("its spec is longer than {MAX_OBJECT} bytes"));
        }
        let from_text = metadata.annotations.value(FROM).map(|text| self.interner.text(text));
        let origins = self.origins(item, from_text.as_ref());
        let owned = OwnedObject {
            created: item.created,
            uid: metadata
                .uid
                .as_deref()
                .filter(|uid| !uid.is_empty())
                .map(|uid| self.text("metadata.uid", uid))
                .transpose()?,
            version: self.version(item, metadata)?,
            mark,
            spec: self.interner.text(&spec),
            labels: self.map(&metadata.labels)?,
            annotations: self.map(&metadata.annotations)?,
            origins,
            from_text,
            changed_by: changed_by(&metadata.managed_fields).map(Arc::from),
        };
        self.facts.owned.insert(key, owned);
        Ok(())
    }

    /// The origins that the annotation says: none, with a finding, when it cannot be read.
    fn origins(&mut self, item: &Item<'_>, text: Option<&Arc<str>>) -> Arc<Origins> {
        let Some(text) = text else { return Arc::default() };
        match self.interner.origins(text) {
            Ok(origins) => origins,
            Err(error) => {
                let message = format!("annotation {FROM} {error}");
                self.find(Finding::new(Code::BadOrigins, Some(&self.cluster.clone()), item.shown(), message));
                Arc::default()
            }
        }
    }

    /// The version that a write must find: that of the file, else the object's own.
    #[expect(clippy::unused_self, reason = "as the other readers of an object")]
    pub(super) fn version<F>(&self, item: &Item<'_>, metadata: &Metadata<'_, F>) -> Result<Arc<str>, String> {
        match item.place.version {
            Some(version) => Ok(version.clone()),
            None => Ok(metadata.resource_version.as_deref().ok_or("has no metadata.resourceVersion")?.into()),
        }
    }

    pub(super) fn map(&mut self, pairs: &Pairs<'_>) -> Result<Arc<owned::Pairs>, String> {
        let mut map = BTreeMap::new();
        for (key, value) in pairs.iter().filter(|(key, _)| *key != FROM) {
            if value.len() > MAX_ANNOTATION {
                return Err(format!("{:?} is longer than {MAX_ANNOTATION} bytes", super::shorten(key)));
            }
            map.insert(self.text("a key", key)?, self.interner.text(value));
        }
        Ok(self.interner.pairs(map))
    }

    /// The port numbers under which somebody's ServiceEntry makes the gateway lead to this cluster's own workloads.
    fn home_ports(&self, kind: Kind, spec: &Value) -> Vec<u16> {
        let endpoints = spec.get("endpoints").and_then(Value::as_array).into_iter().flatten();
        let mut addresses = endpoints.filter_map(|endpoint| endpoint.get("address")?.as_str());
        let leads_home = spec.get("workloadSelector").is_some() || addresses.any(is_cluster_local);
        let export_to = texts(spec, "exportTo");
        let gateway = self.policy.gateway.namespace.as_str();
        if kind != Kind::ServiceEntry
            || !leads_home
            || !(export_to.is_empty() || export_to.iter().any(|to| *to == "*" || *to == gateway))
        {
            return Vec::new();
        }
        let ports = spec.get("ports").and_then(Value::as_array).into_iter().flatten();
        ports.filter_map(|port| u16::try_from(port.get("number")?.as_u64()?).ok()).collect()
    }

    fn foreign<F>(
        &mut self,
        item: &Item<'_>,
        key: ObjectKey,
        metadata: &Metadata<'_, F>,
        hosts: &[&str],
        addresses: &[&str],
        home_ports: Vec<u16>,
    ) -> Result<(), String> {
        if hosts.len().max(addresses.len()).max(home_ports.len()) > MAX_ENTRIES {
            return Err(format!("has more than {MAX_ENTRIES} hosts or addresses"));
        }
        let made_by = metadata.annotations.value(CREATED_BY).or_else(|| metadata.labels.value(MANAGED_BY));
        let foreign = ForeignObject {
            key,
            hosts: hosts.iter().map(|host| self.text("a host", host)).collect::<Result<_, _>>()?,
            addresses: addresses.iter().map(|address| self.text("an address", address)).collect::<Result<_, _>>()?,
            home_ports,
            made_by: made_by.filter(|text| !text.is_empty()).map(|text| self.text(CREATED_BY, text)).transpose()?,
            created: item.created,
        };
        self.facts.foreign.push(foreign);
        Ok(())
    }
}

/// The last writer of an object, if it was not us: field managers are what an API server remembers (Kubernetes, Server-Side
/// Apply). What is written through `/status` is none of our business.
fn changed_by(fields: &[ManagedFields<'_>]) -> Option<String> {
    let writers = fields.iter().filter(|entry| entry.subresource.as_deref().is_none_or(str::is_empty));
    let last = writers.max_by_key(|entry| (entry.time.as_deref(), entry.manager.as_deref() != Some(OUR_MARK)))?;
    let manager = last.manager.as_deref().filter(|manager| *manager != OUR_MARK && !manager.is_empty())?;
    let manager: String = manager.chars().take(128).collect();
    Some(last.time.as_deref().map_or_else(|| manager.clone(), |time| format!("{manager} at {time}")))
}

/// The texts of a list in `spec`.
fn texts<'v>(spec: &'v Value, field: &str) -> Vec<&'v str> {
    spec.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}
