//! What can be put into a cluster and taken out again.

use std::sync::Arc;

use mesh_model::claim::Claim;
use mesh_model::facts::{
    ClientConnectionConfig, ClusterFacts, Dependency, ForeignObject, GatewayService, GlobalTrafficPolicy,
    NamespaceFacts, OutlierDetection, Service, Workload,
};
use mesh_model::name::Namespace;
use mesh_model::owned::{ObjectKey, OwnedObject};

/// Something that a cluster holds.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names are those of the facts")]
pub enum Item {
    Workload(Workload),
    Service(Namespace, Service),
    /// A workload and the Service in front of it.
    Server(Workload, Service),
    Dependency(Dependency),
    TrafficPolicy(GlobalTrafficPolicy),
    OutlierDetection(OutlierDetection),
    ConnectionConfig(ClientConnectionConfig),
    Foreign(ForeignObject),
    Claim(Claim),
    StoredVip(Arc<str>, Arc<str>),
    Owned(ObjectKey, Box<OwnedObject>),
    Namespace(Namespace, NamespaceFacts),
    /// The region of all nodes.
    Region(Arc<str>),
    Gateway(GatewayService),
    /// Admiral runs here.
    Admiral,
}

/// A sort of item, for taking one out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the facts")]
pub enum Sort {
    Workload,
    Service,
    Dependency,
    TrafficPolicy,
    OutlierDetection,
    ConnectionConfig,
    Foreign,
    Claim,
    StoredVip,
    Owned,
    Namespace,
    Region,
    Gateway,
    Admiral,
}

impl Item {
    /// Puts the item in, instead of the one of its name.
    pub fn put(&self, facts: &mut ClusterFacts) {
        match self {
            Self::Workload(workload) => put_workload(facts, workload),
            Self::Service(namespace, service) => put_service(facts, namespace, service),
            Self::Server(workload, service) => {
                put_workload(facts, workload);
                put_service(facts, &workload.namespace, service);
            }
            Self::Dependency(one) => {
                put(&mut facts.dependencies, one, |other| {
                    (&other.namespace, &other.name) == (&one.namespace, &one.name)
                });
            }
            Self::TrafficPolicy(one) => {
                let meta = &one.meta;
                put(&mut facts.traffic_policies, one, |o| {
                    (&o.meta.namespace, &o.meta.name) == (&meta.namespace, &meta.name)
                });
            }
            Self::OutlierDetection(one) => {
                let meta = &one.meta;
                put(&mut facts.outlier_detections, one, |o| {
                    (&o.meta.namespace, &o.meta.name) == (&meta.namespace, &meta.name)
                });
            }
            Self::ConnectionConfig(one) => {
                let meta = &one.meta;
                put(&mut facts.connection_configs, one, |o| {
                    (&o.meta.namespace, &o.meta.name) == (&meta.namespace, &meta.name)
                });
            }
            // One name, one object: what somebody else makes of ours is theirs, and the other way round.
            Self::Foreign(one) => {
                facts.owned.remove(&one.key);
                put(&mut facts.foreign, one, |other| other.key == one.key);
            }
            Self::Owned(key, object) => {
                facts.foreign.retain(|foreign| foreign.key != *key);
                facts.owned.insert(key.clone(), (**object).clone());
            }
            Self::Claim(claim) => drop(facts.claims.insert(claim.host.clone(), claim.clone())),
            Self::StoredVip(name, address) => drop(facts.vip_store.insert(name.clone(), address.clone())),
            Self::Namespace(namespace, said) => drop(facts.namespaces.insert(namespace.clone(), said.clone())),
            Self::Region(region) => facts.node_regions = [(region.clone(), 3)].into(),
            Self::Gateway(gateway) => {
                facts.gateways.retain(|other| other.name != gateway.name);
                facts.gateways.push(gateway.clone());
                // The order of the default policy's apps is the order of their names.
                facts.gateways.sort_by(|a, b| a.name.cmp(&b.name));
            }
            Self::Admiral => facts.admiral = Some("admiral/admiral".into()),
        }
    }
}

impl Sort {
    /// Takes the item number `index` of this sort out, modulo how many there are.
    pub fn drop_one(self, facts: &mut ClusterFacts, index: usize) {
        match self {
            Self::Workload => take(&mut facts.workloads, index),
            Self::Service => {
                let count: usize = facts.services.values().map(Vec::len).sum();
                let mut number = index % count.max(1);
                for services in facts.services.values_mut() {
                    if number < services.len() {
                        services.remove(number);
                        break;
                    }
                    number -= services.len();
                }
                facts.services.retain(|_, services| !services.is_empty());
            }
            Self::Dependency => take(&mut facts.dependencies, index),
            Self::TrafficPolicy => take(&mut facts.traffic_policies, index),
            Self::OutlierDetection => take(&mut facts.outlier_detections, index),
            Self::ConnectionConfig => take(&mut facts.connection_configs, index),
            Self::Foreign => take(&mut facts.foreign, index),
            Self::Gateway => take(&mut facts.gateways, index),
            Self::Region => facts.node_regions.clear(),
            Self::Admiral => facts.admiral = None,
            Self::Claim => take_key(&mut facts.claims, index),
            Self::StoredVip => take_key(&mut facts.vip_store, index),
            Self::Owned => take_key(&mut facts.owned, index),
            Self::Namespace => take_key(&mut facts.namespaces, index),
        }
    }
}

fn put<T: Clone>(list: &mut Vec<T>, one: &T, is_same: impl Fn(&T) -> bool) {
    list.retain(|other| !is_same(other));
    list.push(one.clone());
}

fn put_workload(facts: &mut ClusterFacts, one: &Workload) {
    facts.namespaces.entry(one.namespace.clone()).or_default();
    put(&mut facts.workloads, one, |o| (&o.namespace, o.kind, &o.name) == (&one.namespace, one.kind, &one.name));
}

fn put_service(facts: &mut ClusterFacts, namespace: &Namespace, one: &Service) {
    facts.namespaces.entry(namespace.clone()).or_default();
    put(facts.services.entry(namespace.clone()).or_default(), one, |other| other.name == one.name);
}

fn take<T>(list: &mut Vec<T>, index: usize) {
    if !list.is_empty() {
        list.remove(index % list.len());
    }
}

fn take_key<K: Ord + Clone, V>(map: &mut std::collections::BTreeMap<K, V>, index: usize) {
    if let Some(key) = map.keys().nth(index % map.len().max(1)).cloned() {
        map.remove(&key);
    }
}
