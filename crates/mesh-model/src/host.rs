//! Global hosts and the object names made from them (`reference/admiral.md` §3.3).

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::kind::Kind;
use crate::limits::{MAX_HOST, MAX_HOST_LABEL};
use crate::name::{Env, Host, NameError, is_each};
use crate::owned::ObjectKey;

/// The first labels that no env may take.
const RESERVED_PREFIXES: [&str; 2] = ["preview", "canary"];

/// Host and port as one text: an IPv6 address stands in brackets (RFC 3986 §3.2.2).
pub fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The base host of a pair, `env.identity.suffix`: lower case unless the workload keeps its case.
pub fn base_host(env: &str, identity: &str, suffix: &str, keep_case: bool) -> Result<Host, NameError> {
    let host = [env, identity, suffix].join(".");
    Host::parse(&if keep_case { Cow::Borrowed(&*host) } else { in_lower_case(&host) })
}

/// A text in lower case, as hosts are compared: itself, where it is.
pub fn in_lower_case(text: &str) -> Cow<'_, str> {
    // Most are, and reviews count each copy.
    if is_each(text, |byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        text.into()
    } else {
        text.to_lowercase().into()
    }
}

/// The host of a traffic-policy prefix, `prefix.base`; the prefix is joined as written.
pub fn prefix_host(prefix: &str, base: &Host) -> Result<Host, NameError> {
    Host::parse(&format!("{prefix}.{base}"))
}

/// Whether an item of a traffic policy governs the base host itself, and no prefix of it: by the word `default`, by its env
/// or by its host.
pub fn governs_base(dns_prefix: &str, dns: &str, base: &Host, env: &Env) -> bool {
    dns_prefix == "default" || dns_prefix == env.as_str() || !dns.is_empty() && dns.eq_ignore_ascii_case(base)
}

/// The prefix hosts that items of a traffic policy, each a `dnsPrefix` and a `dns`, give the name of a base host.
pub fn prefix_hosts<'a>(
    items: impl Iterator<Item = (&'a str, &'a str)>,
    base: &'a Host,
    env: &'a Env,
) -> impl Iterator<Item = Result<Host, NameError>> {
    items.filter(|(prefix, dns)| !governs_base(prefix, dns, base, env)).map(|(prefix, _)| prefix_host(prefix, base))
}

/// The reserved first label of the host of an env, if it has one: hosts that begin so are those of another name's Rollout.
pub fn reserved_prefix(env: &str) -> Option<&'static str> {
    let first = env.split('.').next()?;
    RESERVED_PREFIXES.into_iter().find(|prefix| prefix.eq_ignore_ascii_case(first))
}

/// The name of the ServiceEntry of `host`.
pub fn service_entry_name(host: &Host) -> String {
    format!("{}-se", host.to_lowercase())
}

/// The name of the DestinationRule of `host`: one governed by a prefixed item of a traffic policy has no `default`.
pub fn destination_rule_name(host: &Host, prefixed: bool) -> String {
    let host = host.to_lowercase();
    if prefixed { format!("{host}-dr") } else { format!("{host}-default-dr") }
}

/// The host that a generated object is named for, in lower case.
pub fn named_host(key: &ObjectKey) -> Option<&str> {
    match key.kind {
        Kind::ServiceEntry => key.name.strip_suffix("-se"),
        _ => key.name.strip_suffix("-default-dr").or_else(|| key.name.strip_suffix("-dr")),
    }
}

/// What a host ends in after each of its dots, the longest first.
pub fn tails(host: &str) -> impl Iterator<Item = &str> {
    host.match_indices('.').map(|(dot, _)| &host[dot + 1..])
}

/// The value of label `kubectl-mesh.io/identity`: 16 hex digits of the sha-256 of the identity as written (deviation D2).
pub fn identity_label(identity: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(identity.as_bytes())[..8])
}

/// Whether proxies would not route `host`, since Envoy compares hosts in lower case (deviation D19).
pub fn has_upper_case(host: &str) -> bool {
    host.bytes().any(|b| b.is_ascii_uppercase())
}

/// What is wrong with `text` as a host, by Istio's `ValidateFQDN` and our bounds (deviation D19).
pub(crate) fn host_problem(text: &str) -> Option<String> {
    if text.len() > MAX_HOST {
        return Some(format!("is longer than {MAX_HOST} bytes ({})", text.len()));
    }
    if !text.contains('.') {
        return Some("has no dot".into());
    }
    let is_in_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let are_all_in_labels = is_each(text, |byte| is_in_label(byte) || byte == b'.');
    text.split('.').find_map(|label| {
        let fine = !label.is_empty()
            && (are_all_in_labels || is_each(label, is_in_label))
            && !label.starts_with('-')
            && !label.ends_with('-');
        if !fine {
            Some(format!("has the label {label:?}, which is not a DNS label"))
        } else if label.len() > MAX_HOST_LABEL {
            Some(format!("has a label of {} bytes, at most {MAX_HOST_LABEL} are legal", label.len()))
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Identity;

    fn pair(env: &str, identity: &str) -> (Env, Identity) {
        (Env::parse(env).unwrap(), Identity::parse(identity).unwrap())
    }

    #[test]
    fn ipv6_addresses_stand_in_brackets() {
        assert_eq!(host_and_port("gw.example", 15443), "gw.example:15443");
        assert_eq!(host_and_port("192.0.2.1", 15443), "192.0.2.1:15443");
        assert_eq!(host_and_port("2001:db8::1", 15443), "[2001:db8::1]:15443");
    }

    #[test]
    fn hosts_follow_admiral() {
        let (env, identity) = pair("stage", "Greeting");
        let base = base_host(&env, &identity, "global", false).unwrap();
        assert_eq!(base.as_str(), "stage.greeting.global");
        let kept = base_host(&env, &identity, "global", true).unwrap();
        assert_eq!(kept.as_str(), "stage.Greeting.global");
        assert_eq!(service_entry_name(&kept), "stage.greeting.global-se");
        assert_eq!(destination_rule_name(&base, false), "stage.greeting.global-default-dr");
        let west = prefix_host("west", &base).unwrap();
        assert_eq!(destination_rule_name(&west, true), "west.stage.greeting.global-dr");
    }

    #[test]
    fn first_labels_of_rollouts_are_reserved_in_any_case() {
        let reserved = reserved_prefix;
        assert_eq!(reserved("preview.stage"), Some("preview"));
        // Hosts are compared without regard to case.
        assert_eq!(reserved("Canary.stage"), Some("canary"));
        assert_eq!((reserved("stage.preview"), reserved("previews")), (None, None));
    }

    #[test]
    fn illegal_hosts_say_why() {
        for (env, identity, word) in
            [("stage", "a_b", "DNS label"), ("stage", &"x".repeat(64), "64 bytes"), ("stage", "a..b", "DNS label")]
        {
            let (env, identity) = pair(env, identity);
            let error = base_host(&env, &identity, "global", false).unwrap_err();
            assert!(error.problem.contains(word), "{error}");
        }
        let long = ["a".repeat(60), "b".repeat(60), "c".repeat(60), "d".repeat(60)].join(".");
        let (env, identity) = pair("stage", &long);
        assert!(base_host(&env, &identity, "global", false).unwrap_err().problem.contains("242"));
    }

    #[test]
    fn identity_labels_are_sixteen_hex_digits_of_the_identity_as_written() {
        assert_eq!(identity_label("greeting").len(), 16);
        assert_ne!(identity_label("greeting"), identity_label("Greeting"));
        // `printf abc | sha256sum`
        assert_eq!(identity_label("abc"), "ba7816bf8f01cfea");
    }
}
