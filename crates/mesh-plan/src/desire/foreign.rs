//! Objects of others that stand on our hosts or carry our names (deviation D11).

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_model::facts::ForeignObject;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::Origin;
use mesh_model::policy::MeshPolicy;

use crate::because::Because;

/// Objects of others in every seen cluster.
pub(super) struct Foreign<'a> {
    /// By cluster, then host in lower case.
    by_host: BTreeMap<&'a ClusterName, BTreeMap<Arc<str>, Vec<&'a ForeignObject>>>,
    by_name: BTreeMap<(&'a ClusterName, Kind, &'a str), &'a ForeignObject>,
}

impl<'a> Foreign<'a> {
    pub(super) fn read(fleet: &'a FleetSnapshot, policy: &MeshPolicy) -> Self {
        let mut foreign = Self { by_host: BTreeMap::new(), by_name: BTreeMap::new() };
        for (cluster, facts) in fleet.seen() {
            for object in &facts.foreign {
                if object.key.namespace == policy.sync_namespace {
                    foreign.by_name.insert((cluster, object.key.kind, &object.key.name), object);
                }
                for host in &object.hosts {
                    let host = host.to_lowercase().into();
                    foreign.by_host.entry(cluster).or_default().entry(host).or_default().push(object);
                }
            }
        }
        for objects in foreign.by_host.values_mut().flat_map(BTreeMap::values_mut) {
            objects.sort_by(|a, b| a.key.cmp(&b.key));
        }
        foreign
    }

    /// Who holds `host`, or our ServiceEntry's name, in `cluster`.
    pub(super) fn taken(&self, cluster: &'a ClusterName, host: &str, entry_name: &str) -> Option<Because> {
        let on_host = self.on_host(cluster, host).find(|object| object.key.kind == Kind::ServiceEntry);
        let named = || self.by_name.get(&(cluster, Kind::ServiceEntry, entry_name)).copied();
        on_host.or_else(named).map(|object| because(cluster, object, "the host is held here"))
    }

    /// Whether somebody's ServiceEntry on `host` makes the gateway of `cluster` lead to workloads there, under `port`.
    pub(super) fn leads_home(&self, cluster: &'a ClusterName, host: &str, port: u16) -> bool {
        self.on_host(cluster, host).any(|object| object.home_ports.contains(&port))
    }

    /// Who has our DestinationRule's name in `cluster`.
    pub(super) fn rule_taken(&self, cluster: &'a ClusterName, rule_name: &str) -> Option<Because> {
        let object = self.by_name.get(&(cluster, Kind::DestinationRule, rule_name))?;
        Some(because(cluster, object, "the DestinationRule is held here"))
    }

    fn on_host(&self, cluster: &'a ClusterName, host: &str) -> impl Iterator<Item = &'a ForeignObject> {
        self.by_host.get(cluster).and_then(|by_host| by_host.get(host)).into_iter().flatten().copied()
    }
}

fn because(cluster: &ClusterName, object: &ForeignObject, consequence: &str) -> Because {
    let who = object.made_by.as_deref().unwrap_or("somebody");
    let since = object.created.map(|created| format!(" since {created}")).unwrap_or_default();
    let origin = Origin {
        cluster: cluster.clone(),
        kind: object.key.kind,
        name: format!("{}/{}", object.key.namespace, object.key.name).into(),
    };
    Because::whole(format!("{} is not ours (made by {who}{since}): {consequence}", object.key), vec![origin])
}
