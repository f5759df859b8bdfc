//! `Gateway` (networking.istio.io/v1): what it lets in.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

/// Mode of a server that passes TLS on by its SNI, to the service that the SNI names: how one cluster reaches another.
pub const AUTO_PASSTHROUGH: &str = "AUTO_PASSTHROUGH";

/// `spec` of a Gateway.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Gateway {
    /// Labels of the proxies that it is for; none are all.
    pub selector: BTreeMap<Arc<str>, Arc<str>>,
    /// What they listen to.
    pub servers: Vec<Server>,
}

/// What proxies listen to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Server {
    /// Where.
    pub port: ServerPort,
    /// How TLS is handled.
    pub tls: Option<ServerTls>,
    /// Hosts that are let in, each maybe with `namespace/` before it.
    pub hosts: Vec<Arc<str>>,
}

/// The port of a server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ServerPort {
    /// Its number.
    pub number: u16,
    /// `TLS`, `HTTP`, …
    pub protocol: Arc<str>,
}

/// How TLS is handled.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ServerTls {
    /// `AUTO_PASSTHROUGH`, `PASSTHROUGH`, `SIMPLE`, `MUTUAL`, …
    pub mode: Arc<str>,
}

impl Server {
    /// Whether it passes on what its hosts are called for.
    pub fn passes_on(&self) -> bool {
        self.port.protocol.eq_ignore_ascii_case("TLS")
            && self.tls.as_ref().is_some_and(|tls| &*tls.mode == AUTO_PASSTHROUGH)
    }

    /// The patterns of its hosts, without namespaces.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(|host| host.rsplit_once('/').map_or(&**host, |(_, pattern)| pattern))
    }
}
