//! Namespaces, nodes and Admiral's VIP store: what a cluster is.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use mesh_model::facts::NamespaceFacts;
use mesh_model::naming::{Meta, NamespaceNaming};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::mesh::{ISTIO_SYSTEM, ROOT_CERT, SETTINGS};
use super::problem::ReadError;
use super::wire::{ConfigMapData, Metadata, Object};
use super::{ClusterDecoder, Item};

/// The namespace whose UID is the cluster's.
pub(crate) const KUBE_SYSTEM: &str = "kube-system";
/// Label of a network, on namespaces and gateway Services.
pub(super) const NETWORK: &str = "topology.istio.io/network";
/// Labels of a node's region, the one that counts first.
const REGIONS: [&str; 2] = ["topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"];
/// The only data key of Admiral's VIP ConfigMap (`reference/admiral.md` §3.5). It tells the ConfigMap: its name is one of
/// Admiral's settings (`--se_address_configmap`).
const VIP_STORE_KEY: &str = "serviceEntryAddressStore";
/// Admiral's own sync namespace, where the VIP store is while nothing is adopted.
const ADMIRAL_SYNC: &str = "admiral-sync";

impl ClusterDecoder<'_> {
    pub(super) fn namespace(
        &mut self,
        item: &Item<'_>,
        Object { metadata, .. }: Object<'_, IgnoredAny>,
    ) -> Result<(), String> {
        let name = self.interner.namespace(&item.name).map_err(|_| "its name is not that of a namespace")?;
        if &*name == KUBE_SYSTEM
            && let Some(uid) = metadata.uid.as_deref().filter(|uid| !uid.is_empty())
        {
            self.facts.uid = Some(self.text("metadata.uid", uid)?);
        }
        let (label, annotation) = (metadata.labels.look_up(), metadata.annotations.look_up());
        let read = NamespaceNaming::read(&Meta { label: &label, annotation: &annotation }, &item.name, self.policy);
        let facts = NamespaceFacts {
            injected: read.injected,
            ambient: read.ambient,
            ignored: read.ignored,
            network: self.label(&metadata, NETWORK)?,
            owner: read.owner.map(|owner| self.text("the namespace's owner", owner)).transpose()?,
        };
        self.facts.namespaces.insert(name, facts);
        Ok(())
    }

    pub(super) fn node(&mut self, _: &Item<'_>, Object { metadata, .. }: Object<'_, IgnoredAny>) -> Result<(), String> {
        for key in REGIONS {
            if let Some(region) = self.label(&metadata, key)? {
                *self.facts.node_regions.entry(region).or_default() += 1;
                break;
            }
        }
        Ok(())
    }

    pub(super) fn config_map(&mut self, item: &Item<'_>, _: Object<'_, IgnoredAny>) -> Result<(), String> {
        let namespace = item.namespace();
        match &*item.name {
            ROOT_CERT => return self.trust_bundle(item),
            SETTINGS if namespace == self.policy.gateway.namespace || &*namespace == ISTIO_SYSTEM => {
                return self.mesh_settings(item);
            }
            _ => {}
        }
        let is_elsewhere = namespace != self.policy.sync_namespace && &*namespace != ADMIRAL_SYNC;
        // Somebody else's ConfigMap is not read further, whatever it holds.
        if is_elsewhere || item.source.text().is_some_and(|text| !text.contains(VIP_STORE_KEY)) {
            return Ok(());
        }
        let ConfigMapData { data } = item.source.read().map_err(|error| error.problem)?;
        let Some(text) = data.value(VIP_STORE_KEY) else { return Ok(()) };
        let store: VipStore = serde_saphyr::from_str_with_options(text, super::yaml_options())
            .map_err(|error| format!("{VIP_STORE_KEY}: {}", ReadError::yaml(&error).problem))?;
        for (entry, address) in store.entry_addresses.unwrap_or_default() {
            let Ok(parsed) = address.parse::<IpAddr>() else {
                return Err(format!("{VIP_STORE_KEY}: {:?} is not an address", super::shorten(&address)));
            };
            let entry = self.text("a ServiceEntry name", &entry)?;
            // Two stores that disagree: the smaller address, so that the order of files does not matter.
            let known = self.facts.vip_store.get(&entry).and_then(|known| known.parse::<IpAddr>().ok());
            if known.is_none_or(|known| parsed < known) {
                self.facts.vip_store.insert(entry, Arc::from(address));
            }
        }
        Ok(())
    }

    /// The value of a label, if it is there and not empty.
    pub(super) fn label(&mut self, metadata: &Metadata<'_>, key: &str) -> Result<Option<Arc<str>>, String> {
        metadata.labels.value(key).filter(|v| !v.is_empty()).map(|value| self.text(key, value)).transpose()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct VipStore {
    #[serde(default)]
    entry_addresses: Option<BTreeMap<String, String>>,
}
