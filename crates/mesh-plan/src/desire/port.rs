//! The published port of a name: which protocol and number, when its sources disagree (deviations D9, D15).

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_model::name::ClusterName;

use super::live::LiveEntry;
use super::mesh_port::{HTTP_PORT, by_word, is_http};
use super::sources::{Local, Source};

/// The published port of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) protocol: Arc<str>,
    pub(super) number: u16,
    /// What the sources say, where they disagree.
    pub(super) clash: Option<String>,
}

/// Whether a protocol can be published under a number: all but the HTTP family need a virtual address, and may not have
/// number 80 (deviation D15).
fn is_publishable(protocol: &str, number: u16, has_address: bool) -> bool {
    is_http(protocol) || has_address && number != HTTP_PORT
}

impl Port {
    /// Whether a local endpoint is published under it.
    pub(super) fn is_of(&self, local: &Local<'_>) -> bool {
        *self.protocol == *local.port.protocol && self.number == local.port.published
    }
}

/// Chooses the port: the live one while a seen or held source has it, else that of most sources, then sorted; none where
/// nothing that is offered can be published. `any_held` tells that a source that cannot be seen may have the live one.
pub(super) fn choose(
    sources: &BTreeMap<&ClusterName, &Source<'_>>,
    any_held: bool,
    live: &[(&ClusterName, &LiveEntry<'_>)],
    has_address: bool,
) -> Option<Port> {
    let live_ports = live.iter().filter_map(|(_, entry)| {
        let port = entry.spec()?.ports.first()?;
        Some((by_word(&port.name)?, port.number))
    });
    let live = most_frequent(live_ports.filter(|(protocol, number)| is_publishable(protocol, *number, has_address)));
    let mut offered: Vec<(&str, (&'static str, u16))> = sources
        .iter()
        .flat_map(|(cluster, source)| {
            source.endpoints.values().map(|local| (cluster.as_str(), (local.port.protocol, local.port.published)))
        })
        .filter(|(_, (protocol, number))| is_publishable(protocol, *number, has_address))
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
