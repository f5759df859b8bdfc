//! What decides what becomes of traffic, beside what is generated.

use std::sync::Arc;

use mesh_istio::host::may_match_under;
use mesh_model::finding::{Code, Finding};
use mesh_model::mesh::{ControlPlane, GatewayProxy, MeshSettings, Spec, TrustBundle};
use mesh_model::owned::ObjectKey;
use serde::Deserialize;
use serde_json::Value;

use super::certificate;
use super::problem::ReadError;
use super::whole::Whole;
use super::wire::{ConfigMapData, Object, Template, WorkloadStatus};
use super::{ClusterDecoder, Item};
use crate::limits::MAX_OBJECT;

/// The ConfigMap by which istiod gives each namespace its roots.
pub(crate) const ROOT_CERT: &str = "istio-ca-root-cert";
/// The ConfigMap with the settings of a mesh.
pub(crate) const SETTINGS: &str = "istio";
/// Where istiod runs, unless somebody moved it.
pub(crate) const ISTIO_SYSTEM: &str = "istio-system";
/// The key of [`ROOT_CERT`].
const ROOTS: &str = "root-cert.pem";
/// Annotation of a pod with settings of its own proxy.
pub(super) const PROXY_CONFIG: &str = "proxy.istio.io/config";
/// The key of [`SETTINGS`].
const MESH: &str = "mesh";

impl ClusterDecoder<'_> {
    /// An object of a kind that is only judged: its spec is kept as it is.
    pub(super) fn traffic_object(&mut self, item: &Item<'_>, object: Object<'_, Whole>) -> Result<(), String> {
        let Whole(spec) = object.spec.unwrap_or_default();
        self.keep_spec(item, spec)
    }

    /// An object that is judged where global names are concerned.
    pub(super) fn spec_under_suffix(&mut self, item: &Item<'_>, hosts: &[&str], spec: &Value) -> Result<(), String> {
        let suffix = &self.policy.suffix;
        if hosts.iter().any(|host| may_match_under(host, suffix)) { self.keep_spec(item, spec.clone()) } else { Ok(()) }
    }

    fn keep_spec(&mut self, item: &Item<'_>, spec: Value) -> Result<(), String> {
        let spec = match spec {
            Value::Null => Value::Object(serde_json::Map::new()),
            Value::Object(map) => without_nulls(Value::Object(map)),
            _ => return Err("its spec is not a map".to_owned()),
        };
        let text = spec.to_string();
        if text.len() > MAX_OBJECT {
            return Err(format!("its spec is longer than {MAX_OBJECT} bytes"));
        }
        let key = ObjectKey { kind: item.kind, namespace: item.namespace(), name: item.name.clone() };
        self.facts.mesh.specs.insert(key, Spec { text: self.interner.text(&text), created: item.created });
        Ok(())
    }

    /// The roots of a namespace. Those that do not read are a problem of the bundle: the others count all the same.
    pub(super) fn trust_bundle(&mut self, item: &Item<'_>) -> Result<(), String> {
        let ConfigMapData { data } = item.source.read().map_err(|error| error.problem)?;
        let bundle = match data.value(ROOTS) {
            Some(text) => self.interner.bundle(text, certificate::bundle),
            None => Arc::new(TrustBundle { problem: Some(format!("has no {ROOTS}").into()), ..TrustBundle::default() }),
        };
        self.facts.mesh.bundles.insert(item.namespace(), bundle);
        Ok(())
    }

    pub(super) fn mesh_settings(&mut self, item: &Item<'_>) -> Result<(), String> {
        let ConfigMapData { data } = item.source.read().map_err(|error| error.problem)?;
        let Some(text) = data.value(MESH) else { return Ok(()) };
        match serde_saphyr::from_str_with_options::<MeshConfig>(text, super::yaml_options()) {
            Ok(config) => self.facts.mesh.settings = Some(config.into()),
            // What is generated does not depend on it: no kind becomes unseen.
            Err(error) => {
                let message = format!("{MESH} cannot be read: {}", ReadError::yaml(&error).problem);
                self.find(Finding::new(Code::UnreadableObject, Some(&self.cluster.clone()), item.shown(), message));
            }
        }
        Ok(())
    }

    /// Notes what may be proxies of the gateway, or istiod.
    pub(super) fn note_mesh_workload(
        &mut self,
        item: &Item<'_>,
        template: &Template<'_>,
        (replicas, status): (Option<u32>, &WorkloadStatus),
    ) -> Result<(), String> {
        let labels = &template.metadata.labels;
        let namespace = item.namespace();
        if labels.has("app", "istiod") {
            let image = template.spec.containers.iter().find_map(|container| container.image.as_deref());
            let version = image.and_then(version);
            self.facts.mesh.control_planes.push(ControlPlane { namespace, name: item.name.clone(), version });
        } else if namespace == self.policy.gateway.namespace {
            let view = template.spec.containers.iter().find_map(|container| container.env.0.as_ref());
            let proxy = GatewayProxy {
                name: item.name.clone(),
                labels: self.interner.labels(labels),
                replicas: replicas.or(status.desired_number_scheduled),
                ready: status.ready_replicas.or(status.number_ready),
                network_view: self.filled("ISTIO_META_REQUESTED_NETWORK_VIEW", view)?,
            };
            self.facts.mesh.proxies.push(proxy);
        }
        Ok(())
    }
}

/// What a proxy's own configuration says of DNS; one that does not read says nothing.
pub(super) fn dns_capture(config: &str) -> Option<bool> {
    let config: ProxyConfig = serde_saphyr::from_str_with_options(config, super::yaml_options()).ok()?;
    config.dns_capture()
}

/// Major and minor version, by the tag of an image: `docker.io/istio/pilot:1.24.1-distroless`.
fn version(image: &str) -> Option<(u32, u32)> {
    let image = image.split('@').next().unwrap_or(image);
    let (_, tag) = image.rsplit_once('/').map_or(image, |(_, name)| name).split_once(':')?;
    let mut numbers = tag.trim_start_matches('v').splitn(3, '.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?.split('-').next()?.parse().ok()?;
    Some((major, minor))
}

/// What is null is not given, as in Istio's own reading.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let given = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(given.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// Istio's `MeshConfig`, as far as it is used.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MeshConfig {
    trust_domain: Option<Arc<str>>,
    trust_domain_aliases: Option<Vec<Arc<str>>>,
    ca_certificates: Option<Vec<CaCertificate>>,
    default_config: Option<ProxyConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CaCertificate {
    trust_domains: Option<Vec<Arc<str>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProxyConfig {
    proxy_metadata: Option<ProxyMetadata>,
}

impl ProxyConfig {
    fn dns_capture(self) -> Option<bool> {
        let Whole(value) = self.proxy_metadata?.dns_capture?;
        Some(value == "true" || value == true)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ProxyMetadata {
    #[serde(rename = "ISTIO_META_DNS_CAPTURE")]
    dns_capture: Option<Whole>,
}

impl From<MeshConfig> for MeshSettings {
    fn from(config: MeshConfig) -> Self {
        let aliases = config.trust_domain_aliases.unwrap_or_default();
        let certificates = config.ca_certificates.unwrap_or_default();
        Self {
            trust_domain: config.trust_domain.filter(|td| !td.is_empty()).unwrap_or_else(|| "cluster.local".into()),
            other_trust_domains: aliases
                .into_iter()
                .chain(certificates.into_iter().flat_map(|ca| ca.trust_domains.unwrap_or_default()))
                .collect(),
            dns_capture: config.default_config.and_then(ProxyConfig::dns_capture).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_told_by_the_tag_of_an_image() {
        for (image, want) in [
            ("docker.io/istio/pilot:1.24.1-distroless", Some((1, 24))),
            ("localhost:5000/pilot:v1.9", Some((1, 9))),
            ("gcr.io/istio/pilot:1.30-alpha.abc@sha256:00", Some((1, 30))),
            ("pilot:latest", None),
            ("pilot", None),
            ("localhost:5000/pilot", None),
        ] {
            assert_eq!(version(image), want, "{image}");
        }
    }
}
