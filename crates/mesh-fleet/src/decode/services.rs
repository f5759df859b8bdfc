//! Services, and those among them that may be the east-west gateway.

use std::sync::Arc;

use mesh_model::facts::{GatewayService, Service, ServicePort, TargetPort};
use mesh_model::naming::Meta;

use super::cluster::NETWORK;
use super::wire::{self, IntOrText, Object};
use super::{ClusterDecoder, Item};
use crate::limits::MAX_ENTRIES;
use mesh_json::Text;

/// Port on which a gateway passes mutual TLS through by server name (`reference/admiral.md` §4.7).
const GATEWAY_PORT: u16 = 15443;
/// Label by which a gateway Service is found.
const APP: &str = "app";

type ServiceObject<'a> = Object<'a, wire::ServiceSpec<'a>, wire::ServiceStatus<'a>>;

impl ClusterDecoder<'_> {
    pub(super) fn service(&mut self, item: &Item<'_>, object: ServiceObject<'_>) -> Result<(), String> {
        let spec = object.spec.unwrap_or_default();
        let namespace = item.namespace();
        if spec.ports.len() > MAX_ENTRIES {
            return Err(format!("has more than {MAX_ENTRIES} ports"));
        }
        if namespace == self.policy.gateway.namespace
            && let Some(rank) = object
                .metadata
                .labels
                .value(APP)
                .and_then(|app| self.policy.gateway.apps.iter().position(|wanted| wanted == app))
        {
            let status = object.status.unwrap_or_default();
            let ingress = &status.load_balancer.ingress;
            let first = ingress.first();
            let gateway = GatewayService {
                name: item.name.clone(),
                hostname: self.filled("hostname", first.and_then(|i| i.hostname.as_ref()))?,
                ip: self.filled("ip", first.and_then(|i| i.ip.as_ref()))?,
                external_ip: self.filled("externalIPs", spec.external_ips.first())?,
                node_port: spec.ports.iter().find(|p| p.port == GATEWAY_PORT).and_then(|p| p.node_port),
                ingresses: ingress.len(),
                network: self.label(&object.metadata, NETWORK)?,
            };
            self.facts.gateways.push(gateway);
            self.gateway_ranks.push(rank);
        }
        let ports = spec.ports.iter().map(|port| self.port(port)).collect::<Result<Vec<_>, _>>()?;
        let (label, annotation) = (object.metadata.labels.look_up(), object.metadata.annotations.look_up());
        let service = Service {
            name: item.name.clone(),
            created: item.created,
            selector: self.interner.labels(&spec.selector),
            ports: self.interner.ports(ports),
            headless: spec.cluster_ip.as_deref() == Some("None"),
            external_name: spec.service_type.as_deref() == Some("ExternalName"),
            ignored: Meta { label: &label, annotation: &annotation }.is_ignored(),
        };
        self.facts.services.entry(namespace).or_default().push(service);
        Ok(())
    }

    fn port(&mut self, port: &wire::ServicePort<'_>) -> Result<ServicePort, String> {
        if port.port == 0 {
            return Err("port 0 is out of range".to_owned());
        }
        let target = match &port.target_port {
            // 0 and the empty name are what clients write for "not given".
            None | Some(IntOrText::Int(0)) => TargetPort::Unset,
            Some(IntOrText::Int(number)) => {
                TargetPort::Number(u16::try_from(*number).map_err(|_| format!("targetPort {number} is out of range"))?)
            }
            Some(IntOrText::Text(name)) if name.is_empty() => TargetPort::Unset,
            Some(IntOrText::Text(name)) => TargetPort::Name(self.text("targetPort", name)?),
        };
        Ok(ServicePort {
            name: self.text("a port name", port.name.as_deref().unwrap_or_default())?,
            number: port.port,
            target,
            app_protocol: self.filled("appProtocol", port.app_protocol.as_ref())?,
            not_tcp: port.protocol.as_deref().is_some_and(|protocol| !protocol.is_empty() && protocol != "TCP"),
        })
    }

    /// The text, if it is there and not empty.
    pub(super) fn filled(&mut self, what: &str, text: Option<&Text<'_>>) -> Result<Option<Arc<str>>, String> {
        text.filter(|text| !text.is_empty()).map(|text| self.text(what, text)).transpose()
    }
}
