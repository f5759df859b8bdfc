//! Whose a host or an object is: the names of a plan by their hosts.

use std::collections::BTreeMap;

use mesh_model::host::tails;
use mesh_model::name::{Host, Identity};
use mesh_model::owned::ObjectKey;

use crate::desired::{Desired, Name};

/// How the names of our objects end, after the host in lower case.
const ENDINGS: [&str; 3] = ["-se", "-dr", "-default-dr"];

/// The names that are desired, by host.
pub(super) struct HostIndex<'a> {
    names: &'a BTreeMap<Host, Name>,
    /// By host in lower case; the smallest base host counts.
    by_host: BTreeMap<String, KnownHost<'a>>,
}

/// A host of a name that is desired.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KnownHost<'a> {
    pub(super) base: &'a Host,
    pub(super) host: &'a Host,
    pub(super) identity: &'a Identity,
}

impl<'a> HostIndex<'a> {
    pub(super) fn of(desired: &'a Desired) -> Self {
        let mut by_host = BTreeMap::new();
        for (base, name) in &desired.names {
            for host in name.hosts.keys() {
                let known = KnownHost { base, host, identity: &name.identity };
                by_host.entry(host.to_lowercase()).or_insert(known);
            }
        }
        Self { names: &desired.names, by_host }
    }

    /// The name that `host` belongs to: its base host is `host`, or what `host` ends in; the smallest of several.
    pub(super) fn name_of(&self, host: &Host) -> Option<(&'a Host, &'a Name)> {
        std::iter::once(host.as_str())
            .chain(tails(host))
            .filter_map(|tail| self.names.get_key_value(tail))
            .min_by_key(|(base, _)| *base)
    }

    /// The host that an object of ours is named after.
    pub(super) fn of_object(&self, key: &ObjectKey) -> Option<KnownHost<'a>> {
        let hosts = ENDINGS.iter().filter_map(|ending| key.name.strip_suffix(ending));
        hosts.filter_map(|host| self.by_host.get(host)).min().copied()
    }
}

#[cfg(test)]
mod tests {
    use mesh_model::kind::Kind;
    use mesh_model::name::Namespace;

    use super::*;
    use crate::lookup::fixture::{desired, host};

    fn object(name: &str) -> ObjectKey {
        let namespace = Namespace::parse("mesh-sync").unwrap();
        ObjectKey { kind: Kind::DestinationRule, namespace, name: name.into() }
    }

    #[test]
    fn a_host_belongs_to_the_name_whose_base_host_it_ends_in() {
        let desired = desired();
        let index = HostIndex::of(&desired);
        let (base, _) = desired.names.first_key_value().unwrap();
        for mine in [base.clone(), host(&format!("gone.{base}"))] {
            assert_eq!(index.name_of(&mine).map(|(base, _)| base), Some(base));
        }
        assert!(index.name_of(&host(&format!("x{base}"))).is_none());
    }

    #[test]
    fn an_object_belongs_to_the_host_that_it_is_named_after() {
        let desired = desired();
        let index = HostIndex::of(&desired);
        let (base, name) = desired.names.first_key_value().unwrap();
        for host in name.hosts.keys() {
            for ending in ENDINGS {
                let known = index.of_object(&object(&format!("{host}{ending}"))).unwrap();
                assert_eq!((known.base, known.host), (base, host));
            }
            assert!(index.of_object(&object(&format!("{host}-x"))).is_none());
        }
    }
}
