//! Virtual addresses (deviation D3): kept where a host has one, else a function of the host.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use mesh_model::policy::{Ipv4Range, VipPolicy};
use sha2::{Digest, Sha256};

/// The addresses that a host may keep: first what our objects have, for we may have known more when they were written,
/// then Admiral's ConfigMap, then what Admiral's objects have, and such as may be old.
#[derive(Default)]
pub(super) struct Kept {
    /// How many clusters that can be written hold each, in objects of ours.
    pub(super) ours: BTreeMap<Arc<str>, usize>,
    pub(super) stored: Option<Arc<str>>,
    /// How many clusters hold each in objects of Admiral's, or cannot be written.
    pub(super) others: BTreeMap<Arc<str>, usize>,
    /// Those that it may not have, since an object that stays has them where the host is to be: by address, whose.
    pub(super) barred: BTreeMap<Arc<str>, Arc<str>>,
}

impl Kept {
    /// By precedence.
    fn choices(&self) -> [Option<Arc<str>>; 3] {
        // Most clusters, then the smallest: `max_by_key` takes the last of equals.
        let most = |held: &BTreeMap<Arc<str>, usize>| {
            held.iter().rev().max_by_key(|(_, clusters)| **clusters).map(|(address, _)| Arc::clone(address))
        };
        [most(&self.ours), self.stored.clone(), most(&self.others)]
    }
}

/// What came of allotting.
#[derive(Default)]
pub(super) struct Allotment {
    /// By host in lower case; hosts without an address are absent.
    pub(super) addresses: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// Hosts that lost the address that they had, with the host that keeps it.
    pub(super) collisions: Vec<(Arc<str>, Arc<str>, Arc<str>)>,
    /// Hosts that got none, since the range is full.
    pub(super) full: Vec<Arc<str>>,
}

/// Allots an address to each of `hosts` (in lower case). `reserved` addresses belong to somebody else.
pub(super) fn allot(policy: &VipPolicy, hosts: &BTreeMap<Arc<str>, Kept>, reserved: &BTreeSet<Arc<str>>) -> Allotment {
    let mut allotment = Allotment::default();
    let mut owner: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
    let mut keep = |host: &Arc<str>, address: &Arc<str>, allotment: &mut Allotment| match hosts[host]
        .barred
        .get(address)
        .or_else(|| owner.get(address))
    {
        Some(other) if other != host => {
            allotment.collisions.push((Arc::clone(host), Arc::clone(address), Arc::clone(other)));
        }
        _ => {
            owner.insert(Arc::clone(address), Arc::clone(host));
            allotment.addresses.insert(Arc::clone(host), vec![Arc::clone(address)]);
        }
    };
    // Round by round: an address that one host has in its objects is not another's only because it is stored.
    for round in 0..3 {
        for (host, kept) in hosts {
            if let Some(address) = kept.choices()[round].as_ref().filter(|_| !allotment.addresses.contains_key(host)) {
                keep(host, address, &mut allotment);
            }
        }
    }
    let VipPolicy::Range { range, ipv6 } = policy else { return allotment };
    let mut taken: BTreeSet<Ipv4Addr> =
        owner.keys().chain(reserved).filter_map(|address| address.parse().ok()).collect();
    for host in hosts.keys() {
        if !allotment.addresses.contains_key(host) {
            match probe(*range, host, &taken) {
                Some(address) => {
                    taken.insert(address);
                    allotment.addresses.insert(Arc::clone(host), vec![address.to_string().into()]);
                }
                None => allotment.full.push(Arc::clone(host)),
            }
        }
    }
    if *ipv6 {
        for addresses in allotment.addresses.values_mut() {
            if let Some(v4) = addresses.first().and_then(|address| address.parse::<Ipv4Addr>().ok()) {
                addresses.push(ipv6_of(v4).to_string().into());
            }
        }
    }
    allotment
}

/// The first free address from where the host hashes to, `.0` and `.255` passed over.
fn probe(range: Ipv4Range, host: &str, taken: &BTreeSet<Ipv4Addr>) -> Option<Ipv4Addr> {
    let size = 1u64 << (32 - range.prefix);
    let first = u64::from(u32::from(range.network));
    let start = u64::from(hash(host)) % size;
    // Every address that is passed over is taken or one of two in 256.
    let tries = size.min(2 * taken.len() as u64 + 512);
    (0..tries).find_map(|step| {
        let address = Ipv4Addr::from(u32::try_from(first + (start + step) % size).expect("inside an IPv4 range"));
        (!matches!(address.octets()[3], 0 | 255) && !taken.contains(&address)).then_some(address)
    })
}

fn hash(host: &str) -> u32 {
    let digest = Sha256::digest(host.as_bytes());
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// The IPv6 address beside an IPv4 one: a unique local prefix (RFC 4193) with the IPv4 address at its end.
fn ipv6_of(v4: Ipv4Addr) -> Ipv6Addr {
    let [a, b, c, d] = v4.octets();
    Ipv6Addr::new(0xfd6d, 0x6573, 0x6800, 0, 0, 0, u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range() -> VipPolicy {
        VipPolicy::default()
    }

    fn hosts(names: &[&str]) -> BTreeMap<Arc<str>, Kept> {
        names.iter().map(|name| (Arc::from(*name), Kept::default())).collect()
    }

    #[test]
    fn a_new_address_is_a_function_of_the_host() {
        let allotment = allot(&range(), &hosts(&["stage.checkout.global"]), &BTreeSet::new());
        // printf stage.checkout.global | sha256sum → first 4 bytes, mod 2^22, plus 240.64.0.0
        let wanted = u32::from(Ipv4Addr::new(240, 64, 0, 0)) + hash("stage.checkout.global") % (1 << 22);
        assert_eq!(*allotment.addresses["stage.checkout.global"][0], *Ipv4Addr::from(wanted).to_string());
        let beside = allot(&range(), &hosts(&["a.b.global", "stage.checkout.global"]), &BTreeSet::new());
        assert_eq!(beside.addresses["stage.checkout.global"], allotment.addresses["stage.checkout.global"]);
    }

    #[test]
    fn a_taken_address_is_passed_over_in_sorted_order() {
        let small =
            VipPolicy::Range { range: Ipv4Range { network: Ipv4Addr::new(240, 64, 0, 0), prefix: 24 }, ipv6: false };
        let names: Vec<String> = (0..254).map(|n| format!("e.s{n}.global")).collect();
        let refs: Vec<&str> = names.iter().map(String::as_str).collect();
        let allotment = allot(&small, &hosts(&refs), &BTreeSet::new());
        let distinct: BTreeSet<_> = allotment.addresses.values().flatten().collect();
        assert_eq!(distinct.len(), 254);
        assert!(!distinct.iter().any(|address| address.ends_with(".0") || address.ends_with(".255")));
        let one_more: Vec<&str> = refs.iter().copied().chain(["z.z.global"]).collect();
        assert_eq!(allot(&small, &hosts(&one_more), &BTreeSet::new()).full.len(), 1);
    }

    #[test]
    fn a_kept_address_is_the_stores_then_that_of_most_clusters_then_the_smallest() {
        let mut all = hosts(&["a.x.global", "b.x.global", "c.x.global"]);
        let kept = all.get_mut("a.x.global").unwrap();
        kept.others = BTreeMap::from([("240.0.10.9".into(), 2), ("240.0.10.1".into(), 1)]);
        let kept = all.get_mut("b.x.global").unwrap();
        kept.others = BTreeMap::from([("240.0.10.4".into(), 1), ("240.0.10.3".into(), 1)]);
        let kept = all.get_mut("c.x.global").unwrap();
        kept.stored = Some("240.0.10.3".into());
        let allotment = allot(&range(), &all, &BTreeSet::new());
        assert_eq!(*allotment.addresses["a.x.global"][0], *"240.0.10.9");
        assert_eq!(*allotment.addresses["c.x.global"][0], *"240.0.10.3");
        assert_eq!(allotment.collisions.len(), 1);
        assert_eq!(*allotment.collisions[0].0, *"b.x.global");
    }
}
