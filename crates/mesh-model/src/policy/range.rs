//! Ranges of virtual addresses.

use std::fmt;
use std::net::Ipv4Addr;

use super::Ipv4Range;
use crate::limits::VIP_PREFIXES;

/// Networks whose addresses no public host has, so that a virtual address takes nobody's traffic away: private (RFC
/// 1918), carrier-grade NAT (RFC 6598), benchmarks (RFC 2544), reserved (RFC 1112).
const USABLE: [Ipv4Range; 6] = [
    range([10, 0, 0, 0], 8),
    range([100, 64, 0, 0], 10),
    range([172, 16, 0, 0], 12),
    range([192, 168, 0, 0], 16),
    range([198, 18, 0, 0], 15),
    range([240, 0, 0, 0], 4),
];

/// From here istiod allots addresses itself (`PILOT_ENABLE_IP_AUTOALLOCATE`).
const ISTIOD: Ipv4Range = range([240, 240, 0, 0], 16);

impl Ipv4Range {
    /// Parses `240.64.0.0/10`: at least 256 addresses, all of them private or reserved, none that istiod allots.
    pub fn parse(text: &str) -> Result<Self, String> {
        let not_a_range = || format!("{text:?} is not an IPv4 range such as 240.64.0.0/10");
        let (network, prefix) = text.split_once('/').ok_or_else(not_a_range)?;
        let network: Ipv4Addr = network.parse().map_err(|_| not_a_range())?;
        let digits = !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_digit());
        let prefix: u8 = if digits { prefix.parse().map_err(|_| not_a_range())? } else { return Err(not_a_range()) };
        if prefix > 32 || prefix < *VIP_PREFIXES.start() {
            return Err(not_a_range());
        }
        if prefix > *VIP_PREFIXES.end() {
            return Err(format!(
                "{text} is too small: a range of virtual addresses needs at least 256 (/{})",
                VIP_PREFIXES.end()
            ));
        }
        let range = Self { network, prefix };
        if u32::from(network) & !range.mask() != 0 {
            let meant = Self { network: Ipv4Addr::from(u32::from(network) & range.mask()), prefix };
            return Err(format!("{text} has host bits set; the range is {meant}"));
        }
        if !USABLE.iter().any(|usable| usable.holds(range)) {
            let usable: Vec<_> = USABLE.iter().map(ToString::to_string).collect();
            return Err(format!(
                "{text} is not only private or reserved addresses, so it would take traffic of real hosts; use a part of {}",
                usable.join(", ")
            ));
        }
        if range.holds(ISTIOD) || ISTIOD.holds(range) {
            return Err(format!("{text} overlaps {ISTIOD}, from which istiod allots addresses itself"));
        }
        Ok(range)
    }

    fn mask(self) -> u32 {
        u32::MAX << (32 - u32::from(self.prefix))
    }

    /// Whether `address` is one of it.
    pub fn has(self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask() == u32::from(self.network)
    }

    /// The smallest range that has all of `addresses`; none if there are none.
    pub fn spanning(addresses: impl IntoIterator<Item = Ipv4Addr>) -> Option<Self> {
        let mut addresses = addresses.into_iter().map(u32::from);
        let first = addresses.next()?;
        let differing = addresses.fold(0, |bits, address| bits | (first ^ address));
        let prefix = u8::try_from(differing.leading_zeros()).ok()?.clamp(*VIP_PREFIXES.start(), *VIP_PREFIXES.end());
        let range = Self { network: Ipv4Addr::UNSPECIFIED, prefix };
        Some(Self { network: Ipv4Addr::from(first & range.mask()), prefix })
    }

    fn holds(self, other: Self) -> bool {
        self.prefix <= other.prefix && self.has(other.network)
    }
}

impl fmt::Display for Ipv4Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl TryFrom<String> for Ipv4Range {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Ipv4Range> for String {
    fn from(range: Ipv4Range) -> Self {
        range.to_string()
    }
}

const fn range(octets: [u8; 4], prefix: u8) -> Ipv4Range {
    let [a, b, c, d] = octets;
    Ipv4Range { network: Ipv4Addr::new(a, b, c, d), prefix }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_written_as_it_was_read() {
        for good in ["240.64.0.0/10", "240.0.0.0/16", "241.7.0.0/16", "10.0.0.0/8", "100.64.0.0/24", "192.168.4.0/24"] {
            assert_eq!(Ipv4Range::parse(good).unwrap().to_string(), good);
        }
    }

    #[test]
    fn a_bad_range_says_what_is_wrong() {
        for (bad, word) in [
            ("", "not an IPv4 range"),
            ("240.64.0.0", "not an IPv4 range"),
            ("240.64.0.0/", "not an IPv4 range"),
            ("240.64.0.0/+8", "not an IPv4 range"),
            ("240.64.0.0/33", "not an IPv4 range"),
            ("240.64.0.0/256", "not an IPv4 range"),
            ("0.0.0.0/0", "not an IPv4 range"),
            ("240.064.0.0/10", "not an IPv4 range"),
            ("fd00::/8", "not an IPv4 range"),
            ("240.64.0.0/25", "too small"),
            ("240.64.0.0/32", "too small"),
            ("240.65.0.0/10", "the range is 240.64.0.0/10"),
            ("8.8.8.0/24", "real hosts"),
            ("127.0.0.0/8", "real hosts"),
            ("224.0.0.0/8", "real hosts"),
            ("169.254.0.0/16", "real hosts"),
            ("128.0.0.0/1", "real hosts"),
            ("172.0.0.0/8", "real hosts"),
            ("240.240.0.0/16", "istiod"),
            ("240.240.3.0/24", "istiod"),
            ("240.0.0.0/4", "istiod"),
        ] {
            let error = Ipv4Range::parse(bad).unwrap_err();
            assert!(error.contains(word), "{bad}: {error}");
        }
    }
}
