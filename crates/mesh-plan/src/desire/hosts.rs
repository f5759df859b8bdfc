//! The hosts of a name: its base host, and one more for each prefix of its traffic policy (`reference/admiral.md` §3.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_model::facts::TrafficItem;
use mesh_model::finding::{Code, Finding};
use mesh_model::host::{governs_base, prefix_host};
use mesh_model::name::Host;

use super::governing::Traffic;
use super::sources::Pair;

/// A host of a name and the traffic-policy item that governs it.
pub(super) struct NameHost {
    pub(super) host: Host,
    /// Whether the item has a prefix: then the DestinationRule's name has no `default`.
    pub(super) prefixed: bool,
    pub(super) item: Option<TrafficItem>,
}

impl NameHost {
    /// Annotation `dns-prefix`: the governing item's, unless empty or `default` (`reference/admiral.md` §11, R22).
    pub(super) fn prefix_mark(&self) -> Option<Arc<str>> {
        let prefix = &self.item.as_ref()?.dns_prefix;
        (!prefix.is_empty() && &**prefix != "default").then(|| Arc::clone(prefix))
    }
}

/// The hosts of the name whose base host is `base`, base host first.
pub(super) fn hosts_of(
    base: &Host,
    pair: &Pair,
    traffic: Option<&Traffic>,
    findings: &mut Vec<Finding>,
) -> Vec<NameHost> {
    // By lower-cased host: object names are lower case. A later item of the same host wins, as in Admiral.
    let mut hosts: BTreeMap<String, NameHost> = BTreeMap::new();
    let mut base_item = None;
    for item in traffic.into_iter().flat_map(|traffic| &traffic.items) {
        let origin = traffic.and_then(|traffic| traffic.origins.first());
        let mut finding = |code, message| {
            let place = origin.map_or_else(|| base.to_string(), |origin| format!("{} {}", origin.kind, origin.name));
            findings.push(Finding::new(code, origin.map(|origin| &origin.cluster), place, message));
        };
        let twice = if governs_base(&item.dns_prefix, &item.dns, base, &pair.1) {
            base_item.replace(item.clone()).is_some()
        } else {
            match prefix_host(&item.dns_prefix, base) {
                Ok(host) => {
                    let name_host = NameHost { host: host.clone(), prefixed: true, item: Some(item.clone()) };
                    hosts.insert(host.to_lowercase(), name_host).is_some()
                }
                Err(error) => {
                    finding(Code::IllegalHost, error.to_string());
                    false
                }
            }
        };
        if twice {
            finding(
                Code::PolicyLost,
                format!("two items govern one host (prefix {:?}); the later one counts", item.dns_prefix),
            );
        }
    }
    let base = NameHost { host: base.clone(), prefixed: false, item: base_item };
    std::iter::once(base).chain(hosts.into_values()).collect()
}

/// The prefix of an item that gives no legal host. Which host it means is not known: any that is there may be it.
pub(super) fn illegal_prefix<'t>(base: &Host, pair: &Pair, traffic: &'t Traffic) -> Option<&'t str> {
    let mut prefixed = traffic.items.iter().filter(|item| !governs_base(&item.dns_prefix, &item.dns, base, &pair.1));
    prefixed.find(|item| prefix_host(&item.dns_prefix, base).is_err()).map(|item| &*item.dns_prefix)
}
