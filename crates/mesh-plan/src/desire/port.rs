//! The published port of a name: which protocol and number, when its sources disagree (deviations D9, D15).

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_model::name::ClusterName;

use super::live::LiveHost;
use super::mesh_port::{HTTP_PORT, by_word, is_http};
use super::site::Site;
use super::sources::{Local, Source};

/// The published port of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) protocol: Arc<str>,
    pub(super) number: u16,
    /// What the sources say, where they disagree.
    pub(super) clash: Option<String>,
}

impl Port {
    /// Whether a local endpoint is published under it.
    pub(super) fn is_of(&self, local: &Local<'_>) -> bool {
        *self.protocol == *local.port.protocol && self.number == local.port.published
    }
}

/// Chooses the port: the live one while a seen or held source has it, else that of most sources, then sorted. `any_held`
/// tells that a source that cannot be seen may have it.
pub(super) fn choose(
    sources: &BTreeMap<&ClusterName, &Source<'_>>,
    any_held: bool,
    live: Option<&LiveHost<'_>>,
    sites: &BTreeMap<&ClusterName, Site<'_>>,
) -> Option<Port> {
    let live_ports = live.into_iter().flat_map(|host| &host.entries).filter_map(|(cluster, entry)| {
        let port = entry.spec()?.ports.first()?;
        Some((sites[cluster].is_writable(), (by_word(&port.name)?, port.number)))
    });
    let live_ports: Vec<_> = live_ports.collect();
    // What cannot be written may be old: it counts only where there is nothing else.
    let written = live_ports.iter().filter(|(is_writable, _)| *is_writable).map(|(_, port)| *port);
    let live = most_frequent(written).or_else(|| most_frequent(live_ports.iter().map(|(_, port)| *port)));
    let mut offered: Vec<(&str, (&'static str, u16))> = sources
        .iter()
        .flat_map(|(cluster, source)| {
            source.endpoints.values().map(|local| (cluster.as_str(), (local.port.protocol, local.port.published)))
        })
        .collect();
    offered.sort_unstable();
    offered.dedup();
    let has = |wanted: &dyn Fn(&(&'static str, u16)) -> bool| offered.iter().any(|(_, port)| wanted(port));
    let protocol = match live {
        Some((protocol, _)) if any_held || has(&|(p, _)| *p == protocol) => protocol,
        _ => most_frequent(offered.iter().map(|(_, (protocol, _))| *protocol))?,
    };
    let number = match live {
        _ if is_http(protocol) => HTTP_PORT,
        Some((p, number)) if p == protocol && (any_held || has(&|port| *port == (protocol, number))) => number,
        _ => most_frequent(offered.iter().filter(|(_, (p, _))| *p == protocol).map(|(_, (_, n))| *n))?,
    };
    let clash = offered.iter().any(|(_, port)| *port != (protocol, number)).then(|| {
        let said: Vec<_> = offered.iter().map(|(cluster, (p, n))| format!("{p}/{n} in {cluster}")).collect();
        format!("sources disagree about the port ({}); {protocol}/{number} is published", said.join(", "))
    });
    Some(Port { protocol: protocol.into(), number, clash })
}

/// The most frequent value, then the smallest.
fn most_frequent<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(value, _)| value)
}
