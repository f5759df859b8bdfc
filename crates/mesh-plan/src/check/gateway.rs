//! Whether the east-west gateway of a cluster passes a host on, and to whom.

use std::sync::Arc;

use mesh_istio::Gateway as GatewayObject;
use mesh_istio::gateway::Server;
use mesh_istio::host::matches;
use mesh_model::facts::{LabelSet, TargetPort};
use mesh_model::finding::Code;
use mesh_model::kind::Kind;
use mesh_model::mesh::GatewayProxy;
use mesh_model::policy::GATEWAY_PORT;

use super::mesh::{Held, Mesh};
use super::problem::Problem;
use crate::desire::site::{Gateway, Site};

/// The gateway of a cluster: its Service, its proxies, and what they let in.
pub(crate) struct EastWest<'m, 'a> {
    mesh: &'m Mesh<'a>,
    site: &'m Site<'a>,
    /// Its Service, as `namespace/name`; none where the policy gives an address.
    service: Option<Arc<str>>,
    selector: LabelSet,
    /// Ports that its proxies listen on for it.
    ports: Vec<u16>,
    /// Its proxies, as far as they were found.
    pub(crate) proxies: Vec<&'a GatewayProxy>,
}

impl<'m, 'a> EastWest<'m, 'a> {
    pub(crate) fn of(mesh: &'m Mesh<'a>, site: &'m Site<'a>) -> Self {
        let service = match &site.gateway {
            Gateway::At { service, .. } => service.clone(),
            Gateway::None | Gateway::Missing => None,
        };
        let named = service.as_deref().and_then(|service| service.rsplit_once('/')).map(|(_, name)| name);
        let mut services = mesh.facts.services.get(mesh.root).into_iter().flatten();
        let found = named.and_then(|name| services.find(|service| &*service.name == name));
        let mut ports = vec![GATEWAY_PORT];
        if let Some(TargetPort::Number(number)) = found
            .and_then(|service| service.ports.iter().find(|port| port.number == GATEWAY_PORT))
            .map(|port| &port.target)
        {
            ports.push(*number);
        }
        let selector = found.map(|service| service.selector.clone()).unwrap_or_default();
        let is_proxy = |proxy: &&GatewayProxy| !selector.is_empty() && contains(&proxy.labels, &selector);
        let proxies = mesh.facts.mesh.proxies.iter().filter(is_proxy).collect();
        Self { mesh, site, service, selector, ports, proxies }
    }

    /// The namespace of its proxies.
    pub(crate) fn namespace(&self) -> &'a str {
        self.mesh.root
    }

    /// Why the host is not passed on, if it is not; nothing where Gateways are unknown.
    pub(crate) fn closed(&self, host: &str) -> Option<Problem> {
        if !self.mesh.knows(Kind::Gateway) || !matches!(self.site.gateway, Gateway::At { .. }) {
            return None;
        }
        let mut near: Option<(&Held<'a, GatewayObject>, String)> = None;
        for (held, server) in self.servers() {
            let covers = server.patterns().any(|pattern| matches(pattern, host));
            if covers && server.passes_on() {
                return None;
            }
            let why = if server.passes_on() {
                "its hosts do not cover it, so that connections are reset: 503 UF".to_owned()
            } else {
                let mode = server.tls.as_ref().map_or("none", |tls| &*tls.mode);
                format!(
                    "its port {} is of mode {mode}, not AUTO_PASSTHROUGH: connections are reset, 503 UF",
                    server.port.number
                )
            };
            if near.is_none() || server.passes_on() {
                near = Some((held, why));
            }
        }
        Some(near.map_or_else(
            || {
                let what = format!("no Gateway lets its proxies listen on {GATEWAY_PORT} for other clusters: 503 UF");
                Problem::new(Code::GatewayClosed, Some(self.mesh.cluster), self.place(), what)
            },
            |(held, why)| Problem::of_object(Code::GatewayClosed, self.mesh.cluster, held.key, why),
        ))
    }

    /// What is wrong with it whatever the host is; `relays` where somebody else serves a host of this cluster as well.
    pub(crate) fn problems(&self, relays: bool) -> Vec<Problem> {
        let cluster = self.mesh.cluster;
        let mut problems = Vec::new();
        for (held, server) in self.servers().filter(|(_, server)| server.passes_on()) {
            if server.patterns().any(|pattern| pattern == "*") {
                let what = "it passes on every host, those of this cluster's own services included".to_owned();
                problems.push(Problem::of_object(Code::GatewayOpen, cluster, held.key, what));
            }
        }
        for proxy in self.proxies.iter().filter(|_| relays) {
            let network = &self.site.network;
            let place = format!("gateway {}/{}", self.mesh.root, proxy.name);
            let what = match &proxy.network_view {
                Some(view) if view == network => continue,
                Some(view) => format!("it asks for endpoints of network {view:?}, and the cluster's is {network:?}"),
                None => "it asks for endpoints of all networks, and hands on to other clusters a part of what is meant for this one".to_owned(),
            };
            problems.push(Problem::new(Code::NetworkView, Some(cluster), place, what));
        }
        problems.extend(self.several_addresses());
        problems.extend(self.not_ready());
        problems
    }

    /// That its Service has several addresses, of which one is used.
    fn several_addresses(&self) -> Option<Problem> {
        let name = self.service.as_deref()?.rsplit_once('/')?.1;
        let service = self.mesh.facts.gateways.iter().find(|service| &*service.name == name)?;
        (service.ingresses > 1).then(|| {
            let what = format!("it has {} addresses, and other clusters use the first one only", service.ingresses);
            Problem::new(Code::SeveralAddresses, Some(self.mesh.cluster), self.place(), what)
        })
    }

    /// That none of its proxies is ready.
    pub(crate) fn not_ready(&self) -> Option<Problem> {
        let is_down = |proxy: &&GatewayProxy| proxy.replicas == Some(0) || proxy.ready == Some(0);
        let is_dead = !self.proxies.is_empty() && self.proxies.iter().all(is_down);
        is_dead.then(|| {
            let what = "none of its pods is ready: 503 UF for clients of other clusters".to_owned();
            Problem::new(Code::GatewayNotReady, Some(self.mesh.cluster), self.place(), what)
        })
    }

    /// The servers of Gateways that are for its proxies and its port.
    fn servers(&self) -> impl Iterator<Item = (&'m Held<'a, GatewayObject>, &'m Server)> {
        let all = self.mesh.gateways.iter().filter(|held| self.is_for_proxies(&held.spec));
        all.flat_map(|held| held.spec.servers.iter().map(move |server| (held, server)))
            .filter(|(_, server)| self.ports.contains(&server.port.number))
    }

    fn is_for_proxies(&self, gateway: &GatewayObject) -> bool {
        let is_in = |labels: &LabelSet| {
            gateway.selector.iter().all(|(key, value)| labels.iter().any(|(k, v)| k == key && v == value))
        };
        // Where neither the Service nor its proxies are known, any may be for them.
        match (self.proxies.is_empty(), self.selector.is_empty()) {
            (true, true) => true,
            (true, false) => is_in(&self.selector),
            (false, _) => self.proxies.iter().any(|proxy| is_in(&proxy.labels)),
        }
    }

    fn place(&self) -> String {
        match &self.service {
            Some(service) => format!("Service {service}"),
            None => self.mesh.cluster.to_string(),
        }
    }
}

fn contains(labels: &LabelSet, wanted: &LabelSet) -> bool {
    wanted.iter().all(|pair| labels.contains(pair))
}
