//! `VirtualService` (networking.istio.io/v1): where requests for a host go.

use std::sync::Arc;

use serde::Deserialize;

use crate::any::Any;

/// Name in `gateways` that stands for every sidecar.
const MESH: &str = "mesh";

/// `spec` of a VirtualService.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualService {
    /// Hosts that it is for, wildcards included.
    pub hosts: Vec<Arc<str>>,
    /// Gateways that it is for; none, and `mesh`, are sidecars.
    pub gateways: Vec<Arc<str>>,
    /// Namespaces that see it; none are all.
    pub export_to: Vec<Arc<str>>,
    /// Routes of HTTP.
    pub http: Vec<Route>,
    /// Routes by SNI.
    pub tls: Vec<Route>,
    /// Routes of TCP.
    pub tcp: Vec<Route>,
}

/// One of its routes, as far as it tells where requests go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Route {
    /// Which requests it is for; none are all.
    #[serde(rename = "match")]
    pub matches: Vec<Any>,
    /// Destinations.
    pub route: Vec<RouteDestination>,
    /// Answers with a redirect in place of the service.
    pub redirect: Option<Any>,
    /// Answers itself.
    pub direct_response: Option<Any>,
    /// Fails or delays requests on purpose.
    pub fault: Option<Any>,
    /// Hands on to another VirtualService.
    pub delegate: Option<Any>,
}

/// A destination with its weight.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct RouteDestination {
    /// Where.
    pub destination: Destination,
}

/// A destination.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Destination {
    /// The host of a service.
    pub host: Arc<str>,
    /// A subset of it that a DestinationRule must define.
    pub subset: Option<Arc<str>>,
}

impl VirtualService {
    /// Whether sidecars follow it.
    pub fn is_for_sidecars(&self) -> bool {
        self.gateways.is_empty() || self.gateways.iter().any(|gateway| &**gateway == MESH)
    }

    /// Every route, of whatever protocol.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.http.iter().chain(&self.tls).chain(&self.tcp)
    }
}
