//! What a key says before anything was read.

use std::net::IpAddr;

use mesh_model::name::{Host, Identity};

/// A key that generated objects can be asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// The label tells.
    Identity(Identity),
    /// The name of the ServiceEntry tells, and its marks tell the identity: hosts are in lower case, and where an env ends
    /// cannot be seen.
    Host(Host),
}

impl Key {
    /// What `text` is; none for what objects do not tell: globs, addresses, workloads by their path, Services by theirs.
    pub(super) fn parse(text: &str, suffix: &str) -> Option<Self> {
        let text = text.trim();
        let name = text.strip_suffix('.').unwrap_or(text).to_lowercase();
        let in_cluster = name.strip_suffix(".cluster.local").unwrap_or(&name);
        let of_service = in_cluster.rsplit_once('.').is_some_and(|(_, last)| last == "svc");
        if text.contains(['*', '?', '/']) || text.parse::<IpAddr>().is_ok() || of_service {
            return None;
        }
        match name.strip_suffix(&suffix.to_lowercase()).and_then(|rest| rest.strip_suffix('.')) {
            Some(_) => Host::parse(&name).ok().map(Self::Host),
            None => Identity::parse(text).ok().map(Self::Identity),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_and_hosts_are_told_from_what_no_object_tells() {
        let host = |text: &str| Some(Key::Host(Host::parse(text).unwrap()));
        let identity = |text: &str| Some(Key::Identity(Identity::parse(text).unwrap()));
        for (key, want) in [
            ("orders", identity("orders")),
            (" Orders ", identity("Orders")),
            ("shop.orders", identity("shop.orders")),
            ("global", identity("global")),
            ("prod.orders.global", host("prod.orders.global")),
            ("West.Prod.orders.GLOBAL.", host("west.prod.orders.global")),
            ("a b", None),
            ("", None),
            ("ord*", None),
            ("240.64.0.9", None),
            ("fd6d::1", None),
            ("orders/orders", None),
            ("orders.shop.svc.cluster.local", None),
            ("or_ders.global", None),
        ] {
            assert_eq!(Key::parse(key, "global"), want, "{key:?}");
        }
    }
}
