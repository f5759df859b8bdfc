//! A member's gateway as the policy gives it.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::MemberGateway;
use super::label::is_subdomain;

/// Port of an east-west gateway that is not given one (`reference/admiral.md` §4.7).
pub const GATEWAY_PORT: u16 = 15443;

impl MemberGateway {
    /// Parses `none`, `host`, `host:port`, `[ipv6]` or `[ipv6]:port`; without a port it is [`GATEWAY_PORT`].
    ///
    /// A trailing dot of a host name is dropped: whether one is written is `gateway.trailingDot`'s to say.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        let bad = |why: &str| format!("{text:?} is no gateway address (`none` or `host[:port]`): {why}");
        if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = rest.split_once(']').ok_or_else(|| bad("the bracket is not closed"))?;
            let address: Ipv6Addr = address.parse().map_err(|_| bad("no IPv6 address in the brackets"))?;
            let port = match port.strip_prefix(':') {
                Some(port) => parse_port(port).ok_or_else(|| bad("the port is not 1 to 65535"))?,
                None if port.is_empty() => GATEWAY_PORT,
                None => return Err(bad("only `:port` may follow the bracket")),
            };
            return Ok(Self::At { host: address.to_string(), port });
        }
        let (host, port) = match text.split_once(':') {
            None => (text, GATEWAY_PORT),
            Some((_, port)) if port.contains(':') => return Err(bad("write an IPv6 address in brackets")),
            Some((host, port)) => (host, parse_port(port).ok_or_else(|| bad("the port is not 1 to 65535"))?),
        };
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let like_an_address = host.rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
        if host.is_empty() {
            Err(bad("the host is empty"))
        } else if like_an_address && host.parse::<Ipv4Addr>().is_err() {
            Err(bad("the host is not an IPv4 address"))
        } else if !is_subdomain(&host) {
            Err(bad("the host is not a DNS name"))
        } else {
            Ok(Self::At { host, port })
        }
    }
}

impl TryFrom<String> for MemberGateway {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<MemberGateway> for String {
    fn from(gateway: MemberGateway) -> Self {
        match gateway {
            MemberGateway::None => "none".into(),
            MemberGateway::At { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            MemberGateway::At { host, port } => format!("{host}:{port}"),
        }
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_none_or_a_host_with_an_optional_port() {
        let at = |host: &str, port| MemberGateway::At { host: host.into(), port };
        for (text, gateway, written) in [
            ("none", MemberGateway::None, "none"),
            ("host", at("host", 15443), "host:15443"),
            ("host:443", at("host", 443), "host:443"),
            ("EW.c1.example.", at("ew.c1.example", 15443), "ew.c1.example:15443"),
            ("10.1.2.3:15443", at("10.1.2.3", 15443), "10.1.2.3:15443"),
            ("[fd00::1]:15444", at("fd00::1", 15444), "[fd00::1]:15444"),
            ("[fd00:0::1]", at("fd00::1", 15443), "[fd00::1]:15443"),
            ("none:15443", at("none", 15443), "none:15443"),
        ] {
            assert_eq!(MemberGateway::parse(text).unwrap(), gateway);
            assert_eq!(String::from(gateway.clone()), written);
            assert_eq!(MemberGateway::parse(written).unwrap(), gateway, "{written} reads back");
        }
    }

    #[test]
    fn a_bad_gateway_says_what_is_wrong() {
        for (bad, word) in [
            ("", "host is empty"),
            (".", "host is empty"),
            (":15443", "host is empty"),
            ("host:", "the port"),
            ("host:0", "the port"),
            ("host:+80", "the port"),
            ("host:65536", "the port"),
            ("fd00::1", "in brackets"),
            ("[fd00::1", "not closed"),
            ("[fd00::1]15443", "only `:port`"),
            ("[10.1.2.3]:15443", "no IPv6 address"),
            ("10.1.2:15443", "not an IPv4 address"),
            ("10.1.2.256", "not an IPv4 address"),
            ("a b", "not a DNS name"),
            ("https://host", "the port"),
            ("h\u{1b}[31m", "not a DNS name"),
        ] {
            let error = MemberGateway::parse(bad).unwrap_err();
            assert!(error.contains(word), "{bad}: {error}");
        }
    }
}
