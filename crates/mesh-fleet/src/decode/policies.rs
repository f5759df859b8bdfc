//! Admiral's own kinds: Dependency, GlobalTrafficPolicy, OutlierDetection, ClientConnectionConfig.

use std::sync::Arc;

use mesh_model::facts::{
    ClientConnectionConfig, Dependency, GlobalTrafficPolicy, OutlierDetection, OutlierValues, PolicyMeta, TrafficItem,
};
use mesh_model::finding::{Code, Finding};
use mesh_model::naming::{self, Meta};
use serde_json::Value;

use super::text::Pairs;
use super::whole::Whole;
use super::wire::{self, IntOrText, Metadata, Object};
use super::{ClusterDecoder, Item};
use crate::limits::{MAX_ENTRIES, MAX_OBJECT};

impl ClusterDecoder<'_> {
    pub(super) fn dependency(
        &mut self,
        item: &Item<'_>,
        object: Object<'_, wire::DependencySpec<'_>>,
    ) -> Result<(), String> {
        let spec = object.spec.unwrap_or_default();
        if spec.destinations.len() > MAX_ENTRIES {
            return Err(format!("has more than {MAX_ENTRIES} destinations"));
        }
        let dependency = Dependency {
            namespace: item.namespace(),
            name: item.name.clone(),
            source: self.text("spec.source", spec.source.as_deref().unwrap_or_default())?,
            destinations: spec
                .destinations
                .iter()
                .map(|destination| self.text("a destination", destination))
                .collect::<Result<_, _>>()?,
        };
        self.facts.dependencies.push(dependency);
        Ok(())
    }

    pub(super) fn global_traffic_policy(
        &mut self,
        item: &Item<'_>,
        object: Object<'_, wire::GlobalTrafficPolicySpec<'_>>,
    ) -> Result<(), String> {
        let spec = object.spec.unwrap_or_default();
        if spec.policy.len() > MAX_ENTRIES {
            return Err(format!("has more than {MAX_ENTRIES} items"));
        }
        let Some(meta) = self.policy_meta(item, &object.metadata, Some(&spec.selector))? else { return Ok(()) };
        let keys = &self.policy.keys;
        let priority = object.metadata.labels.value(&keys.priority).and_then(|text| text.parse().ok()).unwrap_or(0);
        let last_updated = object.metadata.annotations.value("lastUpdatedAt").filter(|text| !text.is_empty());
        let policy = GlobalTrafficPolicy {
            meta,
            priority,
            last_updated: last_updated.map(|text| self.text("lastUpdatedAt", text)).transpose()?,
            items: spec.policy.iter().map(|item| self.traffic_item(item)).collect::<Result<_, _>>()?,
        };
        self.facts.traffic_policies.push(policy);
        Ok(())
    }

    fn traffic_item(&mut self, item: &wire::TrafficItem<'_>) -> Result<TrafficItem, String> {
        let failover = match &item.lb_type {
            None | Some(IntOrText::Int(0)) => false,
            Some(IntOrText::Int(1)) => true,
            Some(IntOrText::Text(name)) if name.eq_ignore_ascii_case("TOPOLOGY") => false,
            Some(IntOrText::Text(name)) if name.eq_ignore_ascii_case("FAILOVER") => true,
            Some(IntOrText::Int(number)) => {
                return Err(format!("lbType {number} is neither 0 (TOPOLOGY) nor 1 (FAILOVER)"));
            }
            Some(IntOrText::Text(name)) => {
                return Err(format!("lbType {:?} is neither TOPOLOGY nor FAILOVER", super::shorten(name)));
            }
        };
        if item.target.len() > MAX_ENTRIES {
            return Err(format!("has an item with more than {MAX_ENTRIES} targets"));
        }
        let mut targets = Vec::with_capacity(item.target.len());
        for target in &item.target {
            let region = self.text("a region", target.region.as_deref().unwrap_or_default())?;
            targets.push((region, target.weight.unwrap_or(0)));
        }
        Ok(TrafficItem {
            dns_prefix: self.text("dnsPrefix", item.dns_prefix.as_deref().unwrap_or_default())?,
            dns: self.text("dns", item.dns.as_deref().unwrap_or_default())?,
            failover,
            targets,
            outlier: item.outlier_detection.map(outlier_values),
        })
    }

    pub(super) fn outlier_detection(
        &mut self,
        item: &Item<'_>,
        object: Object<'_, wire::OutlierDetectionSpec<'_>>,
    ) -> Result<(), String> {
        let spec = object.spec.unwrap_or_default();
        let Some(meta) = self.policy_meta(item, &object.metadata, Some(&spec.selector))? else { return Ok(()) };
        self.facts.outlier_detections.push(OutlierDetection { meta, values: outlier_values(spec.outlier_config) });
        Ok(())
    }

    pub(super) fn connection_config(
        &mut self,
        item: &Item<'_>,
        object: Object<'_, wire::ConnectionConfigSpec>,
    ) -> Result<(), String> {
        let Some(meta) = self.policy_meta(item, &object.metadata, None)? else { return Ok(()) };
        let pool = object.spec.unwrap_or_default().connection_pool;
        let pool = match pool {
            None | Some(Whole(Value::Null)) => "{}".to_owned(),
            Some(Whole(pool @ Value::Object(_))) => pool.to_string(),
            Some(_) => return Err("spec.connectionPool is not a map".to_owned()),
        };
        if pool.len() > MAX_OBJECT {
            return Err(format!("spec.connectionPool is longer than {MAX_OBJECT} bytes"));
        }
        let connection_pool = self.interner.text(&pool);
        self.facts.connection_configs.push(ClientConnectionConfig { meta, connection_pool });
        Ok(())
    }

    /// What the policy object governs; none when it is ignored or names no identity. Without a selector
    /// (ClientConnectionConfig) only labels and annotations count.
    fn policy_meta(
        &mut self,
        item: &Item<'_>,
        metadata: &Metadata<'_>,
        selector: Option<&Pairs<'_>>,
    ) -> Result<Option<PolicyMeta>, String> {
        let keys = &self.policy.keys;
        let (label, annotation) = (metadata.labels.look_up(), metadata.annotations.look_up());
        let meta = Meta { label: &label, annotation: &annotation };
        if meta.is_ignored() {
            return Ok(None);
        }
        let selected = |key: &str| selector.and_then(|pairs| pairs.value(key));
        let Some(identity) = naming::policy_identity(&meta, &selected, keys) else {
            self.without_identity(item);
            return Ok(None);
        };
        let env = naming::policy_env(&meta, &selected, keys);
        Ok(Some(PolicyMeta {
            namespace: item.namespace(),
            name: item.name.clone(),
            identity: self.text("its identity", identity)?,
            env: self.text("its env", env)?,
            created: item.created,
        }))
    }

    fn without_identity(&mut self, item: &Item<'_>) {
        let key = self.policy.keys.policy_identity.clone();
        let place: Arc<str> = item.shown().into();
        let message = "governs nothing: it names no identity".to_owned();
        let mut finding = Finding::new(Code::PolicyWithoutWorkload, Some(&self.cluster.clone()), place, message);
        finding.next = format!("give it the label {key}");
        self.find(finding);
    }
}

fn outlier_values(config: wire::OutlierConfig) -> OutlierValues {
    OutlierValues {
        base_ejection_time: config.base_ejection_time,
        consecutive_gateway_errors: config.consecutive_gateway_errors,
        interval: config.interval,
    }
}
