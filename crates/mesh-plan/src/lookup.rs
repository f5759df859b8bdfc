//! Which global names a key means: what a person has at hand when something is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::Timestamp;
use mesh_model::facts::Workload;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host};
use mesh_model::policy::MeshPolicy;
use serde::Serialize;
use thiserror::Error;

use crate::closest::closest;
use crate::desire::{Names, Survey};
use crate::desired::{Desired, Name, Place};
use crate::scope::matches_glob;

#[cfg(test)]
pub(crate) mod fixture;
mod pod;

use pod::is_pod_of;

/// What a key turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeySort {
    /// The identity of workloads.
    Identity,
    /// A base host.
    GlobalName,
    /// A further host of a name: `west.stage.greeting.global`.
    PrefixName,
    /// The virtual address of a host.
    VirtualAddress,
    /// `service.namespace`.
    Service,
    /// A workload: `name`, `namespace/name` or `cluster/namespace/name`.
    Workload,
    /// A pod, looked up by the workload that it is named after.
    Pod,
    /// A glob of identities or hosts.
    Glob,
}

impl KeySort {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::GlobalName => "global name",
            Self::PrefixName => "prefix name",
            Self::VirtualAddress => "virtual address",
            Self::Service => "service.namespace",
            Self::Workload => "workload",
            Self::Pod => "pod name",
            Self::Glob => "glob",
        }
    }
}

/// What a key found.
#[derive(Debug, Clone, Default)]
pub struct Found<'a> {
    /// Base hosts, with what the key was for each.
    pub names: BTreeMap<&'a Host, BTreeSet<KeySort>>,
    /// Workloads that the key means and that are no place of any name.
    pub idle: Vec<(&'a ClusterName, &'a Workload)>,
}

/// Nobody has such a name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{key:?} is no identity, global name, virtual address, service.namespace, workload or pod of the fleet")]
pub struct NotFound {
    /// The key as given, cut to a sane length.
    pub key: String,
    /// The closest names, closest first.
    pub closest: Vec<String>,
}

/// Everything that `key` means. A pod name is tried only when the key is nothing else, since it is a guess by its form.
pub fn find<'a>(key: &str, desired: &'a Desired, fleet: &'a FleetSnapshot) -> Result<Found<'a>, NotFound> {
    let key = key.trim();
    let mut found = find_by(&Key::parse(key), desired, fleet);
    if found.names.is_empty() && found.idle.is_empty() {
        found = find_by(&Key::parse_as_pod(key), desired, fleet);
    }
    if found.names.is_empty() && found.idle.is_empty() {
        return Err(NotFound { key: key.chars().take(300).collect(), closest: suggestions(key, desired, fleet) });
    }
    Ok(found)
}

/// What every cluster should hold of the names that `key` means. Of other names, only that they are there.
pub fn desire_found(key: &str, fleet: &FleetSnapshot, policy: &MeshPolicy, now: Timestamp) -> Desired {
    let survey = Survey::of(fleet, policy);
    let names = Names::of(&survey, now);
    let mut desired = names.without_objects();
    let found = find(key, &desired, fleet).map(|found| found.names).unwrap_or_default();
    let bases: Vec<Host> = found.into_keys().cloned().collect();
    for base in &bases {
        names.desire_one(base, &mut desired);
    }
    desired.findings.sort();
    desired.findings.dedup();
    desired
}

/// A key, taken apart once.
struct Key<'k> {
    text: &'k str,
    /// As a host: without a trailing dot.
    host: &'k str,
    address: Option<IpAddr>,
    service: Option<(&'k str, &'k str)>,
    workload: WorkloadRef<'k>,
    as_pod: bool,
}

/// `name`, `namespace/name`, `kind/name` or `cluster/namespace/name`; a cluster's name may contain slashes.
struct WorkloadRef<'k> {
    cluster: Option<&'k str>,
    group: Option<&'k str>,
    name: &'k str,
}

impl<'k> Key<'k> {
    fn parse(text: &'k str) -> Self {
        let host = text.strip_suffix('.').unwrap_or(text);
        let in_cluster = host.strip_suffix(".svc.cluster.local").or_else(|| host.strip_suffix(".svc")).unwrap_or(host);
        let service = in_cluster.split_once('.').filter(|(_, namespace)| !namespace.contains('.'));
        let (path, name) = text.rsplit_once('/').map_or((None, text), |(path, name)| (Some(path), name));
        let (cluster, group) = match path.map(|path| path.rsplit_once('/')) {
            Some(Some((cluster, namespace))) => (Some(cluster), Some(namespace)),
            Some(None) => (None, path),
            None => (None, None),
        };
        Self {
            text,
            host,
            address: text.parse().ok(),
            service,
            workload: WorkloadRef { cluster, group, name },
            as_pod: false,
        }
    }

    fn parse_as_pod(text: &'k str) -> Self {
        Self { as_pod: true, ..Self::parse(text) }
    }

    fn sorts(&self, base: &Host, name: &Name) -> BTreeSet<KeySort> {
        let mut sorts = BTreeSet::new();
        if self.as_pod {
            if name.places.iter().any(|place| self.is_place(place)) {
                sorts.insert(KeySort::Pod);
            }
            return sorts;
        }
        if self.means_identity(&name.identity) {
            sorts.insert(KeySort::Identity);
        }
        for (host, vip) in &name.hosts {
            if host.eq_ignore_ascii_case(self.host) {
                sorts.insert(if host == base { KeySort::GlobalName } else { KeySort::PrefixName });
            }
            if self.address.is_some() && vip.as_ref().and_then(|vip| vip.parse().ok()) == self.address {
                sorts.insert(KeySort::VirtualAddress);
            }
        }
        for place in &name.places {
            if self.service.is_some_and(|(service, namespace)| {
                place.service.as_deref() == Some(service) && place.namespace.as_deref() == Some(namespace)
            }) {
                sorts.insert(KeySort::Service);
            }
            if self.is_place(place) {
                sorts.insert(KeySort::Workload);
            }
        }
        let is_glob = self.text.contains(['*', '?']);
        if is_glob && (matches_glob(self.text, &name.identity) || name.hosts.keys().any(|h| matches_glob(self.text, h)))
        {
            sorts.insert(KeySort::Glob);
        }
        sorts
    }

    fn means_identity(&self, identity: &str) -> bool {
        identity == self.text
    }

    fn is_place(&self, place: &Place) -> bool {
        let Some(workload) = &place.workload else { return false };
        self.is_workload(&place.cluster, place.namespace.as_deref(), place.kind, workload)
    }

    fn is_workload(&self, cluster: &str, namespace: Option<&str>, kind: Option<Kind>, name: &str) -> bool {
        let reference = &self.workload;
        let named = if self.as_pod { is_pod_of(reference.name, name, kind) } else { reference.name == name };
        named
            && reference.cluster.is_none_or(|wanted| wanted == cluster)
            && reference.group.is_none_or(|group| {
                let by_kind = reference.cluster.is_none() && kind.is_some() && Kind::parse(group) == kind;
                namespace == Some(group) || by_kind
            })
    }
}

fn find_by<'a>(key: &Key<'_>, desired: &'a Desired, fleet: &'a FleetSnapshot) -> Found<'a> {
    let mut found = Found::default();
    for (base, name) in &desired.names {
        let sorts = key.sorts(base, name);
        if !sorts.is_empty() {
            found.names.insert(base, sorts);
        }
    }
    for (cluster, facts) in fleet.seen() {
        for workload in &facts.workloads {
            let means = key.is_workload(cluster, Some(&workload.namespace), Some(workload.kind.kind()), &workload.name)
                || (!key.as_pod && key.means_identity(&workload.identity));
            if means && !serves(desired, cluster, workload) {
                found.idle.push((cluster, workload));
            }
        }
    }
    found
}

/// Whether `workload` is a place of some name.
fn serves(desired: &Desired, cluster: &ClusterName, workload: &Workload) -> bool {
    workload.kind.serves()
        && desired.names.values().filter(|name| name.identity == workload.identity).any(|name| {
            name.places.iter().any(|place| {
                place.cluster == *cluster
                    && place.namespace.as_ref() == Some(&workload.namespace)
                    && place.workload.as_ref() == Some(&workload.name)
                    && place.kind.is_none_or(|kind| kind == workload.kind.kind())
            })
        })
}

fn suggestions(key: &str, desired: &Desired, fleet: &FleetSnapshot) -> Vec<String> {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for name in desired.names.values() {
        known.insert(&name.identity);
        known.extend(name.hosts.keys().map(Host::as_str));
        known.extend(name.places.iter().filter_map(|place| place.workload.as_deref()));
    }
    for (_, facts) in fleet.seen() {
        for workload in &facts.workloads {
            known.insert(&workload.identity);
            known.insert(&workload.name);
        }
    }
    closest(key, known)
}
